import { expect, test } from 'vitest';
import { engines } from './engines.ts';
import { judged } from './holding.ts';

const namespace = 'gw.home.machine';
const artifact = (engine: string, input: object) => ({ id: `${engine}/x`, engine, owners: [], needs: [], input });
const own = artifact('namespace', { name: namespace, host: true, sysctls: {}, addresses: [], blackholes: [] });
const bridge = (at: string) =>
  artifact('bridge', { namespace: at, name: 'br0', mac: '02:00:00:00:00:01', alias: '', mtu: 1500, addresses: [] });

test('in the machine’s own namespace nothing stands but a firewall, whatever control sends', () => {
  expect(judged([own, bridge('seg.home.lan')], engines)).toHaveLength(2);
  expect(() => judged([own, bridge(namespace)], engines)).toThrow('no business in the machine’s own namespace');
});

test('the machine’s own namespace gets no address and no setting of forwarding by its name', () => {
  const forged = { ...own, input: { ...(own.input as object), sysctls: { 'net.ipv4.ip_forward': 1 } } };
  expect(() => judged([forged], engines)).toThrow('no settings but those of counting');
});
