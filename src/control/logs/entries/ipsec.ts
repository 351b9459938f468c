import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import { formatInstant } from '#lib/timestamp.ts';
import { insertIdOf } from './insert-id.ts';

export interface IpsecPlace {
  readonly project: string;
  readonly gateway: string;
  /** Number of the line, which tells equal lines apart. */
  readonly number: number;
  readonly receivedAt: string;
}

const severities = { up: 'NOTICE', down: 'WARNING', rekey: 'INFO', failure: 'ERROR' } as const;

/** A line of a keeper of tunnels. Undefined for what is none of its events. Total. */
export function ipsecEntry(line: string, place: IpsecPlace): LogEntry | undefined {
  const fields = parsed(line);
  const text = (name: string): string => (typeof fields?.[name] === 'string' ? (fields[name] as string) : '');
  const at = fields?.['at'];
  const event = text('event');
  if (typeof at !== 'number' || !Object.hasOwn(severities, event)) return undefined;
  return {
    insertId: insertIdOf([line, place.number]),
    logName: logNameOf(place.project, logIds.ipsec),
    resource: { type: 'gateway', labels: { project_id: place.project, gateway_name: place.gateway } },
    timestamp: formatInstant(BigInt(Math.max(0, Math.round(at * 1000))) * 1_000_000n),
    receiveTimestamp: place.receivedAt,
    severity: severities[event as keyof typeof severities],
    jsonPayload: {
      event,
      tunnel: text('tunnel'),
      peer: text('peer'),
      message: text('message'),
      ...(text('address') === '' ? {} : { address: text('address') }),
      ...(text('code') === '' ? {} : { code: text('code'), fix: text('fix') }),
    },
  };
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{"at":')) return undefined;
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
