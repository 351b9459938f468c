/** Lower-case ASCII labels; the last one is no number, so that no address passes for a name. */
const shape = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A domain as lists and requests are compared: lower case, punycode, without a dot at its end. Undefined: it is none. */
export function domainOf(text: string): string | undefined {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (shape.test(name)) return name;
  const ascii = asciiOf(name);
  return ascii !== undefined && shape.test(ascii) ? ascii : undefined;
}

function asciiOf(name: string): string | undefined {
  if (/[\s/?#@:\\[\]%]/.test(name)) return undefined;
  return URL.parse(`http://${name}`)?.hostname;
}

export type Host =
  | { readonly kind: 'name'; readonly name: string }
  /** Something that a browser takes for an address: `10.0.0.1`, `[::1]`, `2130706433`, `0x7f.1`. */
  | { readonly kind: 'address' }
  | { readonly kind: 'none' };

/** What a request says about where it goes: a Host header or the server name of TLS, without a port. Total. */
export function hostOf(text: string): Host {
  const name = domainOf(text);
  if (name !== undefined) return { kind: 'name', name };
  if (text === '' || text === '-') return { kind: 'none' };
  const last = text.replace(/\.$/, '').split('.').at(-1) ?? '';
  return text.includes(':') || /^(\d+|0x[0-9a-f]*)$/i.test(last) ? { kind: 'address' } : { kind: 'none' };
}
