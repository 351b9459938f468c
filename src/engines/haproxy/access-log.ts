import { OWN_PATHS } from '#access/iap.ts';

/**
 * One line of the access log, as the engine is told to write it and as it is read back. Only fields that cannot hold a
 * quote stand bare; all others go through the engine's own JSON converter.
 */

const escaped = (sample: string): string => `"%[${sample},json(utf8s)]"`;

/** Field to what the engine puts there. Counts are numbers, times are milliseconds, -1 where it did not come to that. */
const fields: Readonly<Record<string, string>> = {
  id: '"%ID"',
  end: '%[date(0,us)]',
  front: '"%f"',
  client: '"%ci"',
  clientPort: '%cp',
  tls: '"%sslv"',
  method: '"%HM"',
  host: escaped('capture.req.hdr(2)'),
  uri: escaped('capture.req.uri'),
  version: '"%HV"',
  agent: escaped('capture.req.hdr(0)'),
  referer: escaped('capture.req.hdr(1)'),
  trace: escaped('var(txn.trace)'),
  user: escaped('var(txn.user)'),
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
  request: '%TR',
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
  everything: fields['uri'] ?? '',
  'no sign-ins': escaped(`capture.req.uri,regsub("^(.*?${OWN_PATHS}.*?)\\?.*","\\1")`),
  'no queries': escaped('capture.req.uri,regsub("\\?.*","")'),
} as const;

export const accessLogFormat = (uri: keyof typeof told): string =>
  `{${Object.entries({ ...fields, uri: told[uri] })
    .map(([name, text]) => `"${name}":${text}`)
    .join(',')}}`;

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
  readonly request: number;
  readonly queued: number;
  readonly connected: number;
  readonly answered: number;
  readonly active: number;
  readonly retries: string;
}

/** Total: what is no access line gives undefined. */
export function parseAccess(line: string): AccessLine | undefined {
  if (!line.startsWith('{"id":')) return undefined;
  try {
    const found = JSON.parse(line) as AccessLine;
    return typeof found.end === 'number' && typeof found.status === 'number' ? found : undefined;
  } catch {
    return undefined;
  }
}
