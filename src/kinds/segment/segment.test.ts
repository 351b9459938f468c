import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import type { LinkInput } from '#engines/link/input.ts';
import { admit } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { parseSite } from '#plan/site.ts';

const admitted = (text: string, before = emptySnapshot) => {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  return admit(declared, before, unread);
};

/** What a person reads: place, mistake, and what to do. */
const told = (text: string): string[] =>
  admitted(text).problems.map((it) => `${it.at.replace(/^.*? /, '')}: ${it.message} -> ${it.fix}`);

const segments = (...lines: string[]): string => `project: lab\nsegments:\n${lines.map((it) => `  ${it}\n`).join('')}`;
const lan = 'lan: { range: 10.200.0.0/16, routerAddress: 10.200.0.1 }';
const onLan = (leg: string, more = ''): string =>
  `${segments(lan)}instances:\n  web: { zone: us-east1-b, interfaces: [{ ${leg} }] }\n${more}`;

const assignedOf = (text: string, before = emptySnapshot) => {
  const { snapshot, problems } = admitted(text, before);
  expect(problems).toEqual([]);
  return snapshot;
};
const addressesIn = (snapshot: ReturnType<typeof assignedOf>) =>
  Object.fromEntries(
    snapshot.resources.flatMap(({ name, assigned }) => {
      const { serviceAddress, interfaces } = (assigned ?? {}) as {
        serviceAddress?: string;
        interfaces?: { address: string }[];
      };
      return [[name, serviceAddress ?? interfaces?.map((it) => it.address).join(' ')]];
    }),
  );

describe('a mistake is told with its way out', () => {
  const cases: readonly (readonly [title: string, text: string, expected: string])[] = [
    [
      'two segments that share addresses',
      segments(lan, 'other: { range: 10.200.4.0/24 }'),
      'segments/other range: 10.200.4.0/24 overlaps 10.200.0.0/16 of segment lan -> Choose ranges that share no address: a gateway on both could not tell them apart.',
    ],
    [
      'a router elsewhere',
      segments('lan: { range: 10.200.0.0/16, routerAddress: 10.201.0.1 }'),
      'segments/lan routerAddress: 10.201.0.1 is not an address that a host of 10.200.0.0/16 can have -> Name an address of 10.200.0.0/16, or leave `routerAddress` out.',
    ],
    [
      'a block that leads to two segments',
      segments(
        'a: { range: 10.1.0.0/24, publicBlocks: [{ range: 147.135.161.152/29, router: 147.135.161.158 }] }',
        'b: { range: 10.2.0.0/24, publicBlocks: [{ range: 147.135.161.152/30, router: 147.135.161.154 }] }',
      ),
      'segments/b publicBlocks[0].range: 147.135.161.152/30 overlaps 147.135.161.152/29, which leads to segment a -> Route each block to one segment.',
    ],
    [
      'a router outside of its block',
      segments('a: { range: 10.1.0.0/24, publicBlocks: [{ range: 147.135.161.152/29, router: 147.135.161.159 }] }'),
      'segments/a publicBlocks[0].router: 147.135.161.159 is not an address that a router of 147.135.161.152/29 can have -> Name an address of 147.135.161.152/29, such as its last but one.',
    ],
    [
      'a block of the addresses that are given out one by one',
      segments('a: { range: 10.1.0.0/24, publicBlocks: [{ range: 203.0.113.0/28, router: 203.0.113.14 }] }'),
      'segments/a publicBlocks[0].range: 203.0.113.0/28 is kept for other purposes of the simulated internet -> Choose another block.',
    ],
    [
      'a reservation elsewhere',
      segments('a: { range: 10.1.0.0/24, dhcp: { reservations: [{ mac: "52:54:00:00:00:01", address: 10.2.0.9 }] } }'),
      'segments/a dhcp.reservations[0].address: 10.2.0.9 is not an address that a host of 10.1.0.0/24 can have -> Reserve an address of 10.1.0.0/24.',
    ],
    [
      'an Ethernet address with two reservations',
      segments(
        'a: { range: 10.1.0.0/24, dhcp: { reservations: [{ mac: "52:54:00:00:00:01", address: 10.1.0.9 }, { mac: "52:54:00:00:00:01", address: 10.1.0.8 }] } }',
      ),
      'segments/a dhcp.reservations[1]: 52:54:00:00:00:01 is reserved twice -> Take one of the two reservations out.',
    ],
    [
      'leases that would give the router away',
      segments(
        'a: { range: 10.1.0.0/24, routerAddress: 10.1.0.1, dhcp: { ranges: [{ first: 10.1.0.1, last: 10.1.0.9 }] } }',
      ),
      'segments/a dhcp.ranges[0]: it holds 10.1.0.1, which is the address of the router -> Leave that address out of the range.',
    ],
    [
      'one VLAN of an interface for two segments',
      segments(
        'a: { range: 10.1.0.0/24, vlan: 200, uplink: { interface: eth1 } }',
        'b: { range: 10.2.0.0/24, uplink: { interface: eth1, vlan: 200 } }',
        'c: { range: 10.3.0.0/24, uplink: { interface: eth1 } }',
      ),
      'segments/b uplink: VLAN 200 on eth1 leads to segment lab/segment/a already -> Give each segment a `vlan` of its own on an interface.',
    ],
    [
      'a resolver that nothing leads to',
      segments('a: { range: 10.1.0.0/24, dns: { upstream: [9.9.9.9] } }'),
      'segments/a dns.upstream[0]: nothing leads from the segment to 9.9.9.9 -> Set `routerAddress`, or name a resolver on the segment.',
    ],
    [
      'a host with the router’s address',
      onLan('segment: lan, address: 10.200.0.1'),
      'instances/web interfaces[0].address: 10.200.0.1 is taken by the router -> Choose another address.',
    ],
    [
      'a host with an address of elsewhere',
      onLan('segment: lan, address: 10.9.0.1'),
      'instances/web interfaces[0].address: 10.9.0.1 is not an address that a host of segment lan can have -> Choose one of 10.200.0.0/16, neither the first nor the last.',
    ],
    [
      'a segment and a network at once',
      onLan('segment: lan, network: internet'),
      'instances/web interfaces[0].segment: an interface is on a network or on a segment, not on both -> Keep only one of `segment`, `network` and `subnet`.',
    ],
    [
      'a lease where there are none',
      `${segments('lan: { range: 10.1.0.0/24, dhcp: { enabled: false } }')}instances:\n  web: { zone: us-east1-b, interfaces: [{ segment: lan, addressing: dhcp }] }\n`,
      'instances/web interfaces[0].addressing: segment lan gives no leases -> Set `dhcp: { enabled: true }` on the segment, or `addressing: static`.',
    ],
    [
      'a lease on a network of the cloud',
      'project: lab\ninstances:\n  web: { zone: us-east1-b, interfaces: [{ network: internet, addressing: dhcp }] }\n',
      'instances/web interfaces[0].addressing: a network of the cloud gives no leases: its hosts know their address -> Take `addressing` out, or name a `segment`.',
    ],
  ];
  test.each(cases)('%s', (_, text, expected) => {
    expect(told(text)).toEqual([expected]);
  });
});

