import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import { formatInstant } from '#lib/timestamp.ts';
import { insertIdOf } from './insert-id.ts';

export interface UrlFilterPlace {
  readonly project: string;
  readonly gateway: string;
  /** Number of the line, which tells equal lines apart. */
  readonly number: number;
  readonly receivedAt: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** A line of squid's: a decision, or a name that did not fit its address. Undefined for what is neither. Total. */
export function urlFilterEntry(line: string, place: UrlFilterPlace): LogEntry | undefined {
  const fields = parsed(line);
  if (fields === undefined) return undefined;
  const text = (name: string): string => plain(fields[name]);
  const number = (name: string): number => whole(fields[name]);
  const forged = text('verdict') === '' && number('status') === 409;
  if (text('verdict') === '' && !forged) return undefined;
  const tls = text('method') === 'CONNECT';
  const verdict = forged ? 'block' : text('verdict');
  const host = text('host') || text('serverName') || hostIn(text('url'));
  return {
    insertId: insertIdOf([line, place.number]),
    logName: logNameOf(place.project, logIds.urlFilter),
    resource: { type: 'gateway', labels: { project_id: place.project, gateway_name: place.gateway } },
    timestamp: formatInstant(BigInt(Math.max(0, number('end') - number('active'))) * 1_000_000n),
    receiveTimestamp: place.receivedAt,
    severity: verdict === 'block' ? 'WARNING' : 'INFO',
    ...(tls ? {} : { httpRequest: requestOf(text, number) }),
    jsonPayload: {
      verdict,
      cause: forged ? 'forged_host' : text('cause'),
      protocol: tls ? 'https' : 'http',
      host,
      ...some({ category: text('category'), profile: text('profile'), rule: text('rule') }),
      ...some({ filterRule: text('filter'), reference: text('ref'), serverName: text('serverName') }),
      client: { ip: text('client'), port: number('clientPort') },
      destination: { ip: text('destination'), port: number('port') },
      bytes: { received: number('received'), sent: number('sent') },
      durationMs: number('active'),
    },
  };
}

const requestOf = (text: (name: string) => string, number: (name: string) => number) => ({
  requestMethod: text('method'),
  requestUrl: text('url'),
  status: number('status'),
  requestSize: String(number('received')),
  responseSize: String(number('sent')),
  remoteIp: text('client'),
  serverIp: text('destination'),
  latency: `${(number('active') / 1000).toFixed(3)}s`,
  ...some({ userAgent: text('agent') }),
});

const some = (fields: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== ''));

const hostIn = (url: string): string => URL.parse(url.includes('://') ? url : `http://${url}`)?.hostname ?? '';

/** Whole, and within what a date can be: milliseconds are among these numbers. Anything else is 0. */
const whole = (value: unknown): number =>
  Number.isInteger(value) && Math.abs(value as number) <= LATEST ? (value as number) : 0;

/** The last day of year 9999, in milliseconds since 1970. */
const LATEST = 253_402_214_400_000;

/** Squid writes `-` for nothing, and percent-encodes what could break out. */
function plain(value: unknown): string {
  if (typeof value !== 'string' || value === '-') return '';
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function parsed(line: string): Fields | undefined {
  if (!line.startsWith('{"end":')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
