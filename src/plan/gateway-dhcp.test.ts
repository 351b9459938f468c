import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import type { BridgeInput } from '#engines/bridge/input.ts';
import type { DnsmasqInput } from '#engines/dnsmasq/input.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import type { GatewayServiceInput } from '#engines/gateway-service/input.ts';
import type { KeepalivedInput } from '#engines/keepalived/input.ts';
import { admit } from './admit.ts';
import { compile } from './compile.ts';
import { parseSite } from './site.ts';

/** A gateway, or a pair of them, that is the DHCP server and the resolver of a segment. */
const site = (gateways: string, segment = ''): string => `
project: lab
segments:
  outside: { range: 147.135.161.152/29 }
  inside:
    range: 10.200.0.0/16
    routerAddress: 10.200.0.1
    dhcp: { ranges: [{ first: 10.200.1.1, last: 10.200.1.9 }] }
    dns: { upstream: [192.0.2.1] }
    ${segment}
  link: { range: 192.168.2.0/29 }
instances:
  office: { zone: gra11-a, interfaces: [{ segment: inside, addressing: dhcp }] }
${gateways}`;

const alone = (dhcp: string, lan = ', address: 10.200.0.1') => `
gateways:
  edge:
    interfaces: [{ name: ext, segment: outside, external: true }, { name: lan, segment: inside${lan} }]
    dhcp: ${dhcp}
`;

const pair = (dhcp: string) => `
gateways:
  one: { interfaces: [{ name: ext, segment: outside, external: true }, { name: lan, segment: inside }, { name: ha, segment: link }] }
  two: { interfaces: [{ name: ext, segment: outside, external: true }, { name: lan, segment: inside }, { name: ha, segment: link }] }
gatewayClusters:
  pair:
    members: [{ gateway: one, priority: 100 }, { gateway: two, priority: 50 }]
    addresses: [{ interface: ext, address: 147.135.161.153 }, { interface: lan, address: 10.200.0.1 }]
    link: ha
    dhcp: ${dhcp}
`;

const read = (text: string) => {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  return admit(declared, emptySnapshot, unread);
};

function compiled(text: string) {
  const { snapshot, problems } = read(text);
  expect(problems).toEqual([]);
  const all = compile(snapshot);
  return { ids: all.map((it) => it.id), of: <I>(id: string) => all.find((it) => it.id === id)?.input as I };
}

test('a gateway gives the leases and the names of a segment, in place of the segment’s own server', () => {
  const { ids, of } = compiled(site(alone('[lan]')));
  expect(ids).not.toContain('dnsmasq/seg.lab.inside');
  expect(of<BridgeInput>('bridge/seg.lab.inside/br0').addresses).toEqual([]);
  const server = of<DnsmasqInput>('dnsmasq/gw.lab.edge.lan');
  expect(server).toMatchObject({ namespace: 'gw.lab.edge', listen: '10.200.0.1', upstream: ['192.0.2.1'] });
  expect(server.activeOnly).toBe(undefined);
  expect(server.dhcp).toMatchObject({ interface: 'lan', router: '10.200.0.1', resolvers: ['10.200.0.1'] });
  // Hosts of the site have their address reserved there, and their name.
  expect(server.dhcp?.hosts).toMatchObject([{ name: 'office' }]);
  expect(server.records.flatMap((it) => it.names)).toEqual([
    'edge.inside.lab.internal',
    ...['metadata.google.internal', 'metadata'],
    'office.inside.lab.internal',
  ]);
  const local = of<FilterInput>('filter/gw.lab.edge').local.find((it) => it.id === 'lab/gateway/edge/dhcp');
  expect(local?.inInterfaces).toEqual(['lan']);
});

test('of a pair the active one serves, and the other one knows every lease', () => {
  const { of } = compiled(site(pair('[lan]')));
  const [one, two] = ['one', 'two'].map((it) => of<DnsmasqInput>(`dnsmasq/gw.lab.${it}.lan`));
  expect(one).toMatchObject({ activeOnly: true, listen: '10.200.0.1' });
  expect({ ...one, namespace: '' }).toEqual({ ...two, namespace: '' });
  const files = [{ name: 'leases-lan', path: 'leases/gw.lab.two.lan' }];
  expect(of<KeepalivedInput>('keepalived/gw.lab.two')).toMatchObject({ activeOnly: ['dns.gw.lab.two.lan'], files });
  expect(of<GatewayServiceInput>('gateway-service/gw.lab.two').files).toMatchObject(files);
});

test('what nobody says stays as it was: the segment serves itself', () => {
  const { ids, of } = compiled(site(pair('[]')));
  expect(ids.filter((it) => it.startsWith('dnsmasq/gw.'))).toEqual([]);
  expect(of<BridgeInput>('bridge/seg.lab.inside/br0').addresses).toEqual(['10.200.255.254/16']);
  expect(of<KeepalivedInput>('keepalived/gw.lab.one')).toMatchObject({ activeOnly: [], files: [] });
});

test.for([
  ['an interface that is none', alone('[wan]'), '', 'edge has no interface wan'],
  ['an external interface', alone('[ext]'), '', 'ext leads outside'],
  ['the same twice', alone('[lan, lan]'), '', 'lan is there twice'],
  ['an address that may change', alone('[lan]', ''), '', 'it has no address on lan that hosts could be told'],
  ['a pair without a shared address', pair('[ha]'), '', 'it has no address on ha that hosts could be told'],
  [
    'a segment that wants its server elsewhere',
    alone('[lan]'),
    'serviceAddress: 10.200.0.9',
    'segment inside wants its server at 10.200.0.9, and the gateway is at 10.200.0.1',
  ],
] as const)('refuses %s', ([, gateways, segment, message]) => {
  expect(read(site(gateways, segment)).problems.map((it) => it.message)).toContain(message);
});
