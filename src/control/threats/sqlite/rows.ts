import { type FoldRecord, whoOf } from '../fold.ts';
import {
  type Bytes,
  type Crossed,
  type End,
  idOf,
  type Sighting,
  type Threat,
  type Traffic,
  timeText,
} from '../threat.ts';
import type { Row, Value } from './database.ts';
import { addressText, sideOf, type Words } from './words.ts';

/** The part of a threat that is stored as JSON, without what is large. */
export interface Body {
  readonly action: Sighting['action'];
  readonly direction: Sighting['direction'];
  readonly ipProtocol: string;
  readonly sessionId: string;
  readonly communityId?: string;
  readonly transaction?: number;
  readonly uriOrFilename: string;
  readonly uri?: string;
  readonly http?: NonNullable<Sighting['http']>;
  readonly client?: NonNullable<Sighting['client']>;
  readonly crossed?: Crossed;
}

export interface Evidence {
  readonly payload?: Bytes;
  readonly packet?: Bytes;
}

/** JSON leaves out what is undefined. */
export const bodyText = (it: Sighting): string =>
  JSON.stringify({
    action: it.action,
    direction: it.direction,
    ipProtocol: it.ipProtocol,
    sessionId: it.sessionId,
    communityId: it.communityId,
    transaction: it.transaction,
    uriOrFilename: it.uriOrFilename,
    uri: it.uri,
    http: it.http,
    client: it.client,
    crossed: it.crossed,
  });

export const evidenceText = ({ payload, packet }: Sighting): string | null =>
  payload === undefined && packet === undefined ? null : JSON.stringify({ payload, packet });

function end(words: Words, address: Value | undefined, port: Value | undefined, instance: Value | undefined): End {
  const at = { address: addressText(address), port: Number(port) };
  return instance === null || instance === undefined ? at : { ...at, instance: words.textOf(instance) };
}

/** `row` joins threat and detail; evidence is there only when it was asked for. */
export function threatOf(words: Words, row: Row): Threat {
  const { name: endpoint, project, zone, network } = words.endpointName(row.endpoint);
  const { communityId, transaction, uri, http, client, crossed, ...body }: Body = JSON.parse(String(row.body));
  const evidence: Evidence = typeof row.evidence === 'string' ? JSON.parse(row.evidence) : {};
  const side = sideOf(row.side);
  const firstSeen = timeText(Number(row.first));
  return {
    id: idOf(Number(row.number)),
    project,
    endpoint,
    zone,
    network,
    ...words.definitionOf(row.definition),
    signatureId: Number(row.signature),
    alertTime: row.number === row.first ? firstSeen : timeText(Number(row.number)),
    firstSeen,
    lastSeen: row.last === row.first ? firstSeen : timeText(Number(row.last)),
    repeatCount: Number(row.count),
    source: end(words, row.source, row.source_port, row.source_instance),
    destination: end(words, row.destination, row.destination_port, row.destination_instance),
    application: words.textOf(row.application),
    ...body,
    ...(communityId === undefined ? {} : { communityId }),
    ...(transaction === undefined ? {} : { transaction }),
    ...(side === undefined ? {} : { seenAt: side }),
    ...(typeof row.twin === 'number' ? { twin: idOf(row.twin) } : {}),
    folded: row.folded === 1,
    ...(uri === undefined ? {} : { uri }),
    ...(http === undefined ? {} : { http }),
    ...(client === undefined ? {} : { client }),
    ...crossed,
    ...evidence,
  };
}

export function recordOf(words: Words, row: Row): FoldRecord {
  const { communityId, transaction, client }: Body = JSON.parse(String(row.body));
  return {
    number: Number(row.number),
    endpoint: words.endpointName(row.endpoint),
    definition: words.definitionOf(row.definition),
    signatureId: Number(row.signature),
    application: words.textOf(row.application),
    source: addressText(row.source),
    destination: addressText(row.destination),
    client: whoOf(client),
    seenAt: sideOf(row.side),
    communityId,
    transaction,
    first: Number(row.first),
    last: Number(row.last),
    count: Number(row.count),
    twin: typeof row.twin === 'number' ? { number: row.twin } : undefined,
    folded: row.folded === 1,
  };
}

export function trafficOf(words: Words, row: Row): Traffic {
  const { name: endpoint, project, zone, network } = words.endpointName(row.endpoint);
  const side = sideOf(row.side);
  return {
    id: idOf(Number(row.number)),
    project,
    endpoint,
    zone,
    network,
    startTime: timeText(Number(row.start)),
    elapsedSeconds: Number(row.elapsed) / 1e6,
    source: end(words, row.source, row.source_port, row.source_instance),
    destination: end(words, row.destination, row.destination_port, row.destination_instance),
    ipProtocol: words.textOf(row.protocol),
    application: words.textOf(row.application),
    sessionId: String(row.flow),
    ...(typeof row.community === 'string' ? { communityId: row.community } : {}),
    ...(side === undefined ? {} : { seenAt: side }),
    repeatCount: 1,
    totalBytes: Number(row.bytes),
    totalPackets: Number(row.packets),
  };
}