test('addresses that nobody named are chosen once and kept; the first one is left to a router', () => {
  const host = (name: string): string => `  ${name}: { zone: us-east1-b, interfaces: [{ segment: lan }] }\n`;
  const site = (...names: string[]): string =>
    `${segments('lan: { range: 10.1.0.0/29 }')}instances:\n${names.map(host).join('')}`;
  const first = assignedOf(site('b'));
  expect(addressesIn(first)).toMatchObject({ lan: '10.1.0.6', b: '10.1.0.2' });
  const second = assignedOf(site('a', 'b'), first);
  expect(addressesIn(second)).toMatchObject({ lan: '10.1.0.6', b: '10.1.0.2', a: '10.1.0.3' });
  expect(addressesIn(assignedOf(site('a', 'b', 'c', 'd', 'e'), second))).toMatchObject({ e: '10.1.0.1' });
  expect(admitted(site('a', 'b', 'c', 'd', 'e', 'f'), second).problems.map((it) => it.code)).toEqual(['UNMET']);
});

test('the segment’s own server makes room for whoever names its address', () => {
  const first = assignedOf(segments('lan: { range: 10.1.0.0/29 }'));
  const leg = 'web: { zone: us-east1-b, interfaces: [{ segment: lan, address: 10.1.0.6 }] }';
  const second = assignedOf(`${segments('lan: { range: 10.1.0.0/29 }')}instances:\n  ${leg}\n`, first);
  expect(addressesIn(second)).toMatchObject({ lan: '10.1.0.5', web: '10.1.0.6' });
});

test('a host that forwards may be the segment’s router, and has no route to itself', () => {
  const web = 'web: { zone: us-east1-b, canIpForward: true, interfaces: [{ segment: lan, address: 10.200.0.1 }] }';
  const artifacts = compile(assignedOf(`${segments(lan)}instances:\n  ${web}\n`));
  const link = artifacts.find((it) => it.id === 'link/instance/lab/web/eth0');
  expect(link?.input).toMatchObject({ b: { addresses: ['10.200.0.1/16'], routes: [] } });
});

