import { expect, test } from 'vitest';
import { snapshotOf } from '#core/snapshot.ts';
import { formatAddress } from '#lib/ip.ts';
import { networkObject } from './kind.ts';
import { addressesOf, type Standing } from './resolve.ts';

const objects = (specs: Readonly<Record<string, object>>) =>
  snapshotOf(
    Object.entries(specs).map(([name, spec]) => ({
      project: 'lab',
      kind: 'networkObject',
      name,
      spec: networkObject.spec.parse(spec),
      assigned: undefined,
    })),
  );

const standing: Standing = {
  interfaces: [
    { name: 'ext', external: true, addresses: ['147.135.161.153'], networks: ['147.135.161.152/29', '192.168.1.0/29'] },
    { name: 'vlan200', external: false, addresses: ['10.200.0.1', '10.200.0.2'], networks: ['10.200.0.0/16'] },
    { name: 'dmz', external: false, addresses: ['51.0.0.1'], networks: ['51.0.0.0/24'] },
  ],
  tunnels: [{ name: 'ipsec', networks: ['10.201.0.0/16', '198.18.0.0/24'] }],
};

const textOf = (name: string, specs: Readonly<Record<string, object>> = {}) =>
  addressesOf(name, { project: 'lab', snapshot: objects(specs), standing })?.map((it) =>
    it.map(formatAddress).join('-'),
  );

test('a host, a network, a range and a group stand for their addresses, each once', () => {
  const specs = {
    a: { host: '10.0.0.1' },
    b: { network: '10.0.0.0/30' },
    c: { range: '10.0.0.4-10.0.0.9' },
    all: { group: ['a', 'b', 'c', 'inner'] },
    inner: { group: ['a'] },
  };
  expect(textOf('a', specs)).toEqual(['10.0.0.1-10.0.0.1']);
  expect(textOf('all', specs)).toEqual(['10.0.0.0-10.0.0.9']);
});

test('an interface of the gateway gives two objects: its addresses, and its network', () => {
  expect(textOf('firewall-vlan200')).toEqual(['10.200.0.1-10.200.0.2']);
  expect(textOf('network-vlan200')).toEqual(['10.200.0.0-10.200.255.255']);
  expect(textOf('network-nowhere')).toBeUndefined();
});

test('an object that a person calls network-vlan200 goes before the one of the interface', () => {
  expect(textOf('network-vlan200', { 'network-vlan200': { network: '10.9.0.0/16' } })).toEqual([
    '10.9.0.0-10.9.255.255',
  ]);
});

test('the internet has neither private addresses nor those of protected networks', () => {
  const internet = addressesOf('internet', { project: 'lab', snapshot: objects({}), standing }) ?? [];
  const has = (text: string) => {
    const value = text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    return internet.some(([first, last]) => first <= value && value <= last);
  };
  expect(['8.8.8.8', '147.135.161.158', '198.51.100.1'].map(has)).toEqual([true, true, true]);
  expect(['10.200.0.10', '192.168.1.3', '51.0.0.7', '127.0.0.1', '224.0.0.18'].map(has)).toEqual(Array(5).fill(false));
});

test('what is reached through tunnels has a name, and is neither the internet nor behind a protected interface', () => {
  expect(textOf('network-ipsec')).toEqual(['10.201.0.0-10.201.255.255', '198.18.0.0-198.18.0.255']);
  expect(textOf('network-sslvpn')).toBeUndefined();
  expect(textOf('network-internals')).not.toContain('10.201.0.0-10.201.255.255');
  const behind = 0xc6120001; // 198.18.0.1
  const internet = addressesOf('internet', { project: 'lab', snapshot: objects({}), standing }) ?? [];
  expect(internet.some(([first, last]) => first <= behind && behind <= last)).toBe(false);
});

test('a group that holds itself is refused and says how', () => {
  const snapshot = objects({ a: { group: ['b'] }, b: { group: ['c'] }, c: { group: ['a'] } });
  const [objection] = networkObject.check?.(snapshot.get(networkObject, 'lab', 'a'), snapshot) ?? [];
  expect(objection).toMatchObject({ path: ['group', 0], message: 'b holds c holds a' });
});

test('an empty group stands for nothing, never for everything', () => {
  expect(textOf('none', { none: { group: [] } })).toEqual([]);
});

test('an object is exactly one thing', () => {
  const tried = networkObject.spec.safeParse({ host: '10.0.0.1', network: '10.0.0.0/8' });
  expect(tried.error?.issues[0]?.message).toBe('it must be exactly one of host, network, range and group');
});
