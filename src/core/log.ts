/** A log entry in the shape of Cloud Logging's v2 API. */

export type Severity =
  | 'DEFAULT'
  | 'DEBUG'
  | 'INFO'
  | 'NOTICE'
  | 'WARNING'
  | 'ERROR'
  | 'CRITICAL'
  | 'ALERT'
  | 'EMERGENCY';

export interface MonitoredResource {
  /** Such as `gce_instance`, `gce_subnetwork`, `ids.googleapis.com/Endpoint`. */
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface LogEntry {
  /** Unique among the entries of one log with the same timestamp: 1 to 128 printable ASCII characters, no space. */
  readonly insertId: string;
  /** `projects/P/logs/ID`, with `/` in the id as `%2F`. */
  readonly logName: string;
  readonly resource: MonitoredResource;
  /** RFC 3339: when it happened. */
  readonly timestamp: string;
  /** RFC 3339: when it reached us. */
  readonly receiveTimestamp: string;
  /** Absent: DEFAULT. */
  readonly severity?: Severity;
  readonly labels?: Readonly<Record<string, string>>;
  /** At most one of the three payloads is there. */
  readonly jsonPayload?: Readonly<Record<string, unknown>>;
  readonly protoPayload?: Readonly<Record<string, unknown>>;
  readonly textPayload?: string;
  /** The HTTP request that it is about, as the cloud's `HttpRequest`. */
  readonly httpRequest?: Readonly<Record<string, unknown>>;
  readonly trace?: string;
}

/** Ids of the logs that we write ourselves. */
export const logIds = {
  access: 'cloudaudit.googleapis.com/data_access',
  audit: 'cloudaudit.googleapis.com/activity',
  filter: 'filter',
  firewall: 'compute.googleapis.com/firewall',
  health: 'compute.googleapis.com/healthchecks',
  ipsec: 'ipsec',
  requests: 'requests',
  serial: 'serialconsole.googleapis.com/serial_port_1_output',
  threat: 'ids.googleapis.com/threat',
  urlFilter: 'url_filter',
  traffic: 'ids.googleapis.com/traffic',
  vpn: 'vpn',
} as const;

export const logNameOf = (project: string, logId: string): string =>
  `projects/${project}/logs/${encodeURIComponent(logId)}`;

/** The project of a log's name; undefined when the name is malformed. */
export const projectOfLog = (logName: string): string | undefined => /^projects\/([^/]+)\/logs\/.+$/.exec(logName)?.[1];
