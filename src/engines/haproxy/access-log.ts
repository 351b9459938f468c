import { OWN_PATHS } from '#access/iap.ts';

/**
 * One line of the access log, as the engine is told to write it and as it is read back: a JSON array, as each letter of a
 * name would be copied for each request. Only fields that cannot hold a quote stand bare. The engine's JSON converter takes
 * a hundred instructions for each letter, so it is for what few requests have. What clients write comes first, encoded as
 * the engine encodes it for logs: a quote is `#22`, a backslash stands as it is. Others are base64url.
 */

const escaped = (sample: string): string => `"%[${sample},json(utf8s)]"`;
const coded = (sample: string): string => `"%[${sample},ub64enc]"`;

/** Field to what the engine puts there. Counts are numbers, times are milliseconds, -1 where it did not come to that. */
const fields: Readonly<Record<string, string>> = {
  // Of the request headers that are captured, in braces and with bars between them.
  headers: '"%hr"',
  uri: '"%HU"',
  id: '"%ID"',
  end: '%[date(0,us)]',
  front: '"%f"',
  client: '"%[var(sess.client)]"',
  clientPort: '%cp',
  tls: '"%sslv"',
  method: '"%HM"',
  query: '""',
  version: '"%HV"',
  trace: escaped('var(txn.trace)'),
  user: coded('var(txn.user)'),
  decision: escaped('var(txn.decision)'),
  status: '%ST',
  received: '%U',
  sent: '%B',
  backend: '"%b"',
  server: '"%s"',
  serverAddress: '"%si"',
  serverPort: '"%sp"',
  source: '"%bi"',
  sourcePort: '"%bp"',
  ended: '"%tsc"',
  queued: '%Tw',
  connected: '%Tc',
  answered: '%Tr',
  active: '%Ta',
  retries: '"%rc"',
};

/**
 * What is told of an address that was asked for. Sign-ins carry codes, states and tokens in the query: of addresses of our
 * own only the path is told.
 */
const told = {
  everything: {},
  'no sign-ins': { uri: '"%HP"', query: coded('var(txn.query)') },
  'no queries': { uri: '"%HP"' },
} as const;

/** `source`: what servers see as the client, if that is the same for all. */
export const accessLogFormat = (uri: keyof typeof told, source?: string): string =>
  `[${Object.values({ ...fields, ...told[uri], ...(source === undefined ? {} : { source: `"${source}"` }) }).join(',')}]`;

/** What `no sign-ins` tells behind the path. */
export const queryRule = `http-request set-var-fmt(txn.query) '?%[query,bytes(0,2000)]' if { query -m found } !{ path -m sub ${OWN_PATHS} }`;

/** Once for each connection, and not for each of its requests: who is at the other end, as text. */
export const clientRule = 'tcp-request session set-var(sess.client) src,lower';

/** Request headers that are kept for the log, in the order in which the format asks for them. */
export const captured = [
  { header: 'user-agent', length: 512 },
  { header: 'referer', length: 512 },
  { header: 'host', length: 255 },
] as const;

/** A longer line is cut off and then not understood; the longest that our limits allow is well below. */
export const LINE_LENGTH = 16_000;

export interface AccessLine {
  readonly id: string;
  /** Microseconds since 1970 at which the request was over. */
  readonly end: number;
  readonly front: string;
  readonly client: string;
  readonly clientPort: number;
  readonly tls: string;
  readonly method: string;
  readonly host: string;
  readonly uri: string;
  readonly version: string;
  readonly agent: string;
  readonly referer: string;
  readonly trace: string;
  readonly user: string;
  readonly decision: string;
  readonly status: number;
  readonly received: number;
  readonly sent: number;
  readonly backend: string;
  readonly server: string;
  readonly serverAddress: string;
  readonly serverPort: string;
  readonly source: string;
  readonly sourcePort: string;
  readonly ended: string;
  readonly queued: number;
  readonly connected: number;
  readonly answered: number;
  readonly active: number;
  readonly retries: string;
}

const names = Object.keys(fields);
/** What the engine writes where it has nothing to write. */
const NOTHING = ['-', '<BADREQ>'];

const begin = /^\["(?:\{([^"]*)\})?","([^"]*)",/;

/** Total: what is no access line gives undefined. */
export function parseAccess(line: string): AccessLine | undefined {
  const [start, headers = '', uri = ''] = begin.exec(line) ?? [];
  if (start === undefined) return undefined;
  try {
    const values = ['', decoded(uri), ...(JSON.parse(`[${line.slice(start.length)}`) as unknown[])];
    if (values.length !== names.length) return undefined;
    const told = values.map((it) => (NOTHING.includes(it as string) ? '' : it));
    const found = Object.fromEntries(names.map((name, at) => [name, told[at]])) as unknown as Written;
    if (typeof found.end !== 'number' || typeof found.status !== 'number') return undefined;
    const { query, headers: _, ...rest } = found;
    const [agent = '', referer = '', host = ''] = headers.split('|').map(decoded);
    return { ...rest, agent, referer, host, uri: found.uri + plain(query), user: plain(found.user) };
  } catch {
    return undefined;
  }
}

type Written = Omit<AccessLine, 'agent' | 'referer' | 'host'> & { readonly query: string; readonly headers: string };

const plain = (text: string): string => Buffer.from(text, 'base64url').toString();

const decoded = (text: string): string =>
  Buffer.from(
    text.replace(/#([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  ).toString();
