import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import { insertIdOf } from './insert-id.ts';

/** Fields of a line of the edge service's log; what else stands in one is kept as it is. */
interface EdgeLine {
  readonly time: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface EdgePlace {
  readonly project: string;
  /** Number of the line, which tells equal lines apart. */
  readonly number: number;
  readonly receivedAt: string;
}

/** Events that tell of people and programs: all others are about the service itself, and stay in its own log. */
const methods: Readonly<Record<string, string>> = {
  decision: 'AuthorizeUser',
  'sign-out': 'SignOut',
  signOut: 'SignOut',
  signedIn: 'SignIn',
  session: 'CreateSession',
  signInFailed: 'SignIn',
  passwordChanged: 'ChangePassword',
  secondFactorAdded: 'AddSecondFactor',
  secondFactorRemoved: 'RemoveSecondFactor',
  backchannelLogout: 'SignOut',
  'vpn.signIn': 'SslVpnSignIn',
  'vpn.right': 'SslVpnRight',
  'portal.signIn': 'CaptivePortalSignIn',
  'portal.right': 'CaptivePortalRight',
  'portal.signOut': 'CaptivePortalSignOut',
};

const PERMISSION = 'iap.webServiceVersions.accessViaIAP';
const PERMISSION_DENIED = 7;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;
/** Refusals of the VPN that are none of the password. */
const notAllowed = new Set(['no-right', 'disabled', 'certificate-of-another']);

/** A line as an entry of the Data Access log; undefined for what is none. Total. */
export function accessEntry(line: string, place: EdgePlace): LogEntry | undefined {
  const found = parsed(line);
  const method = found === undefined ? undefined : methods[found.event];
  if (found === undefined || method === undefined) return undefined;
  const { time, event, ...fields } = found;
  const service = text(fields['service']);
  const failure = failureOf(event, fields);
  const client = text(fields['client']) ?? text(fields['address']);
  const name = service === undefined ? undefined : `projects/${place.project}/iap_web/compute/services/${service}`;
  const server = /^(vpn|portal)\./.test(event) ? text(fields['server'])?.split('/').at(-1) : undefined;
  const collection = event.startsWith('portal.') ? 'captivePortals' : 'sslVpnServers';
  const resourceName = server === undefined ? name : `projects/${place.project}/${collection}/${server}`;
  const requestId = text(fields['requestId']);
  return {
    insertId: insertIdOf([line, place.number]),
    logName: logNameOf(place.project, logIds.access),
    resource: {
      type: service === undefined ? 'audited_resource' : 'gce_backend_service',
      labels: {
        project_id: place.project,
        ...(service === undefined ? { service: 'iap.googleapis.com', method } : { backend_service_name: service }),
      },
    },
    timestamp: time,
    receiveTimestamp: place.receivedAt,
    severity: failure === undefined ? 'INFO' : 'WARNING',
    ...(requestId === undefined ? {} : { labels: { request_id: requestId } }),
    protoPayload: {
      '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
      serviceName: 'iap.googleapis.com',
      methodName: method,
      resourceName: resourceName ?? `projects/${place.project}`,
      authenticationInfo: {
        principalEmail: text(fields['principal']) ?? text(fields['email']) ?? text(fields['username']) ?? '',
      },
      ...(event === 'decision'
        ? { authorizationInfo: [{ resource: name, permission: PERMISSION, granted: failure === undefined }] }
        : {}),
      requestMetadata: {
        ...(client === undefined ? {} : { callerIp: client }),
        ...(event === 'decision' ? { requestAttributes: attributesOf(fields, time) } : {}),
      },
      status: failure ?? {},
      metadata: rest(fields),
    },
  };
}

function failureOf(event: string, fields: Readonly<Record<string, unknown>>): object | undefined {
  if (event === 'signInFailed') return { code: UNAUTHENTICATED, message: text(fields['reason']) ?? '' };
  const refused = text(fields['refused']);
  if (refused !== undefined) {
    const code = notAllowed.has(refused)
      ? PERMISSION_DENIED
      : refused === 'unavailable'
        ? UNAVAILABLE
        : UNAUTHENTICATED;
    return { code, message: refused };
  }
  if (event !== 'decision' || fields['verdict'] === 'allow') return undefined;
  const reasons = Array.isArray(fields['reasons']) ? (fields['reasons'] as { code?: unknown }[]) : [];
  return {
    code: fields['verdict'] === 'deny' ? PERMISSION_DENIED : UNAUTHENTICATED,
    message: reasons.map((it) => String(it.code)).join(', '),
  };
}

const attributesOf = ({ host, url, method }: Readonly<Record<string, unknown>>, time: string): object => ({
  ...{ host, path: url, method, time },
});

const said = new Set(['service', 'principal', 'client', 'host', 'url', 'method']);

const rest = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !said.has(name)));

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

function parsed(line: string): EdgeLine | undefined {
  if (!line.startsWith('{"time":')) return undefined;
  try {
    const found = JSON.parse(line) as EdgeLine;
    return typeof found.time === 'string' && typeof found.event === 'string' ? found : undefined;
  } catch {
    return undefined;
  }
}
