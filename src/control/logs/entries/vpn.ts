import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import { insertIdOf } from './insert-id.ts';

export interface VpnPlace {
  readonly project: string;
  readonly gateway: string;
  /** Number of the line, which tells equal lines apart. */
  readonly number: number;
  readonly receivedAt: string;
}

type Fields = Readonly<Record<string, unknown>>;

const severities: Readonly<Record<string, LogEntry['severity']>> = {
  connected: 'INFO',
  disconnected: 'INFO',
  refused: 'WARNING',
};

/** A line of a VPN service: somebody came, left, or was refused. Undefined for what else it has to say. Total. */
export function vpnEntry(line: string, place: VpnPlace): LogEntry | undefined {
  const fields = parsed(line);
  const { vpn, time, event, ...rest } = fields ?? {};
  const severity = typeof event === 'string' ? severities[event] : undefined;
  if (vpn !== 1 || severity === undefined || typeof time !== 'string' || Number.isNaN(Date.parse(time)))
    return undefined;
  const person = typeof rest['person'] === 'string' ? { person: rest['person'] } : {};
  return {
    insertId: insertIdOf([line, place.number]),
    logName: logNameOf(place.project, logIds.vpn),
    resource: { type: 'gateway', labels: { project_id: place.project, gateway_name: place.gateway } },
    timestamp: time,
    receiveTimestamp: place.receivedAt,
    severity,
    labels: person,
    jsonPayload: { event, ...rest },
  };
}

function parsed(line: string): Fields | undefined {
  if (!line.startsWith('{"vpn":')) return undefined;
  try {
    return JSON.parse(line) as Fields;
  } catch {
    return undefined;
  }
}
