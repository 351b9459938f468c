import type { Folded, FoldRecord, Opened } from './fold.ts';
import { idOf, type Threat, timeText } from './threat.ts';

/** What subscribers hear, after it was stored. */
export type ThreatChange =
  | { readonly kind: 'opened'; readonly threat: Threat }
  | ({ readonly kind: 'changed'; readonly id: string; readonly project: string; readonly endpoint: string } & Pick<
      Threat,
      'repeatCount' | 'firstSeen' | 'lastSeen' | 'twin' | 'folded'
    >);

/** The document of a threat that was just stored, as a list gives it: without payload and packet. */
export function threatFrom({ record, sighting }: Opened): Threat {
  const { communityId, transaction, uri, http, seenAt } = sighting;
  const { project, name: endpoint, zone, network } = sighting.endpoint;
  return {
    id: idOf(record.number),
    project,
    endpoint,
    zone,
    network,
    ...sighting.definition,
    signatureId: sighting.signatureId,
    action: sighting.action,
    alertTime: timeText(record.number),
    ...stateOf(record),
    source: sighting.source,
    destination: sighting.destination,
    ipProtocol: sighting.ipProtocol,
    application: sighting.application,
    direction: sighting.direction,
    sessionId: sighting.sessionId,
    ...(communityId === undefined ? {} : { communityId }),
    ...(transaction === undefined ? {} : { transaction }),
    ...(seenAt === undefined ? {} : { seenAt }),
    uriOrFilename: sighting.uriOrFilename,
    ...(uri === undefined ? {} : { uri }),
    ...(http === undefined ? {} : { http }),
  };
}

const stateOf = (record: FoldRecord): Pick<Threat, 'repeatCount' | 'firstSeen' | 'lastSeen' | 'twin' | 'folded'> => ({
  firstSeen: timeText(record.first),
  lastSeen: timeText(record.last),
  repeatCount: record.count,
  ...(record.twin === undefined ? {} : { twin: idOf(record.twin.number) }),
  folded: record.folded,
});

export function* changesOf({ opened, changed }: Folded): Generator<ThreatChange> {
  for (const it of opened) yield { kind: 'opened', threat: threatFrom(it) };
  for (const { record } of changed) {
    const { project, name: endpoint } = record.endpoint;
    yield { kind: 'changed', id: idOf(record.number), project, endpoint, ...stateOf(record) };
  }
}
