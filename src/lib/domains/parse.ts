import { domainOf } from './name.ts';

export type ListFormat = 'plain' | 'hosts' | 'adblock';

export interface ListWarning {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

export interface ParsedList {
  readonly domains: ReadonlySet<string>;
  readonly exceptions: ReadonlySet<string>;
  /** The first {@link mostWarnings}. */
  readonly warnings: readonly ListWarning[];
  /** All of them. */
  readonly warned: number;
}

export const mostWarnings = 200;

/** What a line holds: domains, an exception, or why it holds nothing. Undefined: a comment, or an empty line. */
type Line = { readonly names: readonly string[]; readonly exception?: boolean } | string | undefined;

/** Names that many strangers share: a list that holds one holds half of the world. */
const shared = new Set(
  'ac.uk co.uk gov.uk org.uk com.au net.au org.au co.nz co.jp or.jp ne.jp com.br com.cn com.tr com.mx com.ar co.in co.za co.kr com.sg com.hk com.tw co.il github.io gitlab.io pages.dev workers.dev vercel.app netlify.app web.app herokuapp.com blogspot.com cloudfront.net amazonaws.com azurewebsites.net'.split(
    ' ',
  ),
);

/** Hosts files begin with these. */
const local = new Set(
  'localhost localhost.localdomain local broadcasthost ip6-localhost ip6-loopback ip6-allnodes ip6-allrouters'.split(
    ' ',
  ),
);

/** Reads a list; what is no domain is left out and told with its line. Total. */
export function parseList(text: string, format: ListFormat): ParsedList {
  const [domains, exceptions] = [new Set<string>(), new Set<string>()];
  const warnings: ListWarning[] = [];
  let [line, warned] = [0, 0];
  const warn = (message: string): void => {
    warned += 1;
    if (warnings.length < mostWarnings) warnings.push({ line, message });
  };
  for (const raw of lines(text)) {
    line += 1;
    const found = readers[format](raw.trim());
    if (typeof found === 'string') warn(found);
    else
      for (const name of found?.names ?? []) {
        const trouble = take(name, found?.exception === true ? exceptions : domains);
        if (trouble !== undefined) warn(trouble);
      }
  }
  return { domains, exceptions, warnings, warned };
}

function* lines(text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from);
    yield text.slice(from, end === -1 ? text.length : end);
    from = end === -1 ? text.length : end + 1;
  }
}

function take(name: string, into: Set<string>): string | undefined {
  const domain = domainOf(name);
  const shown = name.slice(0, 80);
  if (domain === undefined) return `${shown} is not a domain`;
  if (!domain.includes('.')) return `${shown} is too broad: everything that ends in it would be held`;
  if (shared.has(domain)) return `${shown} is too broad: strangers share it`;
  if (into.has(domain)) return `${shown} is there twice`;
  into.add(domain);
  return undefined;
}

const withoutComment = (text: string): string => text.replace(/(^|\s)#.*$/, '').trim();

const readers: Readonly<Record<ListFormat, (line: string) => Line>> = {
  plain(line) {
    const text = withoutComment(line);
    if (text === '') return undefined;
    if (/\s/.test(text)) return `${text.slice(0, 80)} is more than one word`;
    return { names: [text.replace(/^\*?\./, '')] };
  },
  hosts(line) {
    const [address, ...names] = withoutComment(line).split(/\s+/);
    if (address === undefined || address === '') return undefined;
    if (!/^[0-9a-f.:]+(%\w+)?$/i.test(address)) return `${address.slice(0, 80)} is not an address`;
    const wanted = names.filter((it) => !local.has(it) && it !== '0.0.0.0');
    return names.length === 0 ? 'no name follows the address' : { names: wanted };
  },
  adblock(line) {
    if (line === '' || /^[!#]/.test(line) || /^\[.*\]$/.test(line)) return undefined;
    const [, except, name, options] = /^(@@)?\|\|([^/^$|*]+)\^?\|?(?:\$(.*))?$/.exec(line) ?? [];
    if (name === undefined) return 'only whole domains are understood: ||domain^ and @@||domain^';
    // What holds on some pages only would hold everywhere here.
    if (options !== undefined && !/^(important|all|document|third-party|,)+$/.test(options))
      return `its options are not understood: ${options.slice(0, 80)}`;
    return { names: [name], ...(except === undefined ? {} : { exception: true }) };
  },
};
