import { proxiedVariables } from './proxied.ts';

/**
 * One line of Suricata's EVE file (version 7) as an event. Pure and total: any text gives an answer, nothing throws.
 * This is the only file that knows EVE; fields that it does not name are left out.
 */

export interface EveEnd {
  /** IPv4 or IPv6 text; empty when the packet had none (an alert of the decoder). */
  readonly address: string;
  /** 0 where the protocol has no ports. */
  readonly port: number;
}

export interface EveHttp {
  readonly method?: string;
  readonly host?: string;
  readonly url?: string;
  /** What stood after the first space behind the URL; usually `HTTP/1.1`. */
  readonly protocol?: string;
  readonly userAgent?: string;
  readonly status?: number;
}

/** Texts of headers, as they came. */
export interface EveProxied {
  readonly client?: string;
  readonly request?: string;
  readonly person?: string;
}

/** What alerts and flows have in common. */
export interface EveSession {
  /** Microseconds since 1970. */
  readonly at: number;
  /** The side that opened the session, whichever way the packet went. */
  readonly client: EveEnd;
  readonly server: EveEnd;
  /** Lower case: `tcp`, `udp`, `icmp`. */
  readonly protocol: string;
  /** As Suricata calls it: `http`, `tls`; absent when it is not known (yet). */
  readonly application?: string;
  readonly flowId?: string;
  readonly communityId?: string;
  readonly interface?: string;
}

export interface EveAlert extends EveSession {
  readonly kind: 'alert';
  readonly signatureId: number;
  readonly signature: string;
  /** Words of the rule's class, from classification.config. */
  readonly category: string;
  /** Priority of the class: 1 is the gravest. */
  readonly priority: number;
  readonly action: 'allowed' | 'blocked';
  readonly direction: 'client-to-server' | 'server-to-client';
  /** Number of the transaction in its session, where the protocol has such. */
  readonly transaction?: number;
  readonly http?: EveHttp;
  /** Name of the first file of the transaction. */
  readonly fileName?: string;
  /** Name that the session asked for: of the DNS query or in the TLS greeting. */
  readonly serverName?: string;
  /** What a load balancer said about the request; who believes it looks at the client's address first. */
  readonly proxied?: EveProxied;
  /** Base64 of the inspected bytes. */
  readonly payload?: string;
  /** Base64 of the packet that completed the match. */
  readonly packet?: string;
}

export interface EveFlow extends EveSession {
  readonly kind: 'flow';
  /** Microseconds since 1970. */
  readonly start: number;
  readonly end: number;
  readonly bytesToServer: number;
  readonly bytesToClient: number;
  readonly packetsToServer: number;
  readonly packetsToClient: number;
  readonly state: string;
  readonly alerted: boolean;
}

export type EveEvent =
  | EveAlert
  | EveFlow
  | { readonly kind: 'stats' }
  | { readonly kind: 'other' }
  | { readonly kind: 'malformed'; readonly reason: string };

const stats: EveEvent = { kind: 'stats' };
const other: EveEvent = { kind: 'other' };
const malformed = (reason: string): EveEvent => ({ kind: 'malformed', reason });

// An unescaped quote cannot stand inside a JSON string, so this text is always a key, and Suricata's is the first.
const typeKey = '"event_type":"';

/** `flows: false` skips flow events without parsing them; they then come back as `other`. Default true. */
export function parseEve(line: string, want: { readonly flows: boolean } = { flows: true }): EveEvent {
  if (line.charCodeAt(line.length - 1) !== 0x7d && !line.trimEnd().endsWith('}')) return malformed('cut off');
  const found = line.indexOf(typeKey);
  if (found < 0) return unusual(line);
  const start = found + typeKey.length;
  const isAlert = line.startsWith('alert"', start);
  if (!isAlert) {
    if (line.startsWith('stats"', start)) return stats;
    if (!want.flows || !line.startsWith('flow"', start)) return other;
  }
  const document = parsed(line);
  if (document === undefined) return malformed('not a JSON object');
  return isAlert ? alertOf(document) : flowOf(document);
}

