import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { refusedConnections } from '#engines/filter/observe.ts';
import { differsKey } from '#engines/gateway-service/status.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { admit } from '#plan/admit.ts';
import { parseSite } from '#plan/site.ts';
import { gatewayStatus } from './status.ts';

const text = `
project: lab
segments: { lan: { range: 10.0.0.0/24 } }
gateways: { edge: { interfaces: [{ name: lan, segment: lan, address: 10.0.0.1 }] } }
`;

test('a connection table that is full or nearly so is a reason, with what it cost', () => {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  const { snapshot } = admit(declared, emptySnapshot, unread);
  const statusWith = (connections: number, connectionsRefused = 0) => {
    const values = { 'lab/gateway/edge': { connections, connectionsMax: 1000, connectionsRefused } };
    const { state, reasons } = gatewayStatus(snapshot.get(gateway, 'lab', 'edge'), snapshot, [
      { artifact: 'filter/gw.lab.edge', state: 'ready', values },
    ]);
    return [state, ...reasons];
  };
  expect(statusWith(899)).toEqual(['READY']);
  expect(statusWith(900)).toEqual(['DEGRADED', 'the connection table is nearly full: 900 of 1000']);
  expect(statusWith(1000, 7)).toEqual([
    'DEGRADED',
    'the connection table is full: no connection begins until others end (1000, 7 were refused)',
  ]);
});

test('a gateway on a machine that tells nothing is not taken for well, nor for gone', () => {
  const elsewhere = `machines: { local: { address: 10.9.0.1 }, b: { address: 10.9.0.2 } }\n${text.replace('interfaces:', 'machine: b, interfaces:')}`;
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text: elsewhere }]);
  const { snapshot, problems } = admit(declared, emptySnapshot, unread);
  expect(problems).toEqual([]);
  const it = snapshot.get(gateway, 'lab', 'edge');
  expect(gatewayStatus(it, snapshot, [])).toMatchObject({
    machine: 'b',
    role: 'unknown',
    state: 'DEGRADED',
    reasons: ['machine b tells nothing of it: it may go on as it was, and what is changed here waits'],
  });
  const silent = { artifact: 'filter/gw.lab.edge', machine: 'b', state: 'unheard' as const, values: {} };
  expect(gatewayStatus(it, snapshot, [{ ...silent, detail: 'machine b: it is not connected' }])).toMatchObject({
    role: 'unknown',
    state: 'DEGRADED',
    reasons: [expect.stringContaining('machine b tells nothing of it'), 'machine b: it is not connected'],
  });
  const seen = [{ ...silent, state: 'ready' as const }];
  expect(gatewayStatus(it, snapshot, seen)).toMatchObject({
    machine: 'b',
    role: 'active',
    state: 'READY',
    reasons: [],
  });
});

test('refused connections are counted over all processors', () => {
  const line = (cpu: number, failed: number, drop: number): string =>
    `cpu=${cpu}   \tfound=0 invalid=9 insert=0 insert_failed=${failed} drop=${drop} early_drop=5 error=0 search_restart=3 \n`;
  expect(refusedConnections(line(0, 1, 2) + line(1, 0, 4))).toBe(7);
  expect(refusedConnections('')).toBe(0);
});

test('a member of a cluster tells its version among other words, and by itself which sections differ', () => {
  const pair = `${text}gatewayClusters: { pair: { members: [edge] } }\n`;
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text: pair }]);
  const { snapshot } = admit(declared, emptySnapshot, unread);
  const words = 'active since 2030-01-01T00:00:00.000Z; version 0.1.0; in maintenance';
  const owner = 'lab/gatewayCluster/pair';
  const told = (more: object, differing = 0) =>
    gatewayStatus(snapshot.get(gateway, 'lab', 'edge'), snapshot, [
      {
        artifact: 'gateway-service/gw.lab.edge',
        state: 'ready' as const,
        values: { [owner]: { differing } },
        details: { [owner]: words, ...more },
      },
    ]);
  expect(told({ [differsKey(owner)]: '' })).toMatchObject({ version: '0.1.0', words, differs: [] });
  expect(told({ [differsKey(owner)]: 'filter nat' }, 2)).toMatchObject({ words, differs: ['filter', 'nat'] });
  // A host agent that was started before this one tells only how many.
  expect([told({}, 0).differs, told({}, 2).differs]).toEqual([[], ['configuration']]);
});
