/** What a client sent in the field of the password. */
export interface Sent {
  readonly password: string;
  /** The answer to the profile's static challenge. */
  readonly code?: string;
}

/** `SCRV1:BASE64:BASE64` is how clients send password and code together. Undefined: it is meant to be that and is not. */
export function sentIn(field: string): Sent | undefined {
  if (!field.startsWith('SCRV1:')) return { password: field };
  const [, password, code, ...more] = field.split(':');
  const [first, second] = [decoded(password), decoded(code)];
  if (first === undefined || second === undefined || more.length > 0) return undefined;
  return second === '' ? { password: first } : { password: first, code: second };
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const value = Buffer.from(text, 'base64').toString('utf8');
  return value.includes('\ufffd') ? undefined : value;
}