/** No type where it is expected: blank between key and value perhaps, or not EVE at all. */
function unusual(line: string): EveEvent {
  const document = parsed(line);
  if (document === undefined) return malformed('not a JSON object');
  if (document.event_type === 'alert') return alertOf(document);
  if (document.event_type === 'flow') return flowOf(document);
  if (document.event_type === 'stats') return stats;
  return typeof document.event_type === 'string' ? other : malformed('no event_type');
}

type Fields = Readonly<Record<string, unknown>>;

function parsed(line: string): Fields | undefined {
  try {
    return fields(JSON.parse(line));
  } catch {
    return undefined;
  }
}

const fields = (value: unknown): Fields | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : undefined;

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** A whole number from 0 on, or undefined. */
const whole = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

const first = (value: unknown): Fields | undefined => (Array.isArray(value) ? fields(value[0]) : fields(value));

const end = (address: unknown, port: unknown): EveEnd => ({ address: text(address) ?? '', port: whole(port) ?? 0 });

/** Drops the keys that have no value, so that absent stays absent. */
function present<T extends object>(value: { readonly [K in keyof T]: T[K] | undefined }): T {
  const out: Record<string, unknown> = {};
  for (const key in value) if (value[key] !== undefined) out[key] = value[key];
  return out as T;
}

function alertOf(document: Fields): EveEvent {
  const alert = fields(document.alert);
  const at = microseconds(document.timestamp);
  const signatureId = whole(alert?.signature_id);
  if (alert === undefined || signatureId === undefined) return malformed('an alert without signature_id');
  if (at === undefined) return malformed('an alert without timestamp');
  const toClient = document.direction === 'to_client';
  const [client, server] = ends(document, toClient);
  const { http, files, dns, tls } = document;
  return present<EveAlert>({
    kind: 'alert',
    at,
    client,
    server,
    protocol: (text(document.proto) ?? 'unknown').toLowerCase(),
    application: applicationOf(document),
    flowId: flowIdOf(document),
    communityId: text(document.community_id),
    interface: text(document.in_iface),
    signatureId,
    signature: text(alert.signature) ?? `signature ${signatureId}`,
    category: text(alert.category) ?? '',
    priority: whole(alert.severity) ?? 3,
    action: alert.action === 'blocked' ? 'blocked' : 'allowed',
    direction: toClient ? 'server-to-client' : 'client-to-server',
    transaction: whole(document.tx_id),
    http: http === undefined ? undefined : httpOf(fields(http)),
    fileName: files === undefined ? undefined : text(first(files)?.filename),
    serverName: text(fields(tls)?.sni) ?? (dns === undefined ? undefined : queryOf(fields(dns))),
    proxied: document.metadata === undefined ? undefined : proxiedOf(fields(document.metadata)),
    payload: text(document.payload),
    packet: text(document.packet),
  });
}

/** The flow record knows who opened the session; without it the direction tells. */
function ends(document: Fields, toClient: boolean): readonly [EveEnd, EveEnd] {
  const flow = fields(document.flow);
  if (text(flow?.src_ip) !== undefined && text(flow?.dest_ip) !== undefined) {
    return [end(flow?.src_ip, flow?.src_port), end(flow?.dest_ip, flow?.dest_port)];
  }
  const source = end(document.src_ip, document.src_port);
  const destination = end(document.dest_ip, document.dest_port);
  return toClient ? [destination, source] : [source, destination];
}

function applicationOf(document: Fields): string | undefined {
  const name = text(document.app_proto);
  return name === 'failed' ? undefined : name;
}

/** Suricata keeps it within 51 bits, so no digit is lost in a number. */
function flowIdOf(document: Fields): string | undefined {
  const id = whole(document.flow_id);
  return id === undefined ? undefined : String(id);
}

