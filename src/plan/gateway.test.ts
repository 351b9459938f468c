import { describe, expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import type { GatewayServiceInput } from '#engines/gateway-service/input.ts';
import type { LinkInput } from '#engines/link/input.ts';
import type { SuricataInput } from '#engines/suricata/input.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { routeWarnings } from '#kinds/gateway/route-warnings.ts';
import { admit } from './admit.ts';
import { compile } from './compile.ts';
import { parseSite } from './site.ts';

const base = `
project: lab
segments:
  outside: { range: 147.135.161.152/29 }
  inside: { range: 10.200.0.0/16, routerAddress: 10.200.0.1 }
  link: { range: 192.168.2.0/29 }
networkObjects:
  admin: { host: 203.0.113.10 }
  server: { host: 10.200.0.10 }
  pool: { range: 147.135.161.156-147.135.161.157 }
routerObjects:
  out: { gateways: [{ address: 147.135.161.158 }] }
`;

const gatewayOf = (more: string): string => `${base}
gateways:
  edge:
    interfaces:
      - { name: ext, segment: outside, address: 147.135.161.153, external: true }
      - { name: lan, segment: inside, address: 10.200.0.1 }
    defaultRouter: out
${more}`;

const read = (text: string) => {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  return admit(declared, emptySnapshot, unread);
};

function artifact<I>(text: string, id: string): I {
  const { snapshot, problems } = read(text);
  expect(problems).toEqual([]);
  return compile(snapshot).find((it) => it.id === id)?.input as I;
}

const mistakes = (text: string): string[] =>
  read(text).problems.map((it) => `${it.at.replace(/^\S+ /, '')}: ${it.message}`);

describe('a gateway', () => {
  test('stands in its segments with addresses of their length, and routes to its default router', () => {
    const ext = artifact<LinkInput>(gatewayOf(''), 'link/gateway/lab/edge/ext');
    expect(ext.b).toMatchObject({
      name: 'ext',
      addresses: ['147.135.161.153/29'],
      routes: [{ destination: '0.0.0.0/0', via: '147.135.161.158' }],
    });
    expect(ext.a.bridge).toBe('br0');
  });

  test('without a filter policy lets nothing pass, and answers those who manage it', () => {
    const filter = artifact<FilterInput>(gatewayOf('    management: [{ sources: [admin] }]'), 'filter/gw.lab.edge');
    expect(filter.rules).toEqual([]);
    expect(filter.local).toMatchObject([{ source: { sets: ['lab/networkObject/admin'] } }]);
    expect(filter.addressSets).toEqual([{ key: 'lab/networkObject/admin', ranges: ['203.0.113.10'] }]);
  });

  test('resolves objects for its own interfaces; a rule keeps its number', () => {
    const filter = artifact<FilterInput>(
      gatewayOf(`    filterPolicy: main
filterPolicies:
  main:
    rules:
      - { name: out, action: pass, source: [network-lan], destination: [internet] }
      - { name: web, action: pass, destination: [firewall-ext], services: [http] }
`),
      'filter/gw.lab.edge',
    );
    expect(filter.rules.map((it) => [it.id, it.number])).toEqual([
      ['lab/filterPolicy/main/out', 1],
      ['lab/filterPolicy/main/web', 2],
    ]);
    const sets = Object.fromEntries(filter.addressSets.map((it) => [it.key, it.ranges]));
    expect(sets['lab/networkObject/network-lan']).toEqual(['10.200.0.0-10.200.255.255']);
    expect(sets['lab/networkObject/firewall-ext']).toEqual(['147.135.161.153']);
  });

  test('has an engine for each inspection that rules in force ask for, and the filter waits for it', () => {
    const site = (more: string) =>
      gatewayOf(`    filterPolicy: main
    inspection: { dropFrom: low, without: [{ threatId: '36729' }] }
filterPolicies:
  main:
    rules:
      - { name: web, action: pass, destination: [firewall-ext], services: [http], inspection: ips${more} }
`);
    const input = artifact<SuricataInput>(site(''), 'suricata/lab/gateway/edge/ips');
    expect(input).toMatchObject({
      namespace: 'gw.lab.edge',
      inline: { mode: 'verdicts', dropFrom: 'LOW' },
      without: ['36729'],
      homeNetworks: ['10.200.0.0/16'],
    });
    const { snapshot } = read(site(''));
    const filter = compile(snapshot).find((it) => it.id === 'filter/gw.lab.edge');
    expect(filter?.needs).toContain('suricata/lab/gateway/edge/ips');
    expect((filter?.input as FilterInput | undefined)?.ips?.queue).toBe(input.inline?.number);
    const off = compile(read(site(', enabled: false')).snapshot).map((it) => it.engine);
    expect(off).not.toContain('suricata');
  });

  test('hands the filter the clock that a schedule goes by', () => {
    const filter = artifact<FilterInput>(
      gatewayOf(`    filterPolicy: p
schedules: { day: { times: [{ from: "22:00", until: "06:00", timeZone: Europe/Paris }, { days: [MONDAY] }] } }
filterPolicies: { p: { rules: [{ name: a, action: pass, schedule: day }] } }`),
      'filter/gw.lab.edge',
    );
    expect(filter.rules[0]?.schedule?.map((it) => [it.from, it.to, it.timeZone])).toEqual([
      ['22:00', '24:00', 'Europe/Paris'],
      ['00:00', '06:00', 'Europe/Paris'],
      ['00:00', '24:00', undefined],
    ]);
  });

  test('translates by its primary addresses, and answers for those that NAT publishes', () => {
    const site = gatewayOf(`    natPolicy: main
natPolicies:
  main:
    rules:
      - { name: out, type: source, source: [network-lan], destination: [internet], translateTo: firewall-ext }
      - { name: web, type: publish, destination: [firewall-ext], services: [http], translateTo: server, translatePort: 8080 }
      - { name: guests, type: source, source: [server], translateTo: pool }
      - { name: mapped, type: bidirectional, source: [server], translateTo: mapped }
`).replace('networkObjects:', 'networkObjects:\n  mapped: { host: 147.135.161.155 }');
    const { nat } = artifact<FilterInput>(site, 'filter/gw.lab.edge');
    expect(nat).toMatchObject([
      { kind: 'source', outInterfaces: ['ext'], addresses: ['147.135.161.153'] },
      {
        kind: 'publish',
        address: '147.135.161.153',
        to: '10.200.0.10',
        port: 8080,
        hairpin: [{ interface: 'lan', address: '10.200.0.1' }],
      },
      { kind: 'source', addresses: ['147.135.161.156', '147.135.161.157'] },
      { kind: 'bidirectional', interfaces: ['ext'], outside: '147.135.161.155/32', inside: '10.200.0.10/32' },
    ]);
    const ext = artifact<LinkInput>(site, 'link/gateway/lab/edge/ext');
    const addresses = ['153', '155', '156', '157'].map((it) => `147.135.161.${it}/29`);
    expect([...ext.b.addresses].sort()).toEqual(addresses);
  });
});

describe('what a gateway cannot be is told with the place and the way out', () => {
  test.for([
    [
      'a policy that names an interface that it lacks',
      '    filterPolicy: p\nfilterPolicies: { p: { rules: [{ name: a, action: pass, source: [network-dmz] }] } }',
      'gateways/edge filterPolicy: rule a of p names network-dmz, but edge has no interface dmz',
    ],
    [
      'a router that is on none of its networks',
      '    routes: [{ destination: server, router: far }]\n',
      'gateways/edge routes[0]: no interface of edge has a network with 9.9.9.9 (routerObjects/far)',
    ],
    [
      'a backup router out of reach',
      '    routes: [{ destination: server, router: spare }]\n',
      'gateways/edge routes[0]: no interface of edge has a network with 9.9.9.8 (routerObjects/spare)',
    ],
    [
      'routers that are balanced in two ways',
      '    routes: [{ destination: server, router: two }, { destination: pool, router: senders }]\n',
      'gateways/edge: edge balances some routers by connections and others by sources',
    ],
    [
      'a rule that sends by a router and names the way out',
      '    filterPolicy: p\nfilterPolicies: { p: { rules: [{ name: a, action: pass, router: out, destinationInterfaces: [ext] }] } }',
      'filterPolicies/p rules[0].router: the router decides by which interface it leaves',
    ],
    [
      'a rule that sends by a router what does not pass',
      '    filterPolicy: p\nfilterPolicies: { p: { rules: [{ name: a, action: block, router: out }] } }',
      'filterPolicies/p rules[0].router: what does not pass goes nowhere',
    ],
    [
      'NAT to more than one host',
      '    natPolicy: p\nnatPolicies: { p: { rules: [{ name: a, type: publish, destination: [pool], services: [http], translateTo: server }] } }',
      'gateways/edge natPolicy: rule a of p: pool is not exactly one address',
    ],
    [
      'a rule for an interface that it lacks',
      '    natPolicy: p\nnatPolicies: { p: { rules: [{ name: a, type: exempt, destinationInterfaces: [dmz] }] } }',
      'gateways/edge natPolicy: rule a of p is for the interface dmz, which there is none of',
    ],
  ] as const)('%s', ([, more, expected]) => {
    const site = gatewayOf(more).replace(
      'routerObjects:',
      `routerObjects:
  far: { gateways: [{ address: 9.9.9.9 }] }
  spare: { gateways: [{ address: 10.200.0.60 }], backups: [{ address: 9.9.9.8 }] }
  two: { gateways: [{ address: 10.200.0.61 }, { address: 10.200.0.62 }], loadBalancing: connections }
  senders: { gateways: [{ address: 10.200.0.63 }, { address: 10.200.0.64 }], loadBalancing: sources }`,
    );
    expect(mistakes(site)).toEqual([expected]);
  });
});

describe('routes that are routes and lead nowhere good', () => {
  const warned = (text: string): readonly string[] => {
    const { snapshot, problems } = read(text);
    expect(problems).toEqual([]);
    const [edge] = snapshot.all(gateway, 'lab').filter((it) => it.name === 'edge');
    return edge === undefined ? [] : routeWarnings(edge, snapshot);
  };
  const two = (back: string): string =>
    gatewayOf(`    routes: [{ destination: branch, router: inner }]
  inner:
    interfaces:
      - { name: up, segment: inside, address: 10.200.0.60, external: true }
      - { name: branch, segment: branch, address: 10.60.0.1 }
${back}`)
      .replace(
        'networkObjects:',
        'networkObjects:\n  branch: { network: 10.60.0.0/24 }\n  far: { network: 10.61.0.0/24 }',
      )
      .replace(
        'routerObjects:',
        'routerObjects:\n  inner: { gateways: [{ address: 10.200.0.60 }] }\n  head: { gateways: [{ address: 10.200.0.1 }] }',
      )
      .replace('  link:', '  branch: { range: 10.60.0.0/24 }\n  link:');

  test('two gateways that send to each other are told to go round', () => {
    expect(warned(two('    defaultRouter: head')).filter((it) => it.includes('goes round'))).toEqual([]);
    const looped = two('    defaultRouter: head').replace('destination: branch', 'destination: far');
    expect(warned(looped)).toContain('warning: 10.61.0.0/24 goes round: edge sends it to inner, which sends it back');
  });

  test('a router among hosts is told to need a segment of its own', () => {
    expect(warned(two(''))).toEqual([
      expect.stringMatching(/^warning: hosts of inside that send to 10\.60\.0\.0\/24 by edge .* inner a segment/),
    ]);
    expect(warned(gatewayOf(''))).toEqual([]);
  });
});

describe('the machine’s own firewall', () => {
  const own = (
    more = '',
    second = '',
    wan = 'device: eth0, address: 147.135.161.153, networks: [147.135.161.152/29]',
  ) => `${base}
gateways:
  machine:
    attach: host
    interfaces:
      - { name: wan, ${wan}, external: true }
      - { name: lan, device: eth1, address: 10.200.0.1, networks: [10.200.0.0/16] }
${more}${second}`;

  test('judges by the names of its devices, and what touches none of them is not its business', () => {
    const policies =
      '    filterPolicy: p\n    natPolicy: p\nfilterPolicies: { p: { rules: [{ name: a, action: pass, sourceInterfaces: [lan] }] } }\n' +
      'natPolicies: { p: { rules: [{ name: a, type: source, source: [network-lan] }] } }\n';
    const filter = artifact<FilterInput>(own(policies), 'filter/gw.lab.machine');
    expect(filter).toMatchObject({ others: 'pass', cut: false });
    expect(filter.interfaces.map((it) => it.name)).toEqual(['eth0', 'eth1']);
    expect(filter.rules[0]?.inInterfaces).toEqual(['eth1']);
    expect(filter.nat).toMatchObject([{ outInterfaces: ['eth0'], each: [{ interface: 'eth0' }] }]);
    expect(artifact<{ readonly forward: string[] }>(own(), 'routing/gw.lab.machine').forward).toEqual(['eth0', 'eth1']);
  });

  test.each([
    ['a default router', own('    defaultRouter: out\n'), 'defaultRouter: the machine’s routes are its own'],
    [
      'an interface that is plugged into a segment',
      own('', '', 'segment: outside'),
      'interfaces[0].segment: the machine’s own firewall has the machine’s interfaces',
    ],
    [
      'a rule that needs more than a filter',
      own('    filterPolicy: p\nfilterPolicies: { p: { rules: [{ name: a, action: pass, router: out }] } }\n'),
      'filterPolicy: rule a has a router, a URL profile or an inspection',
    ],
    [
      'a second one',
      own(
        '',
        '  other: { attach: host, interfaces: [{ name: wan, device: eth2, networks: [192.0.2.0/24] }] }\n',
      ).replace('machine:', 'a-machine:'),
      'attach: lab/a-machine is this machine’s firewall already',
    ],
    [
      'an address that the machine does not have',
      own(
        '    natPolicy: p\nnatPolicies: { p: { rules: [{ name: a, type: source, source: [network-lan], translateTo: pool }] } }\n',
      ),
      'natPolicy: 147.135.161.156 is none of the machine’s addresses',
    ],
  ] as const)('refuses %s', (_, site, expected) => {
    expect(mistakes(site).map((it) => it.replace(/^gateways\/[a-z-]+ /, ''))).toContain(expected);
  });
});

describe('a cluster', () => {
  const cluster = (more = '', second = '{ gateway: two, priority: 50 }'): string =>
    `${base}
gateways:
  one: &node
    interfaces:
      - { name: ext, segment: outside, external: true }
      - { name: lan, segment: inside }
      - { name: ha, segment: link }
  two:
    interfaces:
      - { name: ext, segment: outside, external: true }
      - { name: lan, segment: inside }
      - { name: ha, segment: link }
gatewayClusters:
  pair:
    members: [{ gateway: one, priority: 100 }, ${second}]
    addresses: [{ interface: ext, address: 147.135.161.153 }, { interface: lan, address: 10.200.0.1 }]
    link: ha
    defaultRouter: out
${more}`.replace('&node', '');

  test('has one public address; members get addresses of their own where they need them', () => {
    const lan = artifact<LinkInput>(cluster(), 'link/gateway/lab/one/lan');
    const ext = artifact<LinkInput>(cluster(), 'link/gateway/lab/one/ext');
    expect(ext.b.addresses).toEqual([]);
    expect(ext.b.routes).toEqual([]);
    expect(lan.b.addresses).toHaveLength(1);
    expect(lan.b.addresses).not.toEqual(artifact<LinkInput>(cluster(), 'link/gateway/lab/two/lan').b.addresses);
  });

  test('may have its shared addresses come and go without being mended', () => {
    const shared = ['ext', 'lan', 'ha'].map(
      (it) => artifact<LinkInput>(cluster(), `link/gateway/lab/one/${it}`).b.shared,
    );
    expect(shared).toEqual([true, true, undefined]);
  });

  test('of one member simply has the addresses, until the second joins', () => {
    const site = cluster('', '').replace(', ]', ']');
    expect(artifact<LinkInput>(site, 'link/gateway/lab/one/ext').b).toMatchObject({
      addresses: ['147.135.161.153/29'],
      routes: [{ destination: '0.0.0.0/0', via: '147.135.161.158' }],
    });
  });

  test('decides for both: its members have the same rules', () => {
    const site = cluster('    filterPolicy: main\nfilterPolicies: { main: { rules: [{ name: a, action: pass }] } }');
    const [one, two] = ['one', 'two'].map((it) => artifact<FilterInput>(site, `filter/gw.lab.${it}`));
    expect(one?.rules).toHaveLength(1);
    expect(one?.rules).toEqual(two?.rules);
  });

  test.for([
    ['members of equal priority', '', '{ gateway: two, priority: 100 }', 'members[1].priority: both have priority 100'],
    ['a member twice', '', '{ gateway: one, priority: 50 }', 'members[1].gateway: one is there twice'],
    [
      'watching each other by the link',
      '    traffic: ha\n',
      undefined,
      'traffic: members watch each other by the same interface that carries state: its failure would make both active',
    ],
  ] as const)('refuses %s', ([, more, second, expected]) => {
    expect(mistakes(cluster(more, second))).toContain(`gatewayClusters/pair ${expected}`);
  });

  test('has the same hash for every section on both members, whatever their own addresses are', () => {
    const site = cluster(
      '    filterPolicy: main\nfilterPolicies: { main: { rules: [{ name: a, action: pass, source: [both] }] } }',
    ).replace('networkObjects:', 'networkObjects:\n  both: { group: [firewall-lan, firewall-all] }');
    const [one, two] = ['one', 'two'].map((it) => artifact<GatewayServiceInput>(site, `gateway-service/gw.lab.${it}`));
    expect(one?.hashes).toEqual(two?.hashes);
  });

  test('refuses a switch that a member turns off, which would count for nothing', () => {
    const site = cluster().replace('  two:\n', '  two:\n    antispoofing: false\n');
    expect(mistakes(site)).toEqual([
      'gateways/two antispoofing: two is a member of cluster pair, which says this for both',
    ]);
  });

  test('refuses a secret that can be guessed', () => {
    expect(mistakes(cluster('    secret: short\n'))).toEqual([
      'gatewayClusters/pair secret: it has 5 characters, 16 at least',
    ]);
  });

  test('refuses that a member says otherwise', () => {
    const site = cluster().replace('  two:\n', '  two:\n    defaultRouter: out\n');
    expect(mistakes(site)).toEqual([
      'gateways/two defaultRouter: two is a member of cluster pair, which says this for both',
    ]);
  });
});
