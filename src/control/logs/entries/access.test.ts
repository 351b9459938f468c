import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accessEntry } from './access.ts';

const place = { project: 'lab', number: 7, receivedAt: '2026-01-01T00:00:01Z' };
const decision = {
  ...{ time: '2026-01-01T00:00:00Z', event: 'decision', requestId: 'r-1', verdict: 'deny', service: 'web' },
  ...{ host: 'app.example.com', method: 'GET', url: '/a?b', client: '192.0.2.1', principal: 'eve@example.com' },
  ...{ reasons: [{ code: 'no-binding' }], levels: [], milliseconds: 0.4 },
};

test('a refusal becomes an entry of the Data Access log that is found by the number of the request', () => {
  expect(accessEntry(JSON.stringify(decision), place)).toMatchObject({
    logName: 'projects/lab/logs/cloudaudit.googleapis.com%2Fdata_access',
    resource: { type: 'gce_backend_service', labels: { project_id: 'lab', backend_service_name: 'web' } },
    timestamp: '2026-01-01T00:00:00Z',
    severity: 'WARNING',
    labels: { request_id: 'r-1' },
    protoPayload: {
      serviceName: 'iap.googleapis.com',
      methodName: 'AuthorizeUser',
      resourceName: 'projects/lab/iap_web/compute/services/web',
      authenticationInfo: { principalEmail: 'eve@example.com' },
      authorizationInfo: [{ permission: 'iap.webServiceVersions.accessViaIAP', granted: false }],
      requestMetadata: { callerIp: '192.0.2.1', requestAttributes: { host: 'app.example.com', path: '/a?b' } },
      status: { code: 7, message: 'no-binding' },
      metadata: { verdict: 'deny', reasons: [{ code: 'no-binding' }], milliseconds: 0.4 },
    },
  });
});

test('an allowed request and a sign-in are entries, too; what is about the service itself is none', () => {
  const allowed = accessEntry(JSON.stringify({ ...decision, verdict: 'allow' }), place);
  expect(allowed).toMatchObject({
    severity: 'INFO',
    protoPayload: { authorizationInfo: [{ granted: true }], status: {} },
  });
  const signIn = { time: decision.time, event: 'signedIn', email: 'a@example.com', address: '192.0.2.9' };
  expect(accessEntry(JSON.stringify(signIn), place)?.protoPayload).toMatchObject({
    methodName: 'SignIn',
    authenticationInfo: { principalEmail: 'a@example.com' },
    requestMetadata: { callerIp: '192.0.2.9' },
  });
  expect(accessEntry(JSON.stringify({ time: decision.time, event: 'fault', message: 'x' }), place)).toBeUndefined();
});

test('a sign-in at the SSL VPN names the server, who it was, and why it was refused', () => {
  const line = {
    ...{ time: decision.time, event: 'vpn.signIn', server: 'lab/sslVpnServer/office', username: 'alice' },
    ...{ client: '192.0.2.9', refused: 'no-right', why: [{ code: 'no-binding' }] },
  };
  expect(accessEntry(JSON.stringify(line), place)).toMatchObject({
    severity: 'WARNING',
    protoPayload: {
      methodName: 'SslVpnSignIn',
      resourceName: 'projects/lab/sslVpnServers/office',
      authenticationInfo: { principalEmail: 'alice' },
      requestMetadata: { callerIp: '192.0.2.9' },
      status: { code: 7, message: 'no-right' },
      metadata: { why: [{ code: 'no-binding' }] },
    },
  });
});

test('equal lines at different places are different entries, and no line throws', () => {
  const line = JSON.stringify(decision);
  expect(accessEntry(line, place)?.insertId).not.toBe(accessEntry(line, { ...place, number: 8 })?.insertId);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (it) => {
      accessEntry(it, place);
      accessEntry(`{"time":${it}`, place);
    }),
  );
});