function httpOf(http: Fields | undefined): EveHttp | undefined {
  if (http === undefined) return undefined;
  return present<EveHttp>({
    method: text(http.http_method),
    host: text(http.hostname),
    url: text(http.url),
    protocol: text(http.protocol),
    userAgent: text(http.http_user_agent),
    status: whole(http.status),
  });
}

/** Variables of the session, a list of objects with one key each. */
function proxiedOf(metadata: Fields | undefined): EveProxied | undefined {
  if (!Array.isArray(metadata?.flowvars)) return undefined;
  const variables: Fields = Object.assign({}, ...metadata.flowvars.map((it) => fields(it) ?? {}));
  const [client, request, person] = [
    text(variables[proxiedVariables.client]),
    text(variables[proxiedVariables.request]),
    text(variables[proxiedVariables.person]),
  ];
  if (client === undefined && request === undefined) return undefined;
  return present<EveProxied>({ client, request, person });
}

/** EVE has several layouts of a DNS event; each names the query somewhere. */
function queryOf(dns: Fields | undefined): string | undefined {
  return (
    text(first(dns?.query)?.rrname) ??
    text(first(dns?.queries)?.rrname) ??
    text(dns?.rrname) ??
    text(first(dns?.answer)?.rrname)
  );
}

function flowOf(document: Fields): EveEvent {
  const flow = fields(document.flow);
  const at = microseconds(document.timestamp);
  const start = microseconds(flow?.start);
  if (flow === undefined || at === undefined || start === undefined) return malformed('a flow without its times');
  return present<EveFlow>({
    kind: 'flow',
    at,
    client: end(document.src_ip, document.src_port),
    server: end(document.dest_ip, document.dest_port),
    protocol: (text(document.proto) ?? 'unknown').toLowerCase(),
    application: applicationOf(document),
    flowId: flowIdOf(document),
    communityId: text(document.community_id),
    interface: text(document.in_iface),
    start,
    end: microseconds(flow.end) ?? start,
    bytesToServer: whole(flow.bytes_toserver) ?? 0,
    bytesToClient: whole(flow.bytes_toclient) ?? 0,
    packetsToServer: whole(flow.pkts_toserver) ?? 0,
    packetsToClient: whole(flow.pkts_toclient) ?? 0,
    state: text(flow.state) ?? '',
    alerted: flow.alerted === true,
  });
}

/** `2023-11-14T22:13:20.027000+0100` in microseconds since 1970; undefined for anything else. */
export function microseconds(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length < 20 || value.charCodeAt(19) !== 0x2e) return spelled(value);
  let number = 0;
  let at = 20;
  for (; at < 26; at++) {
    const digit = value.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return spelled(value);
    number = number * 10 + digit;
  }
  const seconds = Date.UTC(
    digits(value, 0, 4),
    digits(value, 5, 7) - 1,
    digits(value, 8, 10),
    digits(value, 11, 13),
    digits(value, 14, 16),
    digits(value, 17, 19),
  );
  const sign = value.charCodeAt(26) === 0x2b ? 1 : value.charCodeAt(26) === 0x2d ? -1 : 0;
  if (sign === 0 || value.length !== 31) return spelled(value);
  const offset = sign * (digits(value, 27, 29) * 60 + digits(value, 29, 31));
  return inRange((seconds - offset * 60_000) * 1000 + number);
}

/** Other spellings of RFC 3339, to the millisecond. */
const spelled = (value: unknown): number | undefined =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? inRange(Date.parse(value) * 1000) : undefined;

/** Years 1970 to 2200: outside of them a number of microseconds is a mistake (and soon no longer exact). */
const inRange = (value: number): number | undefined =>
  value >= 0 && value < 7_258_118_400_000_000 ? value : undefined;

function digits(value: string, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = value.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    number = number * 10 + digit;
  }
  return number;
}
