import { type LogEntry, logIds, logNameOf } from '#core/log.ts';

export interface AuditRecord {
  readonly project: string;
  /** Unique id of the record. */
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  /** Who asked: the e-mail address. */
  readonly principal: string;
  /** Such as `compute.googleapis.com`. */
  readonly service: string;
  /** Such as `v1.compute.firewalls.insert`. */
  readonly method: string;
  /** Such as `projects/P/global/firewalls/allow-web`. */
  readonly resource: string;
  readonly callerIp?: string;
  readonly userAgent?: string;
  /** Absent: it succeeded. `code` is one of google.rpc.Code. */
  readonly failure?: { readonly code: number; readonly message: string };
  readonly request?: Readonly<Record<string, unknown>>;
  /** Revision that came of it. */
  readonly revision?: number;
}

/** An entry of the Admin Activity log. */
export function auditEntry(record: AuditRecord): LogEntry {
  const { project, service, method, failure, callerIp, userAgent, request, revision } = record;
  const metadata = {
    ...(callerIp === undefined ? {} : { callerIp }),
    ...(userAgent === undefined ? {} : { callerSuppliedUserAgent: userAgent }),
  };
  return {
    insertId: record.id,
    logName: logNameOf(project, logIds.audit),
    resource: { type: 'audited_resource', labels: { project_id: project, service, method } },
    timestamp: record.at,
    receiveTimestamp: record.at,
    severity: failure === undefined ? 'NOTICE' : 'ERROR',
    ...(revision === undefined ? {} : { labels: { revision: String(revision) } }),
    protoPayload: {
      '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
      serviceName: service,
      methodName: method,
      resourceName: record.resource,
      authenticationInfo: { principalEmail: record.principal },
      requestMetadata: metadata,
      status: failure ?? {},
      ...(request === undefined ? {} : { request }),
    },
  };
}
