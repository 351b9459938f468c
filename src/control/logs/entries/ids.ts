import { type LogEntry, logIds, logNameOf } from '#core/log.ts';

/** Where a record of an endpoint comes from. */
export interface EndpointRecord {
  readonly project: string;
  /** The project's number, in decimal. */
  readonly projectNumber: string;
  readonly zone: string;
  readonly endpoint: string;
  /** Unique id of the record. */
  readonly id: string;
  /** Name of the watched network. */
  readonly network: string;
  readonly source: { readonly address: string; readonly port: number };
  readonly destination: { readonly address: string; readonly port: number };
  /** `tcp`, `udp`, `icmp`. */
  readonly protocol: string;
  /** Such as `web-browsing`. */
  readonly application: string;
  readonly sessionId: string;
  readonly repeatCount: number;
  /** RFC 3339: when it reached us. */
  readonly receivedAt: string;
}

/** What of a threat its log entry shows. */
export interface ThreatRecord extends EndpointRecord {
  /** RFC 3339. */
  readonly at: string;
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
  readonly cves: readonly string[];
  readonly details: string;
}

/** One session that an endpoint saw. */
export interface TrafficRecord extends EndpointRecord {
  /** RFC 3339. */
  readonly start: string;
  /** Seconds. */
  readonly elapsed: number;
  readonly bytes: number;
  readonly packets: number;
}

/** An entry of the threat log as Cloud IDS writes it: every value a text, `cves` a list or absent. */
export function threatEntry(threat: ThreatRecord): LogEntry {
  return {
    ...envelope(threat, logIds.threat, threat.at),
    jsonPayload: {
      name: threat.name,
      threat_id: threat.threatId,
      alert_severity: threat.severity,
      type: threat.type,
      category: threat.category,
      alert_time: threat.at,
      ...connection(threat),
      direction: threat.direction,
      uri_or_filename: threat.uriOrFilename,
      ...(threat.cves.length === 0 ? {} : { cves: threat.cves }),
      details: threat.details,
    },
  };
}

/** An entry of the traffic log as Cloud IDS writes it: every value a text. */
export function trafficEntry(session: TrafficRecord): LogEntry {
  return {
    ...envelope(session, logIds.traffic, session.start),
    jsonPayload: {
      start_time: session.start,
      elapsed_time: String(session.elapsed),
      ...connection(session),
      total_bytes: String(session.bytes),
      total_packets: String(session.packets),
    },
  };
}

function envelope(record: EndpointRecord, logId: string, at: string): LogEntry {
  return {
    insertId: record.id,
    logName: logNameOf(record.project, logId),
    resource: {
      type: 'ids.googleapis.com/Endpoint',
      labels: {
        resource_container: `projects/${record.projectNumber}`,
        location: record.zone,
        id: record.endpoint,
      },
    },
    timestamp: at,
    receiveTimestamp: record.receivedAt,
  };
}

const connection = (record: EndpointRecord): Readonly<Record<string, string>> => ({
  network: record.network,
  source_ip_address: record.source.address,
  source_port: String(record.source.port),
  destination_ip_address: record.destination.address,
  destination_port: String(record.destination.port),
  ip_protocol: record.protocol,
  application: record.application,
  session_id: record.sessionId,
  repeat_count: String(record.repeatCount),
});
