import { expect, test } from 'vitest';
import { assembleDns } from './assemble.ts';
import { type DhcpInput, DnsmasqInput } from './input.ts';
import { parseLeases } from './leases.ts';
import { renderConfig, renderReservations } from './render.ts';

const dhcp: DhcpInput = {
  key: 'lab/segment/lan',
  interface: 'br0',
  network: '10.200.0.0/16',
  ranges: [{ first: '10.200.7.1', last: '10.200.7.9' }],
  hosts: [{ mac: '52:54:00:00:00:07', address: '10.200.0.77', name: 'printer' }],
  resolvers: ['10.200.255.254'],
  domain: 'lan.lab.internal',
  options: [
    { code: 42, values: ['10.200.0.5', '10.200.0.6'] },
    { code: 114, values: ['https://10.200.0.1:8443/captive-portal/api'] },
  ],
  leaseSeconds: 86_400,
};

const base = {
  namespace: 'seg.lab.lan',
  listen: '10.200.255.254',
  domains: ['lan.lab.internal'],
  upstream: ['9.9.9.9'],
};
const files = { hosts: '/run/hosts', reservations: '/run/reservations', leases: '/var/leases' };

test('a segment’s server: names, leases, and no router where there is none', async () => {
  await expect(renderConfig({ ...base, records: [], dhcp }, files, 'nobody')).toMatchFileSnapshot(
    'golden/segment.conf',
  );
});

test('a router that hosts are told is told', () => {
  const lines = renderConfig({ ...base, records: [], dhcp: { ...dhcp, router: '10.200.0.1' } }, files, 'nobody');
  expect(lines).toContain('\ndhcp-option=3,10.200.0.1\n');
});

test('a network without leases is as it was', () => {
  expect(renderConfig({ ...base, records: [] }, files, 'nobody')).not.toContain('dhcp');
});

test('what is withheld: names that do not exist, and types of records', async () => {
  const withheld = { names: ['use-application-dns.net'], types: ['HTTPS' as const, 'SVCB' as const] };
  const lines = renderConfig({ ...base, records: [], withheld }, files, 'nobody');
  await expect(lines).toMatchFileSnapshot('golden/withheld.conf');
});

test('reservations of others join those of the segment, and make no new configuration', () => {
  const reservation = { mac: '06:00:00:00:00:01', address: '10.200.0.2', name: 'web' };
  const [alone] = assembleDns([{ owner: 'lab/segment/lan', fragment: { ...base, dhcp } }]);
  const [joined] = assembleDns([
    { owner: 'lab/instance/web', fragment: { namespace: base.namespace, reservation } },
    { owner: 'lab/segment/lan', fragment: { ...base, dhcp } },
  ]);
  const [before, after] = [alone, joined].map((it) => DnsmasqInput.parse(it?.input));
  if (before === undefined || after === undefined) throw new Error('nothing was assembled');
  expect(renderReservations(after)).toBe('06:00:00:00:00:01,10.200.0.2,web\n52:54:00:00:00:07,10.200.0.77,printer\n');
  expect(renderConfig(after, files, 'nobody')).toBe(renderConfig(before, files, 'nobody'));
});

test('words that would be more than one line or option are refused', () => {
  const refused = (more: object) =>
    DnsmasqInput.safeParse({ ...base, records: [], dhcp: { ...dhcp, ...more } }).success;
  expect(refused({})).toBe(true);
  for (const value of ['a,b', 'a\nserver=1.1.1.1', 'a b', '#'])
    expect([
      refused({ options: [{ code: 42, values: [value] }] }),
      refused({ domain: value }),
      refused({ hosts: [{ mac: '52:54:00:00:00:07', address: '10.200.0.77', name: value }] }),
    ]).toEqual([false, false, false]);
});

test('a lease file is read whatever else stands in it', () => {
  const text = '1764193123 52:54:00:00:01:01 10.200.7.4 laptop 01:52\nduid 00:01\n0 06:00:00:00:00:01 10.200.0.2 * *\n';
  expect(parseLeases(text)).toEqual([
    { expires: 1764193123, mac: '52:54:00:00:01:01', address: '10.200.7.4', name: 'laptop' },
    { expires: 0, mac: '06:00:00:00:00:01', address: '10.200.0.2', name: '' },
  ]);
});
