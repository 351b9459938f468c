import { OWN_PATHS } from '#access/iap.ts';
import { serverNamed } from './server.ts';

/**
 * One line of the access log, as the engine is told to write it and as it is read back: words with a blank between them. Each
 * letter of a name, and each quote and comma, would be copied for each request. What could hold a blank is base64url, which
 * few requests have, or stands last, in braces. What clients write is encoded as the engine encodes it for logs: a quote is
 * `#22`, a backslash stands as it is.
 */

/**
 * Who asks: the digest of what they have signed in by, the serial number of what was found out about them, and their address
 * in base64url; behind a dot, also in base64url, the reason of a decision that was asked for. One variable is copied in a third
 * of the time of three.
 */
export const WHO = 'txn.who';
/** Letters of a digest (SHA-256 in base64url) and of a serial number. */
export const DIGEST = 43;
export const SERIAL = 8;

const coded = (sample: string): string => `%[${sample},ub64enc]`;

/** Field to what the engine puts there. Counts are numbers, times are milliseconds, -1 where it did not come to that. */
const fields: Readonly<Record<string, string>> = {
  end: '%[date(0,us)]',
  id: '%ID',
  // Four words, which do not change for as long as the connection is open.
  front: '%[var(sess.peer)]',
  client: '',
  clientPort: '',
  tls: '',
  method: '%HM',
  uri: '%HU',
  query: '-',
  version: '%HV',
  // Encoded by whoever sets it, with the decision.
  user: `%[var(${WHO}),bytes(${DIGEST + SERIAL})]`,
  status: '%ST',
  received: '%U',
  sent: '%B',
  backend: '%b',
  // With its address and port, if these are known beforehand.
  server: '%s',
  serverAddress: '%si',
  serverPort: '%sp',
  source: '%bi',
  sourcePort: '%bp',
  ended: '%tsc',
  connected: '%Tc',
  answered: '%Tr',
  active: '%Ta',
  retries: '%rc',
  // Of the request headers that are captured, in braces and with bars between them.
  headers: '%hr',
};

const encoded = ['query'];
const numbers = ['end', 'clientPort', 'status', 'received', 'sent', 'connected', 'answered', 'active'];

/**
 * What is told of an address that was asked for. Sign-ins carry codes, states and tokens in the query: of addresses of our
 * own only the path is told.
 */
const told = {
  everything: {},
  'no sign-ins': { uri: '%HP', query: coded('var(txn.query)') },
  'no queries': { uri: '%HP' },
} as const;

/** `source`: what servers see as the client, if that is the same for all. Their names then tell where they are. */
export const accessLogFormat = (uri: keyof typeof told, source?: string): string =>
  Object.values({
    ...fields,
    ...told[uri],
    ...(source === undefined ? {} : { source, serverAddress: '-', serverPort: '-' }),
  })
    .filter((it) => it !== '')
    .join(' ');

/** What `no sign-ins` tells behind the path, unless {@link ownQueryRule} takes it away again. */
export const queryRule = 'http-request set-var(txn.query) query,bytes(0,2000)';

/** `own`: hosts of ours on the site's front ends, whose queries name sessions. Nothing may be answered between the two. */
export const ownQueryRule = (own: readonly string[]): string => {
  const hosts = own.length === 0 ? '' : ` or { var(txn.host) -m str ${own.join(' ')} }`;
  return `http-request unset-var(txn.query) if { path -m sub ${OWN_PATHS} }${hosts}`;
};

/** Once for each connection, and not for each of its requests: where it came in, and who is at the other end, as text. */
export const clientRules = (front: string, encrypted: boolean): readonly string[] => [
  'tcp-request session set-var(sess.client) src,lower',
  `tcp-request session set-var-fmt(sess.peer) '${front} %[var(sess.client)] %[src_port] ${encrypted ? '%[ssl_fc_protocol]' : '-'}'`,
];

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
  readonly connected: number;
  readonly answered: number;
  readonly active: number;
  readonly retries: string;
}

const names = Object.keys(fields);
/** What the engine writes where it has nothing to write. */
const NOTHING = ['-', '<BADREQ>'];

const wellFormed = /^(\d+ .*) (?:\{([^}]*)\})?$/;

/** Total: what is no access line gives undefined. */
export function parseAccess(line: string): AccessLine | undefined {
  const [, start = '', headers = ''] = wellFormed.exec(line) ?? [];
  const words = start.split(' ');
  if (words.length !== names.length - 1) return undefined;
  const values = words.map((word, at) => valueIn(names[at] ?? '', word));
  if (values.includes(undefined)) return undefined;
  const { query, ...rest } = Object.fromEntries(names.map((name, at) => [name, values[at]])) as unknown as Written;
  const {
    name: server,
    host: serverAddress = rest.serverAddress,
    port: serverPort = rest.serverPort,
  } = serverNamed(rest.server);
  const [user = '', decision = ''] = rest.user.split('.').map(fromBase64);
  const [agent = '', referer = '', host = '', trace = ''] = headers.split('|').map(decoded);
  return {
    ...rest,
    ...{ server, serverAddress, serverPort, user, decision, agent, referer, host, trace },
    uri: decoded(rest.uri) + (query === '' ? '' : `?${query}`),
  };
}

type Written = Omit<AccessLine, 'agent' | 'referer' | 'host' | 'trace' | 'decision'> & { readonly query: string };

function valueIn(name: string, word: string): string | number | undefined {
  if (numbers.includes(name)) return /^-?\d+$/.test(word) ? Number(word) : undefined;
  if (NOTHING.includes(word)) return '';
  return encoded.includes(name) ? fromBase64(word) : word;
}

const fromBase64 = (word: string): string => Buffer.from(word, 'base64url').toString();

const decoded = (text: string): string =>
  Buffer.from(
    text.replace(/#([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  ).toString();
