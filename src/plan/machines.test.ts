import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import { emptySnapshot } from '#core/snapshot.ts';
import type { BridgeInput } from '#engines/bridge/input.ts';
import type { GatewayServiceInput } from '#engines/gateway-service/input.ts';
import type { LinkInput } from '#engines/link/input.ts';
import type { VxlanInput } from '#engines/vxlan/input.ts';
import { admit } from './admit.ts';
import { compile, compileAll, refuseStrangers } from './compile.ts';
import { parseSite } from './site.ts';

const read = (text: string) => {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  return admit(declared, emptySnapshot, unread);
};

const example = (name: string): string =>
  readFileSync(new URL(`../../examples/${name}/site.yaml`, import.meta.url), 'utf8');

const machines = 'machines: { local: { address: 10.9.0.1 }, b: { address: 10.9.0.2 } }';

/** A pair of which the second member stands on machine b. */
const pair = (also = '', { declared = machines, secret = '', segments = '', member = '' } = {}): string => `
project: lab
${declared}
segments:
  outside: { range: 147.135.161.152/29, mtu: 1450 }
  inside:
    range: 10.200.0.0/16
    routerAddress: 10.200.0.1
    dns: { upstream: [10.200.0.9] }
    mtu: 1450
    ${segments}
  link: { range: 192.168.2.0/29, mtu: 1450 }
  unrelated: { range: 10.77.0.0/24 }
instances:
  office: { zone: gra11-a, interfaces: [{ segment: inside }] }
gateways:
  one: { interfaces: [{ name: ext, segment: outside, external: true }, { name: lan, segment: inside }, { name: ha, segment: link }] }
  two: { machine: b, ${member} interfaces: [{ name: ext, segment: outside, external: true }, { name: lan, segment: inside }, { name: ha, segment: link }] }
gatewayClusters:
  pair:
    members: [{ gateway: one, priority: 100 }, { gateway: two, priority: 50 }]
    addresses: [{ interface: ext, address: 147.135.161.153 }, { interface: lan, address: 10.200.0.1 }]
    link: ha
    ${secret}
    ${also}
`;

function compiled(text: string) {
  const { snapshot, problems } = read(text);
  expect(problems).toEqual([]);
  const all = compileAll(snapshot);
  const listOf = (machine: string): readonly Artifact[] => all.get(machine) ?? [];
  return {
    machines: [...all.keys()],
    ids: (machine: string) => listOf(machine).map((it) => it.id),
    of: <I>(machine: string, id: string) => listOf(machine).find((it) => it.id === id)?.input as I,
    listOf,
  };
}

const refusals = (text: string): string[] => read(text).problems.map((it) => `${it.at}: ${it.message}`);

describe('each machine', () => {
  const { machines: names, ids, of, listOf } = compiled(pair());

  test('holds its own gateway with all of its engines, and nothing of the other’s', () => {
    expect(names).toEqual(['local', 'b']);
    for (const [machine, own, other] of [
      ['local', 'one', 'two'],
      ['b', 'two', 'one'],
    ] as const) {
      for (const engine of ['namespace', 'filter', 'keepalived', 'conntrackd', 'gateway-service', 'ulogd']) {
        expect(ids(machine).filter((it) => it.startsWith(`${engine}/gw.lab.${own}`))).toHaveLength(1);
      }
      expect(ids(machine).filter((it) => it.includes(`gw.lab.${other}`) || it.includes(`/lab/${other}/`))).toEqual([]);
      expect(ids(machine)).toContain(`link/gateway/lab/${own}/lan`);
    }
  });

  test('has the segments that its gateway is plugged into; hosts, servers and everything else stand on local', () => {
    expect(ids('b').filter((it) => it.startsWith('bridge/'))).toHaveLength(3);
    expect(ids('b').filter((it) => it.includes('unrelated') || it.includes('vm.lab'))).toEqual([]);
    expect(ids('b').filter((it) => it.startsWith('dnsmasq/'))).toEqual([]);
    expect(ids('local')).toContain('dnsmasq/seg.lab.inside');
    expect(of<BridgeInput>('local', 'bridge/seg.lab.inside/br0')).toMatchObject({ router: '10.200.0.1' });
    const far = of<BridgeInput>('b', 'bridge/seg.lab.inside/br0');
    expect(far).toMatchObject({ addresses: [] });
    expect(far.router).toBe(undefined);
  });

  test('needs nothing that stands on another', () => {
    for (const machine of names) {
      const held = new Set(ids(machine));
      expect(listOf(machine).flatMap((it) => it.needs.filter((need) => !held.has(need)))).toEqual([]);
    }
  });

  test('joins its part of a segment with the others, each under its own address', () => {
    const [near, far] = names.map((it) => of<VxlanInput>(it, 'vxlan/seg.lab.inside'));
    expect(near).toMatchObject({ local: '10.9.0.1', peers: ['10.9.0.2'], port: 4789, mtu: 1450 });
    expect(far).toMatchObject({ local: '10.9.0.2', peers: ['10.9.0.1'] });
    expect(far?.id).toBe(near?.id);
    const all = ['inside', 'outside', 'link'].map((it) => of<VxlanInput>('b', `vxlan/seg.lab.${it}`).id);
    expect(new Set(all).size).toBe(3);
    expect(ids('local')).not.toContain('vxlan/seg.lab.unrelated');
  });

  test('has Ethernet addresses that no other has on the same network', () => {
    const macs = names.flatMap((it) =>
      listOf(it).flatMap(({ engine, input }) => {
        if (engine === 'bridge') return [(input as BridgeInput).mac];
        return engine === 'link' ? [(input as LinkInput).a.mac, (input as LinkInput).b.mac] : [];
      }),
    );
    expect(new Set(macs).size).toBe(macs.length);
  });
});

