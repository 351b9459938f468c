import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import type { Conditions } from '#lib/logfilter/extract.ts';
import type { ThreatChange } from '../threats/change.ts';
import type { ThreatQuery, ThreatStore, TrafficQuery } from '../threats/store.ts';
import { numberOf, type Severity, severities, type Traffic, timeText } from '../threats/threat.ts';
import { type ThreatRecord, type TrafficRecord, threatEntry, trafficEntry } from './entries/ids.ts';
import type { LogListener, LogRead, LogSource } from './store.ts';

export interface ThreatLogOptions {
  readonly store: Pick<ThreatStore, 'list' | 'traffic'>;
  /** Calls back for each change after it was stored; returns the way to stop that. */
  readonly listen: (listener: (change: ThreatChange) => void) => () => void;
  /** The number of a project, in decimal. */
  readonly projectNumber: (project: string) => string;
  /** True: one entry for both mirrored copies of a session. Default false: an entry each, as Cloud IDS has it. */
  readonly fold?: boolean;
}

/** Fields of threat and traffic entries whose equality the threat store can use; pass them to the log store. */
export const threatLogFields = [
  'resource.type',
  'resource.labels.id',
  'resource.labels.location',
  'jsonPayload.alert_severity',
  'jsonPayload.threat_id',
  'jsonPayload.network',
  'jsonPayload.source_ip_address',
  'jsonPayload.destination_ip_address',
  'jsonPayload.application',
] as const;

type ThreatLogField = (typeof threatLogFields)[number];

/** The threat log, read from the threat store: threats live once. */
export function threatLog(options: ThreatLogOptions): LogSource {
  const { store, listen, projectNumber, fold = false } = options;
  const entryOf = (threat: ThreatRecord): LogEntry =>
    threatEntry(threat, {
      projectNumber: projectNumber(threat.project),
      timestamp: threat.alertTime,
      receivedAt: threat.alertTime,
    });
  return Object.freeze({
    names: async (project: string) => {
      const { items } = await store.list({ project, fold, limit: 1 });
      return items.length > 0 ? [logNameOf(project, logIds.threat)] : [];
    },
    read: (request: LogRead) =>
      read(request, logIds.threat, entryOf, (page) =>
        store.list({ ...scopeOf(request), ...threatScope(request.conditions), ...page, fold }),
      ),
    subscribe: (listener: LogListener) =>
      listen((change) => {
        if (change.kind === 'opened' && !(fold && change.threat.folded)) listener([entryOf(change.threat)]);
      }),
  });
}

export interface TrafficLogOptions extends Omit<ThreatLogOptions, 'listen'> {
  /** Calls back for each session after it was stored; returns the way to stop that. */
  readonly listen: (listener: (session: Traffic) => void) => () => void;
}

/** The traffic log, read from the threat store. */
export function trafficLog({ store, listen, projectNumber, fold = false }: TrafficLogOptions): LogSource {
  const entryOf = (session: TrafficRecord): LogEntry => {
    // The store's order is that of ids, and an id is the time at which the session was logged.
    const timestamp = timeText(numberOf(session.id) ?? 0);
    return trafficEntry(session, { projectNumber: projectNumber(session.project), timestamp, receivedAt: timestamp });
  };
  return Object.freeze({
    names: async (project: string) => {
      const { items } = await store.traffic({ project, fold, limit: 1 });
      return items.length > 0 ? [logNameOf(project, logIds.traffic)] : [];
    },
    read: (request: LogRead) =>
      read(request, logIds.traffic, entryOf, (page) => {
        const application = rename(request.conditions, 'jsonPayload.application', 'application');
        return store.traffic({ ...scopeOf(request), ...application, ...page, fold });
      }),
    subscribe: (listener: LogListener) =>
      listen((session) => {
        if (!(fold && session.seenAt === 'received')) listener([entryOf(session)]);
      }),
  });
}

const batch = 250;

interface PageOf<T> {
  readonly items: readonly T[];
  readonly nextPageToken?: string;
}

async function* read<T>(
  { conditions, order }: LogRead,
  logId: string,
  entryOf: (item: T) => LogEntry,
  ask: (page: {
    readonly order: 'oldest' | 'newest';
    readonly limit: number;
    readonly pageToken?: string;
  }) => Promise<PageOf<T>>,
): AsyncGenerator<readonly LogEntry[], void> {
  if (conditions.never || !(conditions.logs?.includes(logId) ?? true)) return;
  const first = { order: order === 'oldest-first' ? 'oldest' : 'newest', limit: batch } as const;
  let page = await ask(first);
  for (;;) {
    yield page.items.map(entryOf);
    const { nextPageToken: pageToken } = page;
    if (pageToken === undefined) return;
    page = await ask({ ...first, pageToken });
  }
}

/** What both lists can be narrowed by. */
function scopeOf({ project, conditions }: LogRead): TrafficQuery {
  const { from, to } = conditions;
  return {
    project,
    ...(from === undefined ? {} : { from: timeText(micro(from)) }),
    // There the end is not included.
    ...(to === undefined ? {} : { to: timeText(micro(to) + 1) }),
    ...rename(conditions, 'resource.labels.id', 'endpoint'),
    ...rename(conditions, 'resource.labels.location', 'zone'),
    ...rename(conditions, 'jsonPayload.network', 'network'),
    ...rename(conditions, 'jsonPayload.source_ip_address', 'source'),
    ...rename(conditions, 'jsonPayload.destination_ip_address', 'destination'),
  };
}

function threatScope({ equals }: Conditions): Partial<ThreatQuery> {
  const [threatId, ...others] = equals['jsonPayload.threat_id'] ?? [];
  const wanted = equals['jsonPayload.alert_severity'];
  // Severities are sorted from the least to the gravest.
  const least = wanted && severities.find((it) => wanted.includes(it.toLowerCase()));
  return {
    ...(threatId === undefined || others.length > 0 ? {} : { threatId }),
    ...(least === undefined ? {} : { minimumSeverity: least satisfies Severity }),
  };
}

/** The one value that a field must have, under another name; texts of these fields have no upper case. */
function rename<K extends string>(
  { equals }: Conditions,
  field: ThreatLogField,
  name: K,
): { readonly [N in K]?: string } {
  const [value, ...others] = equals[field] ?? [];
  return (value === undefined || others.length > 0 ? {} : { [name]: value }) as { readonly [N in K]?: string };
}

const latest = 253_402_300_799_000_000;

/** Whole microseconds since 1970, within what a time can be there. */
const micro = (nanoseconds: bigint): number => Math.min(latest, Math.max(0, Number(nanoseconds / 1000n)));
