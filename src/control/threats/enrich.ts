import type { EveAlert, EveEnd, EveFlow, EveHttp } from '#engines/suricata/eve.ts';
import { contains, parseAddress, parsePrefix } from '#lib/ip.ts';
import { applicationName } from './applications.ts';
import type {
  Bytes,
  Crossed,
  End,
  EndpointName,
  Requester,
  Session,
  Severity,
  Side,
  Sighting,
  ThreatDefinition,
} from './threat.ts';
import { rankOf } from './threat.ts';

/** A threat that a person does not want to see, and for how long. Every criterion that is given must hold. */
export interface ThreatException {
  readonly threatId?: string;
  /** Address or prefix of the side that opened the session. */
  readonly source?: string;
  readonly destination?: string;
  /** Microseconds since 1970; alerts from then on are seen again. */
  readonly until?: number;
  readonly owner?: string;
  readonly reason?: string;
}

export interface EndpointSettings extends EndpointName {
  /** What else its feed is known by: of a gateway the inspection. */
  readonly feed?: string;
  /** Whether it is a gateway, whose rules let sessions in. */
  readonly isGateway?: boolean;
  /** Threats below it are counted, not kept. */
  readonly severity: Severity;
  readonly exceptions: readonly ThreatException[];
}

/** Everything that an alert is joined with. The lookups are synchronous: they stand in the hot path. */
export interface EnrichmentContext {
  readonly endpoint: EndpointSettings;
  /** Which mirrored copy an interface of the engine receives. */
  sideOf(networkInterface: string): Side | undefined;
  /** Whether an address is a load balancer of our own, whose word about clients counts. */
  isProxy(address: string): boolean;
  /** The instance that has an address in the endpoint's network. */
  instanceAt(address: string): string | undefined;
  /** Who has signed in to the SSL VPN of a gateway and had an address then (microseconds since 1970). */
  personAt?(address: string, at: number): string | undefined;
  /** Where a session crosses a gateway; undefined for an endpoint. */
  crossedAt?(alert: EveAlert): Crossed | undefined;
  /** The same object for the same rule, because stores keep a definition once; see {@link catalogueOf}. */
  definitionOf(alert: EveAlert): ThreatDefinition;
}

export type SuppressionReason = 'below-severity' | 'exception';

/** An alert that becomes no threat, with the exception that took it away. */
export interface Suppressed {
  readonly suppressed: SuppressionReason;
  readonly exception?: ThreatException;
}

/** Bytes that are kept of each; the rest is cut and marked. */
const limits = { payload: 4096, packet: 2048, uri: 8192, text: 1024 } as const;

/** Pure: the same alert and context give the same sighting. */
export function enrich(alert: EveAlert, context: EnrichmentContext): Sighting | Suppressed {
  const { endpoint } = context;
  const definition = context.definitionOf(alert);
  if (rankOf(definition.severity) < rankOf(endpoint.severity)) return { suppressed: 'below-severity' };
  const client = clientOf(alert, context);
  const exception = endpoint.exceptions.find((it) => excepts(it, definition.threatId, { alert, client }));
  if (exception !== undefined) return { suppressed: 'exception', exception };
  const uri = uriOf(alert.http);
  return {
    endpoint,
    definition,
    signatureId: alert.signatureId,
    action: alert.action,
    at: alert.at,
    source: endOf(alert.client, context),
    destination: endOf(alert.server, context),
    ipProtocol: alert.protocol,
    application: applicationName(alert.application, alert.protocol),
    direction: alert.direction,
    sessionId: alert.flowId ?? '0',
    communityId: alert.communityId,
    transaction: alert.transaction,
    seenAt: alert.interface === undefined ? undefined : context.sideOf(alert.interface),
    uriOrFilename: shortOf(uri, alert).slice(0, limits.text),
    uri: uri?.slice(0, limits.uri),
    http: alert.http === undefined ? undefined : requestOf(alert.http),
    client,
    crossed: context.crossedAt?.(alert),
    payload: bytes(alert.payload, limits.payload),
    packet: bytes(alert.packet, limits.packet),
  };
}

