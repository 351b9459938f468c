import type { Folded, FoldRecord, Opened } from './fold.ts';
import { idOf, type Session, type Threat, type Traffic, timeText } from './threat.ts';

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
  const state = stateOf(record);
  return {
    id: idOf(record.number),
    project,
    endpoint,
    zone,
    network,
    ...sighting.definition,
    signatureId: sighting.signatureId,
    action: sighting.action,
    alertTime: record.number === record.first ? state.firstSeen : timeText(record.number),
    ...state,
    source: sighting.source,
    destination: sighting.destination,
    ipProtocol: sighting.ipProtocol,
    application: sighting.application,
    direction: sighting.direction,
    sessionId: sighting.sessionId,
    ...(communityId === undefined ? {} : { communityId }),
    ...(transaction === undefined ? {} : { transaction }),
    ...(seenAt === undefined ? {} : { seenAt }),
    ...sighting.crossed,
    uriOrFilename: sighting.uriOrFilename,
    ...(uri === undefined ? {} : { uri }),
    ...(http === undefined ? {} : { http }),
  };
}

function stateOf(record: FoldRecord): Pick<Threat, 'repeatCount' | 'firstSeen' | 'lastSeen' | 'twin' | 'folded'> {
  const firstSeen = timeText(record.first);
  return {
    firstSeen,
    lastSeen: record.last === record.first ? firstSeen : timeText(record.last),
    repeatCount: record.count,
    ...(record.twin === undefined ? {} : { twin: idOf(record.twin.number) }),
    folded: record.folded,
  };
}

/** The document of a session that was just stored, as a list gives it. */
export function trafficFrom(session: Session): Traffic {
  const { communityId, seenAt } = session;
  const { project, name: endpoint, zone, network } = session.endpoint;
  return {
    id: idOf(session.number ?? session.at),
    project,
    endpoint,
    zone,
    network,
    startTime: timeText(session.start),
    elapsedSeconds: (session.end - session.start) / 1e6,
    source: session.source,
    destination: session.destination,
    ipProtocol: session.ipProtocol,
    application: session.application,
    sessionId: session.sessionId,
    ...(communityId === undefined ? {} : { communityId }),
    ...(seenAt === undefined ? {} : { seenAt }),
    repeatCount: 1,
    totalBytes: session.bytes,
    totalPackets: session.packets,
  };
}

export function* changesOf({ opened, changed }: Folded): Generator<ThreatChange> {
  for (const it of opened) yield { kind: 'opened', threat: threatFrom(it) };
  for (const { record } of changed) {
    const { project, name: endpoint } = record.endpoint;
    yield { kind: 'changed', id: idOf(record.number), project, endpoint, ...stateOf(record) };
  }
}