test('a machine that may look into the internet reaches public blocks of documentation addresses, and no others', () => {
  const blocks = ['147.135.161.152/29, router: 147.135.161.158', '198.51.100.8/29, router: 198.51.100.14'];
  const lan = `lan: { range: 10.1.0.0/24, publicBlocks: [${blocks.map((it) => `{ range: ${it} }`).join(', ')}] }`;
  const artifacts = compile(assignedOf(`${segments(lan)}internet: { access: host }\n`));
  const uplink = artifacts.find((it) => it.engine === 'uplink');
  expect(uplink?.input).toMatchObject({ reached: ['192.0.2.1/32', '198.51.100.8/29', '203.0.113.0/24'] });
});

test('the site of the guide is one that compiles', () => {
  const guide = readFileSync(new URL('../../../docs/guide/private-segments.md', import.meta.url), 'utf8');
  const artifacts = compile(assignedOf(/```yaml\n([\s\S]*?)```/.exec(guide)?.[1] ?? ''));
  expect(artifacts.filter((it) => it.engine === 'bridge')).toHaveLength(3);
});

test('a host keeps its Ethernet address when it is numbered anew', () => {
  const macIn = (address: string) => {
    const link = compile(assignedOf(onLan(`segment: lan, address: ${address}`))).find((it) => it.id.endsWith('eth0'));
    return (link?.input as { b: { mac: string } } | undefined)?.b.mac;
  };
  expect(macIn('10.200.0.7')).toBe(macIn('10.200.0.8'));
});

test('a host of segments only finds metadata by a cable of its own, and asks no router for it', () => {
  const compiled = (legs: string) => {
    const site = `${segments(lan)}networks: { inside: { mode: auto } }\ninstances:\n  web: { zone: us-east1-b, interfaces: [${legs}] }\n`;
    const all = compile(assignedOf(site));
    return (id: string): unknown => all.find((it) => it.id === id)?.input;
  };
  const alone = compiled('{ segment: lan, address: 10.200.0.7 }');
  expect(alone('namespace/vm.lab.web')).toMatchObject({ blackholes: ['169.254.169.0/24'] });
  const link = alone('link/instance/lab/web/metadata') as LinkInput;
  expect(link.b).toMatchObject({ name: 'meta0', arp: false, routes: [{ destination: '169.254.169.254/32' }] });
  // Whoever asks there has the address of this host, or is not heard.
  expect(link.a).toMatchObject({ arp: false, routes: [{ destination: '10.200.0.7/32' }] });
  expect(link.a.sysctls).toMatchObject({ 'net.ipv4.conf.*.rp_filter': 1 });
  expect(alone('metadata/metadata.lab')).toMatchObject({
    listen: '169.254.169.254',
    hosts: [
      {
        address: '10.200.0.7',
        instance: {
          hostname: 'web.lan.lab.internal',
          interfaces: [{ address: '10.200.0.7', network: expect.stringMatching(/\/segments\/lan$/), length: 16 }],
        },
      },
    ],
  });
  const both = compiled('{ segment: lan }, { network: inside }');
  expect(both('namespace/vm.lab.web')).toMatchObject({ blackholes: [] });
  expect(both('link/instance/lab/web/metadata')).toBeUndefined();
  expect(both('metadata/metadata.lab')).toBeUndefined();
});

test('hosts of a group stand on segments, where nothing asks them whether they are well and no load balancer leads', () => {
  const group = (more: string) => `${segments(lan)}instanceTemplates:
  desk: { interfaces: [{ segment: lan, addressing: dhcp }] }
instanceGroups:
  desks: { template: desk, zone: us-east1-b, targetSize: 2${more} }
`;
  // One is the router's.
  expect(Object.values(addressesIn(assignedOf(group(''))))).toEqual(
    expect.arrayContaining(['10.200.0.2', '10.200.0.3']),
  );
  const check = 'healthChecks: { well: { type: http } }\n';
  const says = (text: string) => admitted(text).problems.map((it) => it.message);
  expect(says(group(', autoHealingPolicy: { healthCheck: well }') + check)).toEqual([
    'its hosts stand on a segment, where no health check reaches them',
  ]);
  const service = 'backendServices: { web: { backends: [{ instanceGroup: desks }], healthChecks: [well] } }\n';
  expect(says(group('') + check + service)).toEqual([
    'hosts of desks stand on a segment, where the load balancer does not lead',
  ]);
});
