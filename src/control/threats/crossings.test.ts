import { expect, test } from 'vitest';
import type { EveAlert } from '#engines/suricata/eve.ts';
import { Crossings } from './crossings.ts';

const line = (port: number, flow: number): string =>
  JSON.stringify({
    timestamp: '2026-11-27T01:26:22.842260+0000',
    flow_id: flow,
    event_type: 'alert',
    src_ip: '10.66.1.2',
    src_port: port,
    dest_ip: '10.66.2.2',
    dest_port: 80,
    proto: 'TCP',
    alert: { action: 'blocked', signature_id: 9_000_100, signature: 'x', category: 'y', severity: 1 },
  });

test('a session is asked about once, and what is not known is left out', async () => {
  const asked: (readonly EveAlert[])[] = [];
  const crossings = new Crossings('office', async (alerts) => {
    asked.push(alerts);
    return alerts.map((it) => (it.client.port === 7 ? 'everyday/web' : undefined));
  });
  const parsed: EveAlert[] = [];
  const learning = new Crossings('office', async (alerts) => {
    parsed.push(...alerts);
    return [];
  });
  await learning.of([line(7, 1), line(8, 2)]);
  const [known, unknown] = parsed as [EveAlert, EveAlert];
  const of = await crossings.of([line(7, 1), line(7, 1), line(8, 2)]);
  expect(of(known)).toEqual({ gateway: 'office', rule: 'everyday/web' });
  expect(of(unknown)).toEqual({ gateway: 'office' });
  await crossings.of([line(7, 1)]);
  expect(asked.map((it) => it.length)).toEqual([2]);
});
