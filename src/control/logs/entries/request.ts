import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import type { AccessLine } from '#engines/haproxy/access-log.ts';
import { formatInstant } from '#lib/timestamp.ts';
import { insertIdOf } from './insert-id.ts';

/** The resources that a front end consists of. */
export interface FrontEnd {
  readonly project: string;
  readonly forwardingRule: string;
  readonly targetProxy: string;
  readonly urlMap: string;
  readonly address: string;
}

/** An entry of the load balancer's request log, in the cloud's shape. */
export function requestEntry(line: AccessLine, front: FrontEnd, receivedAt: string): LogEntry {
  const { project } = front;
  const begin = BigInt(line.end) * 1000n - BigInt(Math.max(0, line.active)) * 1_000_000n;
  const service = serviceOf(line);
  const trace = /^([0-9a-f]{32})(?:[/;]|$)/i.exec(line.trace)?.[1] ?? line.id.replaceAll('-', '');
  return {
    insertId: insertIdOf([line.id, line.end, line.clientPort]),
    logName: logNameOf(project, logIds.requests),
    resource: {
      type: 'http_load_balancer',
      labels: {
        project_id: project,
        forwarding_rule_name: front.forwardingRule,
        target_proxy_name: front.targetProxy,
        url_map_name: front.urlMap,
        backend_service_name: service ?? '',
        zone: 'global',
      },
    },
    timestamp: formatInstant(begin),
    receiveTimestamp: receivedAt,
    severity: line.status >= 400 || line.status <= 0 ? 'WARNING' : 'INFO',
    httpRequest: httpRequestOf(line, front),
    jsonPayload: payloadOf(line, service),
    ...(trace === '' ? {} : { trace: `projects/${project}/traces/${trace}` }),
  };
}

const known = (text: string): string | undefined => (text === '' || text === '-' ? undefined : text);

function httpRequestOf(line: AccessLine, front: FrontEnd): Readonly<Record<string, unknown>> {
  const scheme = line.tls === '' || line.tls === '-' ? 'http' : 'https';
  const url = line.uri.startsWith('/') ? `${scheme}://${known(line.host) ?? front.address}${line.uri}` : line.uri;
  const serverIp = known(line.serverAddress);
  return {
    requestMethod: line.method,
    requestUrl: url,
    requestSize: String(line.received),
    status: line.status,
    responseSize: String(line.sent),
    ...(line.agent === '' ? {} : { userAgent: line.agent }),
    remoteIp: line.client,
    ...(serverIp === undefined ? {} : { serverIp }),
    ...(line.referer === '' ? {} : { referer: line.referer }),
    latency: `${(Math.max(0, line.active) / 1000).toFixed(3)}s`,
    protocol: line.version,
  };
}

/** The service that the engine had chosen; what it makes up by itself is called with a dot. */
const serviceOf = ({ backend }: AccessLine): string | undefined => {
  const name = backend.replace(/\.ask$/, '');
  return name.includes('.') || name === '' || name.startsWith('front') ? undefined : name;
};

function payloadOf(line: AccessLine, service: string | undefined): Readonly<Record<string, unknown>> {
  const server = line.server.startsWith('<') ? undefined : known(line.server);
  const time = (milliseconds: number, name: string) => (milliseconds < 0 ? {} : { [name]: milliseconds });
  return {
    '@type': 'type.googleapis.com/google.cloud.loadbalancing.type.LoadBalancerLogEntry',
    statusDetails: statusDetails(line),
    requestId: line.id,
    remoteIp: line.client,
    remotePort: line.clientPort,
    ...(service === undefined ? {} : { backendService: service }),
    ...(server === undefined ? {} : { server }),
    ...(server === undefined || known(line.serverAddress) === undefined
      ? {}
      : { backendIp: line.serverAddress, backendPort: Number(line.serverPort) }),
    // What the host and whoever listens beside it see as the client: threats are joined by it.
    ...(known(line.source) === undefined || server === undefined
      ? {}
      : { sourceIp: line.source, sourcePort: Number(line.sourcePort) }),
    ...(known(line.tls) === undefined ? {} : { tlsVersion: line.tls }),
    ...(line.user === '' ? {} : { user: line.user }),
    ...(line.decision === '' ? {} : { decision: line.decision }),
    retries: Number.parseInt(line.retries.replace('+', ''), 10) || 0,
    timesMs: {
      ...time(line.connected, 'connect'),
      ...time(line.answered, 'response'),
      ...time(line.active, 'total'),
    },
  };
}

/** Who ended the exchange, and when, by the first two letters of the engine's termination state. */
const endings: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/^CD|^CL/, 'client_disconnected_after_partial_response'],
  [/^C/, 'client_disconnected_before_any_response'],
  [/^c/, 'client_timed_out'],
  [/^SC|^sC/, 'failed_to_connect_to_backend'],
  [/^sQ|^SQ/, 'failed_to_pick_backend'],
  [/^SH/, 'backend_connection_closed_before_data_sent_to_client'],
  [/^S/, 'backend_connection_closed_after_partial_response_sent'],
  [/^s/, 'backend_timeout'],
  [/^PH|^PD|^PL/, 'backend_response_invalid'],
  [/^PR/, 'request_refused'],
  [/^K/, 'ended_by_operator'],
  [/^D/, 'backend_became_unhealthy'],
  [/^R|^I/, 'load_balancer_out_of_resources'],
];

/** Why a request ended as it did, in the cloud's words where it has such. */
export function statusDetails({ ended, server, status, decision }: AccessLine): string {
  if (server === '<NOSRV>' && status === 503) return 'failed_to_pick_backend';
  if (ended.startsWith('L') || server.startsWith('<')) {
    if (decision !== '') return 'handled_by_identity_aware_proxy';
    if (/^[CcPRI]/.test(ended)) return wordsFor(ended);
    return status >= 300 && status < 400 ? 'redirected_by_url_map' : 'response_sent_by_load_balancer';
  }
  return ended.startsWith('-') ? 'response_sent_by_backend' : wordsFor(ended);
}

const wordsFor = (ended: string): string =>
  endings.find(([pattern]) => pattern.test(ended))?.[1] ?? 'response_sent_by_backend';