/** A finished session for the traffic log. */
export const sessionOf = (flow: EveFlow, context: EnrichmentContext): Session => ({
  endpoint: context.endpoint,
  at: flow.at,
  start: flow.start,
  end: Math.max(flow.start, flow.end),
  source: endOf(flow.client, context),
  destination: endOf(flow.server, context),
  ipProtocol: flow.protocol,
  application: applicationName(flow.application, flow.protocol),
  sessionId: flow.flowId ?? '0',
  communityId: flow.communityId,
  seenAt: flow.interface === undefined ? undefined : context.sideOf(flow.interface),
  bytes: flow.bytesToServer + flow.bytesToClient,
  packets: flow.packetsToServer + flow.packetsToClient,
});

/** Whose address of the SSL VPN it is; else only what a load balancer of our own has sent says who is behind it; anybody can write such headers. */
function clientOf({ at, client, proxied }: EveAlert, { isProxy, personAt }: EnrichmentContext): Requester | undefined {
  const signedIn = personAt?.(client.address, at);
  if (signedIn !== undefined) return { address: client.address, principal: signedIn.slice(0, limits.text) };
  const address = proxied?.client;
  if (address === undefined || parseAddress(address) === undefined || !isProxy(client.address)) return undefined;
  // `accounts.google.com:alice@example.com`: who vouches for the person, and the person.
  const principal = /^[^:@\s]{1,100}:(\S+@\S+)$/.exec(proxied?.person ?? '')?.[1];
  const requestId = proxied?.request;
  return {
    address,
    ...(principal === undefined ? {} : { principal: principal.slice(0, limits.text) }),
    ...(requestId === undefined ? {} : { requestId: requestId.slice(0, 36) }),
  };
}

interface Seen {
  readonly alert: EveAlert;
  readonly client: Requester | undefined;
}

function excepts(it: ThreatException, threatId: string, { alert, client }: Seen): boolean {
  if (it.threatId !== undefined && it.threatId !== threatId) return false;
  if (it.until !== undefined && alert.at >= it.until) return false;
  const sources = [alert.client.address, ...(client === undefined ? [] : [client.address])];
  return sources.some((address) => matches(it.source, address)) && matches(it.destination, alert.server.address);
}

/** An exception that cannot be read hides nothing. */
function matches(wanted: string | undefined, text: string): boolean {
  if (wanted === undefined || wanted === text) return true;
  const range = parsePrefix(wanted);
  const address = parseAddress(text);
  return range !== undefined && address !== undefined && contains(range, address);
}

function endOf({ address, port }: EveEnd, context: EnrichmentContext): End {
  const instance = context.instanceAt(address);
  return instance === undefined ? { address, port } : { address, port, instance };
}

/**
 * The request target as it was sent. A raw space ends Suricata's URL and the rest lands in its protocol field, so that
 * `GET /a?b c HTTP/1.1` comes as `/a?b` and `c HTTP/1.1`.
 */
function uriOf(http: EveHttp | undefined): string | undefined {
  if (http?.url === undefined) return undefined;
  const { url, protocol } = http;
  if (protocol === undefined || /^HTTP\/\d/.test(protocol)) return url;
  return `${url} ${protocol.replace(/ ?HTTP\/\d(\.\d)?$/, '')}`;
}

function shortOf(uri: string | undefined, alert: EveAlert): string {
  const whole = uri ?? alert.fileName ?? '';
  if (whole === '') return alert.serverName ?? '';
  const cut = whole.search(/[?#]/);
  const path = uri === undefined || cut < 0 ? whole : whole.slice(0, cut);
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

function requestOf({ method, host, userAgent, status }: EveHttp): NonNullable<Sighting['http']> {
  return {
    ...(method === undefined ? {} : { method: method.slice(0, limits.text) }),
    ...(host === undefined ? {} : { host: host.slice(0, limits.text) }),
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, limits.text) }),
    ...(status === undefined ? {} : { status: Math.min(status, 999) }),
  };
}

function bytes(base64: string | undefined, limit: number): Bytes | undefined {
  if (base64 === undefined) return undefined;
  // Three bytes are four characters, so a cut at a multiple of four leaves valid base64.
  const size = Math.floor(limit / 3) * 4;
  return base64.length <= size ? { base64, truncated: false } : { base64: base64.slice(0, size), truncated: true };
}
