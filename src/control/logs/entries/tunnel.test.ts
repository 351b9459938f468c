import { expect, test } from 'vitest';
import { tunnelEntry } from './tunnel.ts';

const at = '2026-01-02T03:04:05.678Z';
const place = { project: 'lab', number: 1, receivedAt: at };
const of = (fields: object) => tunnelEntry(JSON.stringify({ time: at, ...fields }), place);

test('a tunnel’s end says who, from where, whereto, how much and why', () => {
  const who = { principal: 'user:alice@example.com', client: '198.51.100.7', instance: 'server', zone: 'us-east1-b' };
  const how = { port: 22, received: 7, sent: 9, seconds: 3, code: 1000, reason: 'done' };
  expect(of({ event: 'tunnel.closed', ...who, ...how })).toMatchObject({
    logName: 'projects/lab/logs/cloudaudit.googleapis.com%2Fdata_access',
    timestamp: at,
    severity: 'INFO',
    protoPayload: {
      methodName: 'AuthorizeUser.TunnelClose',
      resourceName: 'projects/lab/iap_tunnel/zones/us-east1-b/instances/server',
      authenticationInfo: { principalEmail: 'alice@example.com' },
      requestMetadata: { callerIp: '198.51.100.7' },
      status: {},
      metadata: how,
    },
  });
});

test('a refusal is a failure with its reason, and whoever gave no token that counts is nobody', () => {
  const refused = { event: 'tunnel.refused', instance: 'server', port: 22, reason: 'no role' };
  expect(of({ ...refused, principal: 'serviceAccount:a@b.c', status: 403 })).toMatchObject({
    severity: 'WARNING',
    protoPayload: { status: { code: 7, message: 'no role' }, authenticationInfo: { principalEmail: 'a@b.c' } },
  });
  expect(of({ ...refused, status: 401 })).toMatchObject({
    protoPayload: { status: { code: 16 }, authenticationInfo: { principalEmail: '' } },
  });
});

test('other lines are of no interest, and nothing is too odd', () => {
  for (const text of ['', 'x', 'null', '{"event":"tunnel.opened"', '{"time":"never","event":"tunnel.opened"}', '[1]'])
    expect(tunnelEntry(text, place)).toBeUndefined();
  expect(of({ event: 'started' })).toBeUndefined();
  expect(of({ event: 'tunnel.nothing' })).toBeUndefined();
});