test('members on two machines make their secret alike when none is declared; on one machine the machine makes it', () => {
  const service = (text: string, machine: string, member: string) =>
    compiled(text).of<GatewayServiceInput>(machine, `gateway-service/gw.lab.${member}`);
  expect(service(pair(), 'local', 'one').apart).toBe(true);
  expect(service(pair(), 'b', 'two').apart).toBe(true);
  expect(service(pair().replace('machine: b,', ''), 'local', 'two').apart).toBe(undefined);
  const declared = service(pair('', { secret: 'secret: a-secret-of-both-members' }), 'b', 'two');
  expect(declared.apart).toBe(undefined);
  expect(declared.secret).toBe('a-secret-of-both-members');
});

test('leases of a pair that serves a segment follow to the other machine', () => {
  const { of } = compiled(pair('dhcp: [lan]'));
  expect(of<GatewayServiceInput>('b', 'gateway-service/gw.lab.two').files).toMatchObject([{ name: 'leases-lan' }]);
  // It serves the same hosts, also those that stand on the first machine.
  expect(of<{ records: unknown }>('b', 'dnsmasq/gw.lab.two.lan').records).toEqual(
    of<{ records: unknown }>('local', 'dnsmasq/gw.lab.one.lan').records,
  );
});

test('a segment that leaves every machine by an interface is no tunnel besides', () => {
  const { ids } = compiled(pair('', { segments: 'uplink: { interface: eth1 }' }));
  for (const machine of ['local', 'b']) {
    expect(ids(machine).filter((it) => it.startsWith('vxlan/'))).toEqual([
      'vxlan/seg.lab.link',
      'vxlan/seg.lab.outside',
    ]);
    expect(ids(machine).filter((it) => it.startsWith('bridge-uplink/'))).toHaveLength(1);
  }
});

describe('of a gateway elsewhere is refused, with the way out,', () => {
  test('a machine that nobody declared', () => {
    expect(refusals(pair('', { declared: '' })).join('\n')).toContain('there is no machine named b');
  });

  test('a segment that stands on a machine without an address', () => {
    const found = refusals(pair('', { declared: 'machines: { b: { address: 10.9.0.2 } }' }));
    expect(found).toHaveLength(3);
    expect(found[0]).toContain('it stands on machine b: segment outside stands on several machines, and local has no');
  });

  test('a segment that says itself which machines it goes on at', () => {
    const found = refusals(pair('', { segments: 'vxlan: { id: 7, peers: [10.9.0.2] }' }));
    expect(found.join('\n')).toContain('segment inside says itself by `vxlan`');
  });

  test('inspection, whose findings would stay there', () => {
    const policy = `
filterPolicies:
  office: { rules: [{ name: out, action: pass, inspection: ips, source: [any], destination: [any] }] }`;
    const found = refusals(`${pair('filterPolicy: office')}${policy}`);
    expect(found.join('\n')).toContain('rule out of office asks for it, as cluster pair says');
  });

  test('the firewall of the machine itself', () => {
    const found = refusals(`
project: lab
${machines}
gateways:
  edge: { machine: b, attach: host, interfaces: [{ name: ext, device: eth0, networks: [10.1.0.0/16] }] }
`);
    expect(found.join('\n')).toContain('the firewall of a machine itself can only be that of `local`');
  });
});

test('two machines at one address, or one at two, are refused, whichever project says so', () => {
  expect(refusals('project: lab\nmachines: { a: { address: 10.9.0.2 }, b: { address: 10.9.0.2 } }')).toHaveLength(1);
  const both = [
    { path: 'a.yaml', text: 'project: one\nmachines: { b: { address: 10.9.0.2 } }' },
    { path: 'b.yaml', text: 'project: two\nmachines: { b: { address: 10.9.0.3 } }' },
  ];
  const { declared, ...unread } = parseSite(both);
  const { problems } = admit(declared, emptySnapshot, unread);
  expect(problems.map((it) => it.message)).toEqual(['project one says that machine b is at 10.9.0.2']);
});

test('what stands on a machine that has not joined is refused', () => {
  const { snapshot } = read(pair());
  expect(() => refuseStrangers(snapshot, new Set(['local']))).toThrow('machine b, which has not joined');
  expect(() => refuseStrangers(snapshot, new Set(['local', 'b']))).not.toThrow();
});

test('what stands on local only says so when it is told a machine', () => {
  const { problems } = read('project: lab\ninstances: { web: { zone: gra11-a, machine: b } }');
  expect(problems.map((it) => it.fix)).toContain(
    'Take it out: only gateways stand on other machines, everything else on `local`.',
  );
});

test('a deployment on one machine holds what it always held', () => {
  for (const name of ['cloud-ids', 'gateway-ha']) {
    const { snapshot } = read(example(name));
    const all = compileAll(snapshot);
    expect([...all.keys()]).toEqual(['local']);
    expect(all.get('local')).toEqual(compile(snapshot));
    expect(all.get('local')?.length).toBeGreaterThan(0);
  }
});
