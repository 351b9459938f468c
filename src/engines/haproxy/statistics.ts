import type { BackendService, HaproxyInput } from './input.ts';
import { askingName, frontendName } from './names.ts';
import { serverName } from './server.ts';

type Row = Readonly<Record<string, string>>;

export interface Seen {
  readonly values: Record<string, Record<string, number>>;
  readonly details: Record<string, string>;
}

/** Values that only grow as long as one process counts them. */
export const counted: readonly string[] = [
  ...['requests', 'connections', 'refused', 'bytesReceived', 'bytesSent'],
  ...['responses2xx', 'responses3xx', 'responses4xx', 'responses5xx'],
  ...['connectErrors', 'responseErrors', 'errors', 'retries', 'redispatches'],
];

const number = (row: Row | undefined, field: string): number => Number(row?.[field] ?? 0) || 0;

const present = (row: Row | undefined): readonly Row[] => (row === undefined ? [] : [row]);

/** What `show stat` tells, under the keys of resources; servers under `SERVICE/SERVER`. Pure. */
export function seenIn(input: HaproxyInput, rows: readonly Row[]): Seen {
  const byPlace = new Map(rows.map((row) => [`${row['pxname']}/${row['svname']}`, row]));
  const seen: Seen = { values: {}, details: {} };
  for (const service of input.services) lookAtService(service, byPlace, seen);
  for (const frontend of input.frontends) {
    const row = byPlace.get(`${frontendName(frontend)}/FRONTEND`);
    seen.values[frontend.id] = {
      requests: number(row, 'req_tot'),
      connections: number(row, 'conn_tot'),
      sessions: number(row, 'scur'),
      bytesReceived: number(row, 'bin'),
      bytesSent: number(row, 'bout'),
      refused: number(row, 'dreq') + number(row, 'ereq'),
    };
  }
  return seen;
}

function lookAtService(service: BackendService, rows: ReadonlyMap<string, Row>, seen: Seen): void {
  const places = [service.name, askingName(service.name)];
  const totals = places.flatMap((it) => present(rows.get(`${it}/BACKEND`)));
  const sum = (field: string) => totals.reduce((total, row) => total + number(row, field), 0);
  let healthy = 0;
  const ailing: string[] = [];
  for (const server of service.servers) {
    const { name } = server;
    const all = places.flatMap((it) => present(rows.get(`${it}/${serverName(server)}`)));
    const [row] = all;
    const health = healthOf(row);
    if (health.healthy) healthy += 1;
    else ailing.push(`${name}: ${health.reason}`);
    const of = (field: string) => all.reduce((total, it) => total + number(it, field), 0);
    seen.values[`${service.id}/${name}`] = {
      healthy: health.healthy ? 1 : 0,
      weight: number(row, 'weight'),
      requests: of('req_tot') || of('stot'),
      sessions: of('scur'),
      errors: of('econ') + of('eresp'),
      responseMs: number(row, 'rtime'),
    };
    seen.details[`${service.id}/${name}`] = health.reason;
  }
  seen.values[service.id] = {
    healthy,
    servers: service.servers.length,
    requests: sum('req_tot') || sum('stot'),
    sessions: sum('scur'),
    responses2xx: sum('hrsp_2xx'),
    responses3xx: sum('hrsp_3xx'),
    responses4xx: sum('hrsp_4xx'),
    responses5xx: sum('hrsp_5xx'),
    connectErrors: sum('econ'),
    responseErrors: sum('eresp'),
    retries: sum('wretr'),
    redispatches: sum('wredis'),
    bytesReceived: sum('bin'),
    bytesSent: sum('bout'),
    responseMs: number(totals[0], 'rtime'),
    totalMs: number(totals[0], 'ttime'),
  };
  if (ailing.length > 0) {
    const named = ailing.slice(0, 5).join('; ');
    const more = ailing.length > 5 ? ` and ${ailing.length - 5} more` : '';
    seen.details[service.id] = `${healthy} of ${service.servers.length} healthy. ${named}${more}`;
  } else if (service.servers.length === 0) seen.details[service.id] = 'it has no servers';
}

/** Words for what a check found, by the engine's own short form. */
const findings: Readonly<Record<string, string>> = {
  L4TOUT: 'no connection in time',
  L4CON: 'connection refused or unreachable',
  L6TOUT: 'no TLS handshake in time',
  L6RSP: 'invalid TLS handshake',
  L7TOUT: 'no answer in time',
  L7RSP: 'invalid answer',
  L7STS: 'wrong status',
  SOCKERR: 'no socket',
  INI: 'not checked yet',
  UNK: 'not checked yet',
};

/** How a server does, from its row. */
export function healthOf(row: Row | undefined): { readonly healthy: boolean; readonly reason: string } {
  const status = row?.['status'] ?? '';
  if (status === '') return { healthy: false, reason: 'not taken up yet' };
  if (status.startsWith('MAINT (resolution)')) return { healthy: false, reason: 'its name is not known' };
  if (status.startsWith('MAINT')) return { healthy: false, reason: 'switched off (maint)' };
  if (status.startsWith('DRAIN')) return { healthy: false, reason: 'draining' };
  if (status === 'no check') return { healthy: true, reason: 'healthy: nothing checks it' };
  if (status.startsWith('UP')) return { healthy: true, reason: 'healthy' };
  const code = row?.['check_status']?.replace(/^\* /, '') ?? '';
  const words = findings[code] ?? code;
  const answer = code === 'L7STS' && row?.['check_code'] ? ` ${row['check_code']}` : '';
  const more = [row?.['check_desc'], row?.['last_chk']].flatMap((it) => (it ? [it] : []));
  const said = code === 'L7RSP' || code === 'L4CON' ? more.at(-1) : undefined;
  return { healthy: false, reason: `${words}${answer}${said === undefined ? '' : ` (${said})`}` };
}
