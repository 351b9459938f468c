import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import type { EdgePlace } from './access.ts';
import { insertIdOf } from './insert-id.ts';

const SERVICE = 'iap.googleapis.com';

/** What tunnels are called in the log. */
const methods: Readonly<Record<string, string>> = {
  'tunnel.opened': 'AuthorizeUser.TunnelOpen',
  'tunnel.resumed': 'AuthorizeUser.TunnelResume',
  'tunnel.closed': 'AuthorizeUser.TunnelClose',
  'tunnel.refused': 'AuthorizeUser.TunnelOpen',
  'tunnel.failed': 'AuthorizeUser.TunnelOpen',
};

/** google.rpc.Code by the event that is a failure: PERMISSION_DENIED, UNAVAILABLE. */
const failures: Readonly<Record<string, number>> = { 'tunnel.refused': 7, 'tunnel.failed': 14 };
const UNAUTHENTICATED = 16;

/** A line of the edge service about a tunnel as an entry of the Data Access log; undefined for other lines. Total. */
export function tunnelEntry(text: string, { project, number, receivedAt }: EdgePlace): LogEntry | undefined {
  const line = parsed(text);
  const method = methods[String(line?.['event'])];
  if (line === undefined || method === undefined) return undefined;
  const { time, event, principal, client, instance, zone, status, ...metadata } = line;
  const code = status === 401 ? UNAUTHENTICATED : failures[String(event)];
  const host = `instances/${textOf(instance)}`;
  return {
    insertId: insertIdOf([text, number]),
    logName: logNameOf(project, logIds.access),
    resource: { type: 'audited_resource', labels: { project_id: project, service: SERVICE, method } },
    timestamp: textOf(time),
    receiveTimestamp: receivedAt,
    severity: code === undefined ? 'INFO' : 'WARNING',
    protoPayload: {
      '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
      serviceName: SERVICE,
      methodName: method,
      resourceName: `projects/${project}/iap_tunnel/${typeof zone === 'string' ? `zones/${zone}/${host}` : host}`,
      // `user:alice@example.com` without what it is; whoever gave no token that counts is nobody.
      authenticationInfo: { principalEmail: textOf(principal).replace(/^(user|serviceAccount):/, '') },
      requestMetadata: { callerIp: textOf(client) },
      status: code === undefined ? {} : { code, message: textOf(metadata['reason']) },
      // Port, bytes in both directions, seconds, and why it ended.
      metadata,
    },
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.includes('"event":"tunnel.')) return undefined;
  try {
    const value = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
    return Number.isNaN(Date.parse(textOf(value?.['time']))) ? undefined : (value ?? undefined);
  } catch {
    return undefined;
  }
}
