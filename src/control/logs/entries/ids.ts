import { type LogEntry, logIds, logNameOf } from '#core/log.ts';

/** What of a record of an endpoint its log entry shows. */
export interface EndpointRecord {
  /** Unique id of the record. */
  readonly id: string;
  readonly project: string;
  readonly zone: string;
  readonly endpoint: string;
  /** Name of the watched network. */
  readonly network: string;
  readonly source: { readonly address: string; readonly port: number };
  readonly destination: { readonly address: string; readonly port: number };
  /** `tcp`, `udp`, `icmp`. */
  readonly ipProtocol: string;
  /** Such as `web-browsing`. */
  readonly application: string;
  readonly sessionId: string;
  readonly repeatCount: number;
}

/** A threat, as far as its log entry shows it. */
export interface ThreatRecord extends EndpointRecord {
  /** RFC 3339. */
  readonly alertTime: string;
  readonly name: string;
  /** Signature, in decimal. */
  readonly threatId: string;
  readonly severity: 'CRITICAL' | 'HIGH' | 'MEDIUM' | 'LOW' | 'INFORMATIONAL';
  /** `vulnerability`, `spyware` or `virus`. */
  readonly type: string;
  readonly category: string;
  readonly direction: 'client-to-server' | 'server-to-client';
  /** Last element of the path, or empty. */
  readonly uriOrFilename: string;
  /** Who asked, when the source is a load balancer of our own. */
  readonly client?:
    | {
        readonly address: string;
        readonly principal?: string | undefined;
        readonly requestId?: string | undefined;
      }
    | undefined;
  /** Of what crosses a gateway. */
  readonly gateway?: string | undefined;
  readonly rule?: string | undefined;
  /** What the engine did with the packet. */
  readonly action?: 'allowed' | 'blocked' | undefined;
  readonly cves: readonly string[];
  readonly description: string;
}

/** A session that an endpoint saw, as far as its log entry shows it. */
export interface TrafficRecord extends EndpointRecord {
  /** RFC 3339. */
  readonly startTime: string;
  readonly elapsedSeconds: number;
  readonly totalBytes: number;
  readonly totalPackets: number;
}

/** What a record does not say itself. */
export interface EntryEnvelope {
  /** The project's number, in decimal. */
  readonly projectNumber: string;
  /** RFC 3339: under which time the entry stands. */
  readonly timestamp: string;
  /** RFC 3339: when it reached us. */
  readonly receivedAt: string;
}

/** An entry of the threat log as Cloud IDS writes it: every value a text, `cves` a list or absent. */
export function threatEntry(threat: ThreatRecord, envelope: EntryEnvelope): LogEntry {
  return {
    ...entryOf(threat, logIds.threat, envelope),
    jsonPayload: {
      name: threat.name,
      threat_id: threat.threatId,
      alert_severity: threat.severity,
      type: threat.type,
      category: threat.category,
      alert_time: threat.alertTime,
      ...connection(threat),
      direction: threat.direction,
      uri_or_filename: threat.uriOrFilename,
      ...(threat.cves.length === 0 ? {} : { cves: threat.cves }),
      details: threat.description,
      ...(threat.client === undefined ? {} : clientFields(threat.client)),
      ...(threat.gateway === undefined ? {} : crossedFields(threat)),
    },
  };
}

/** Ours: the cloud's detection never blocks. */
const crossedFields = ({ gateway, rule, action }: ThreatRecord) => ({
  gateway,
  ...(rule === undefined ? {} : { rule }),
  action,
});

/** Ours: the cloud's detection does not know who stands behind its load balancer. */
const clientFields = ({ address, principal, requestId }: NonNullable<ThreatRecord['client']>) => ({
  client_ip_address: address,
  ...(principal === undefined ? {} : { principal_email: principal }),
  ...(requestId === undefined ? {} : { request_id: requestId }),
});

/** An entry of the traffic log as Cloud IDS writes it: every value a text. */
export function trafficEntry(session: TrafficRecord, envelope: EntryEnvelope): LogEntry {
  return {
    ...entryOf(session, logIds.traffic, envelope),
    jsonPayload: {
      start_time: session.startTime,
      elapsed_time: String(session.elapsedSeconds),
      ...connection(session),
      total_bytes: String(session.totalBytes),
      total_packets: String(session.totalPackets),
    },
  };
}

const entryOf = (record: EndpointRecord, logId: string, envelope: EntryEnvelope): LogEntry => ({
  insertId: record.id,
  logName: logNameOf(record.project, logId),
  resource: {
    type: 'ids.googleapis.com/Endpoint',
    labels: {
      resource_container: `projects/${envelope.projectNumber}`,
      location: record.zone,
      id: record.endpoint,
    },
  },
  timestamp: envelope.timestamp,
  receiveTimestamp: envelope.receivedAt,
});

const connection = (record: EndpointRecord): Readonly<Record<string, string>> => ({
  network: record.network,
  source_ip_address: record.source.address,
  source_port: String(record.source.port),
  destination_ip_address: record.destination.address,
  destination_port: String(record.destination.port),
  ip_protocol: record.ipProtocol,
  application: record.application,
  session_id: record.sessionId,
  repeat_count: String(record.repeatCount),
});
