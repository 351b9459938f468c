import { expect, test } from 'vitest';
import { lineOf, type VpnEvent } from '#vpn/events.ts';
import { vpnEntry } from './vpn.ts';

const place = { project: 'lab', gateway: 'gw1', number: 1, receivedAt: '2026-11-27T02:00:00Z' };
const now = new Date('2026-11-27T01:59:00Z');
const session = {
  ...({ transport: 'udp', cid: 0, username: 'alice' } as const),
  ...{ email: 'alice@example.com', address: '10.60.77.2' },
  ...{ from: '198.51.100.7:4711', since: now.getTime() - 60_000, received: 10, sent: 20, grants: [] },
} as const;
const entry = (event: VpnEvent) => vpnEntry(lineOf(event, now), place);

test('who came, who left with how much, and who was refused and why, stands in the log vpn', () => {
  const at = { logName: 'projects/lab/logs/vpn', timestamp: '2026-11-27T01:59:00.000Z' };
  expect(entry({ event: 'connected', by: 'password', session: { ...session, grants: [] } })).toMatchObject({
    ...at,
    jsonPayload: { event: 'connected', by: 'password', person: 'alice@example.com', address: '10.60.77.2' },
  });
  expect(entry({ event: 'disconnected', reason: 'left', session: { ...session, grants: [] } })).toMatchObject({
    ...at,
    labels: { person: 'alice@example.com' },
    jsonPayload: { event: 'disconnected', reason: 'left', received: 10, sent: 20, seconds: 60 },
  });
  const refused = {
    event: 'refused',
    code: 'no-right',
    reason: 'no',
    username: 'bob',
    from: 'x',
    transport: 'udp',
  } as const;
  expect(entry(refused)).toMatchObject({ severity: 'WARNING', jsonPayload: { code: 'no-right', username: 'bob' } });
});

test('whatever else the service prints is no entry', () => {
  for (const line of ['', 'Error: x', '{"vpn":0,"text":"x"}', '{"vpn":1,"event":"connected"}', '{"vpn":', '{"vpn":1}'])
    expect([line, vpnEntry(line, place)]).toEqual([line, undefined]);
});
