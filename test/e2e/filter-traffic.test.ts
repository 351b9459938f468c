import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { filterEngine } from '#engines/filter/driver.ts';
import { makeGrantsFolder } from '#engines/filter/granted.ts';
import { granting } from '#engines/filter/granting.ts';
import type { FilterInput, FilterRule, FilterTranslation } from '#engines/filter/input.ts';
import { office, officeRule } from '#engines/filter/office.fixture.ts';
import { forget } from '#engines/filter/plan.ts';
import { renderQueue } from '#engines/filter/queue.ts';
import { anySide, type Side } from '#engines/filter/side.ts';
import { eventually } from '../deployment.ts';
import { filterArtifact, officeLab } from '../filter-lab.ts';
import { type Probe, startProbe } from '../firewall-lab.ts';
import type { TestMachine } from '../machine.ts';

let machine: TestMachine;
let held: FilterInput | undefined;
const probes: Probe[] = [];

beforeAll(async () => {
  machine = await officeLab();
  const servers: Promise<Probe>[] = [];
  for (const [namespace, ports] of Object.entries({ out: [80, 81, 22], server: [8080, 22], gw: [22, 8443] })) {
    for (const port of ports) servers.push(startProbe(machine.namespace(namespace), ['serve', String(port), 'named']));
  }
  probes.push(...(await Promise.all(servers)));
});
afterEach(async () => {
  for (const it of probes.splice(7)) await it.end().catch(() => []);
  await machine.exec(['conntrack', '-F'], { namespace: 'gw' });
});
afterAll(async () => {
  for (const it of probes.splice(0)) await it.end().catch(() => []);
  await machine?.cleanup();
});

const set = (name: string): Side => ({ sets: [`lab/networkObject/${name}`], negated: false });
const service = (...names: string[]): string[] => names.map((it) => `lab/serviceObject/${it}`);
const rule = (name: string, number: number, rest: Partial<FilterRule> = {}): FilterRule =>
  officeRule(name, number, rest);

const addressSets = [
  ...office.addressSets,
  { key: 'lab/networkObject/server', ranges: ['10.200.0.10'] },
  { key: 'lab/networkObject/client', ranges: ['10.200.0.9'] },
  { key: 'lab/networkObject/mail', ranges: ['147.135.161.156'] },
  { key: 'lab/networkObject/branch', ranges: ['198.51.100.7'] },
];
const serviceSets = [
  ...office.serviceSets,
  { key: 'lab/serviceObject/ssh', services: [{ protocol: 'tcp' as const, ports: [[22, 22] as [number, number]] }] },
  { key: 'lab/serviceObject/alt', services: [{ protocol: 'tcp' as const, ports: [[8080, 8080] as [number, number]] }] },
];

const out: FilterTranslation = {
  kind: 'source',
  id: 'lab/natPolicy/office/out',
  inInterfaces: [],
  outInterfaces: ['ext'],
  source: set('vlan200'),
  destination: anySide,
  services: [],
  addresses: ['147.135.161.153'],
};
const published = office.nat.filter((it) => it.kind === 'publish');
const goOut = rule('go-out', 1, { source: set('vlan200'), outInterfaces: ['ext'] });

/** Puts a policy in force on top of the former one. */
async function policy(rest: Partial<FilterInput>): Promise<FilterInput> {
  const input = { ...office, namespace: 'gw', addressSets, serviceSets, nat: [out], guards: [], local: [], ...rest };
  const former = held === undefined ? undefined : filterArtifact(held);
  await filterEngine.check?.(machine, filterArtifact(input));
  await filterEngine.apply(machine, filterArtifact(input), former);
  held = input;
  return input;
}

async function talk(from: string, address: string, port: number): Promise<Probe> {
  const it = await startProbe(machine.namespace(from), ['talk', address, String(port)]);
  probes.push(it);
  return it;
}

/** Who a server says that one is. */
const nameAt = async (from: string, address: string, port: number): Promise<string> =>
  (await talk(from, address, port)).ask('who am I');

/** What a connection from one end to another comes to. */
async function dial(from: string, address: string, port: number): Promise<string> {
  const it = await startProbe(machine.namespace(from), ['dial']);
  const answer = await it.ask(`${address} ${port}`);
  await it.end();
  return answer;
}

const hitsOf = async (key: string): Promise<number> => {
  if (held === undefined) throw new Error('no policy is in force');
  const seen = await filterEngine.observe?.(machine, filterArtifact(held));
  return seen?.values[key]?.['hits'] ?? 0;
};

const steer = async (part: string, state: string, detail?: object): Promise<void> => {
  if (held === undefined) throw new Error('no policy is in force');
  const to = { part, state, ...(detail === undefined ? {} : { detail: JSON.stringify(detail) }) };
  await filterEngine.steer?.(machine, filterArtifact(held), to);
};

describe('address translation', () => {
  test('hides who goes out behind one address', async () => {
    await policy({ rules: [goOut] });
    expect(await nameAt('client', '147.135.161.158', 80)).toBe('147.135.161.153');
    expect(await hitsOf(out.id)).toBeGreaterThan(0);
  });

  test('gives a sender one address of a pool, always the same', async () => {
    await policy({ rules: [goOut], nat: [{ ...out, addresses: ['147.135.161.153', '147.135.161.155'] }] });
    const first = await nameAt('client', '147.135.161.158', 80);
    expect(['147.135.161.153', '147.135.161.155']).toContain(first);
    expect(await nameAt('client', '147.135.161.158', 81)).toBe(first);
  });

  test('publishes a private server under another port, from outside and from inside', async () => {
    const open = rule('published', 2, { destination: set('ext-address'), services: service('web') });
    await policy({ rules: [open], nat: [...published, out] });
    expect(await nameAt('out', '147.135.161.153', 80)).toBe('147.135.161.158');
    expect(await nameAt('client', '147.135.161.153', 80)).toBe('10.200.0.1');
    expect(await dial('out', '10.200.0.10', 8080)).toBe('silence');
  });

  test('comes after the filter, which sees what the sender wrote', async () => {
    const named = rule('private', 3, { destination: set('server'), services: service('alt') });
    await policy({ rules: [named], nat: [...published, out] });
    expect(await dial('out', '147.135.161.153', 80)).toBe('silence');
    expect(await nameAt('out', '10.200.0.10', 8080)).toBe('147.135.161.158');
  });

  test('leaves alone what is exempt', async () => {
    const exempt: FilterTranslation = {
      kind: 'exempt',
      id: 'lab/natPolicy/office/tunnel',
      inInterfaces: [],
      outInterfaces: ['ext'],
      source: set('vlan200'),
      destination: set('branch'),
      services: [],
    };
    await policy({ rules: [goOut], nat: [exempt, out] });
    expect(await nameAt('client', '198.51.100.7', 80)).toBe('10.200.0.9');
    expect(await nameAt('client', '147.135.161.158', 80)).toBe('147.135.161.153');
  });

  test('makes two addresses one host, both ways', async () => {
    const mail = office.nat.find((it) => it.kind === 'bidirectional');
    if (mail === undefined || mail.kind !== 'bidirectional') throw new Error('the office has a mail server');
    const both = { ...mail, inside: '10.200.0.10/32' };
    await policy({
      rules: [goOut, rule('mail', 4, { destination: set('mail'), services: service('ssh') })],
      nat: [both, out],
    });
    expect(await nameAt('server', '147.135.161.158', 80)).toBe('147.135.161.156');
    expect(await nameAt('out', '147.135.161.156', 22)).toBe('147.135.161.158');
    expect(await dial('out', '147.135.161.156', 8080)).toBe('silence');
  });
});

describe('a rule', () => {
  test('that resets lets the sender know at once, one that blocks says nothing', async () => {
    const reset = rule('no-ssh', 5, { action: 'reset', source: set('vlan200'), services: service('ssh') });
    await policy({ rules: [reset, rule('no-web', 6, { action: 'block', services: service('web') }), goOut] });
    expect(await dial('client', '147.135.161.158', 22)).toBe('refused');
    expect(await dial('client', '147.135.161.158', 80)).toBe('silence');
    expect(await dial('client', '147.135.161.158', 81)).toBe('open');
    const ping = await machine.exec(['ping', '-c', '1', '-W', '1', '147.135.161.158'], { namespace: 'client' });
    expect(ping.code).toBe(0);
    await policy({ rules: [rule('no-ping', 7, { action: 'reset', services: service('ping') })] });
    const refused = await machine.exec(['ping', '-c', '1', '-W', '1', '147.135.161.158'], { namespace: 'client' });
    expect(refused.stdout).toContain('Packet filtered');
  });

  test('that goes takes its connections along, and only those', async () => {
    const [web, ssh] = [
      rule('web', 1, { source: set('vlan200'), services: service('web') }),
      rule('ssh', 2, { source: set('vlan200'), services: service('ssh') }),
    ];
    await policy({ rules: [web, ssh] });
    const [one, other] = [await talk('client', '147.135.161.158', 80), await talk('client', '147.135.161.158', 22)];
    expect(await one.ask('still there?')).toBe('147.135.161.153');
    await policy({ rules: [ssh] });
    expect(await one.ask('still there?')).toBe('silence');
    expect(await other.ask('still there?')).toBe('147.135.161.153');
    await policy({ rules: [{ ...ssh, action: 'block' }], cut: false });
    expect(await other.ask('still there?')).toBe('147.135.161.153');
  });

  test('is cut by itself, and one connection by what its sender wrote', async () => {
    await policy({ rules: [goOut] });
    const first = await talk('client', '147.135.161.158', 80);
    await steer(goOut.id, 'cut');
    expect(await first.ask('still there?')).toBe('silence');
    const [one, other] = [await talk('client', '147.135.161.158', 80), await talk('client', '147.135.161.158', 22)];
    await steer('connections', 'cut', { source: '10.200.0.9', port: 22 });
    expect(await other.ask('still there?')).toBe('silence');
    expect(await one.ask('still there?')).toBe('147.135.161.153');
  });

  test('for people holds while they are signed in, over changes and a table that was lost', async () => {
    await makeGrantsFolder(machine, 'test', 'gw');
    const exec = (argv: readonly string[], options = {}) => machine.exec(argv, { ...options, namespace: 'gw' });
    const people = granting({ run: machine.run, namespace: 'gw', source: 'vpn', exec, now: () => new Date() });
    const [it] = office.people;
    if (it === undefined) throw new Error('the office has people');
    const signedIn = (person: string, ...networks: string[]) => ({
      address: '10.200.0.9',
      person,
      grants: [{ set: it.key, networks }],
    });
    const staff = rule('staff', 8, { people: it.key });
    // Signed in before the rules name the set: who loads them fills it.
    await people.set('c1', signedIn('alice@example.com', '147.135.161.158/32'));
    await policy({ rules: [rule('other', 9, { action: 'block', source: set('scanner') })] });
    expect(await dial('client', '147.135.161.158', 80)).toBe('silence');
    await policy({ rules: [staff] });
    const open = await talk('client', '147.135.161.158', 80);
    await policy({ rules: [rule('other', 9, { action: 'block', source: set('scanner') }), staff] });
    expect(await open.ask('still there?')).toBe('147.135.161.153');
    if (held !== undefined) await filterEngine.repair?.(machine, filterArtifact(held));
    expect(await dial('client', '147.135.161.158', 81)).toBe('open');
    // The end of an old session is told after the beginning of a new one of the same person.
    await people.set('c2', signedIn('alice@example.com', '147.135.161.152/29'));
    await people.set('c1', undefined);
    expect(await open.ask('still there?')).toBe('147.135.161.153');
    await people.set('c2', signedIn('alice@example.com', '10.0.0.0/8'));
    expect(await open.ask('still there?')).toBe('silence');
    expect(await dial('client', '147.135.161.158', 80)).toBe('silence');
    await people.set('c2', signedIn('alice@example.com', '147.135.161.158/32'));
    const hers = await talk('client', '147.135.161.158', 80);
    // The address goes to somebody who may the same: what she began is not theirs.
    await people.replace(new Map([['c3', signedIn('bob@example.com', '147.135.161.158/32')]]));
    expect(await hers.ask('still there?')).toBe('silence');
    expect(await dial('client', '147.135.161.158', 80)).toBe('open');
    await people.set('c3', undefined);
    expect(await dial('client', '147.135.161.158', 80)).toBe('silence');
  });
});

describe('a local proxy', () => {
  const diverting = rule('browse', 10, {
    source: set('client'),
    services: service('web'),
    divert: [{ ports: [80], to: 3129 }],
  });

  beforeAll(async () => {
    await machine.sh('ip rule add fwmark 0x10000/0x10000 lookup 100', { namespace: 'gw' });
    await machine.sh('ip route add local default dev lo table 100', { namespace: 'gw' });
  });

  test('takes over what its rule let pass, and nothing that another refused before', async () => {
    await policy({ rules: [diverting, goOut] });
    // While it is away, nothing goes by it.
    expect(await dial('client', '147.135.161.158', 80)).toBe('silence');
    probes.push(await startProbe(machine.namespace('gw'), ['proxy', '3129']));
    expect(await nameAt('client', '147.135.161.158', 80)).toBe('147.135.161.158:80');
    expect(await nameAt('server', '147.135.161.158', 80)).toBe('147.135.161.153');
    expect(await nameAt('client', '147.135.161.158', 81)).toBe('147.135.161.153');
    expect(await hitsOf(diverting.id)).toBeGreaterThan(0);
    await policy({ rules: [rule('never', 11, { action: 'block', source: set('client') }), diverting, goOut] });
    expect(await dial('client', '147.135.161.158', 80)).toBe('silence');
  });
});

const pings = async (namespace: string, to: string): Promise<boolean> =>
  (await machine.exec(['ping', '-q', '-c', '1', '-W', '1', to], { namespace })).code === 0;

describe('the gateway itself', () => {
  test('answers whom rules let in, but nobody else on what some are let in for, whatever the rules say', async () => {
    const [management] = office.local.filter((it) => it.id.endsWith('management'));
    if (management === undefined) throw new Error('the office is managed');
    await policy({ rules: [rule('all', 12)], local: [{ ...management, source: set('client') }] });
    expect(await dial('client', '10.200.0.1', 22)).toBe('open');
    expect(await dial('client', '147.135.161.153', 8443)).toBe('open');
    expect(await dial('server', '10.200.0.1', 22)).toBe('silence');
    expect(await dial('out', '147.135.161.153', 22)).toBe('silence');
    expect(await pings('server', '10.200.0.1')).toBe(true);
    expect(await hitsOf('lab/filterPolicy/office/all')).toBe(1);
    expect(await hitsOf(management.id)).toBe(2);
    expect(await hitsOf('lab/gateway/office/implicit/local')).toBeGreaterThan(1);
    await policy({ rules: [rule('no-ping', 13, { action: 'block', services: service('ping') }), rule('all', 12)] });
    expect(await pings('server', '10.200.0.1')).toBe(false);
    expect(await dial('server', '10.200.0.1', 22)).toBe('open');
    await policy({ rules: [rule('out', 14, { outInterfaces: ['ext'] })] });
    expect(await dial('server', '10.200.0.1', 22)).toBe('silence');
  });

  test('is managed past the connection table, which may be full; what rules let through is in it', async () => {
    const [management] = office.local.filter((it) => it.id.endsWith('management'));
    if (management === undefined) throw new Error('the office is managed');
    await policy({ rules: [goOut], local: [{ ...management, source: set('client') }] });
    const tracked = async () => (await machine.exec(['conntrack', '-L', '-p', 'tcp'], { namespace: 'gw' })).stdout;
    const session = await talk('client', '10.200.0.1', 22);
    expect(await session.ask('hello')).toBe('10.200.0.9');
    await nameAt('client', '147.135.161.158', 80);
    expect(await tracked()).toMatch(/dport=80/);
    expect(await tracked()).not.toMatch(/dport=22/);
  });

  test('ends a session of somebody who may not manage it any more', async () => {
    const [management] = office.local.filter((it) => it.id.endsWith('management'));
    if (management === undefined) throw new Error('the office is managed');
    await policy({ rules: [], local: [{ ...management, source: set('client') }] });
    const session = await talk('client', '10.200.0.1', 22);
    expect(await session.ask('hello')).toBe('10.200.0.9');
    await policy({ rules: [], local: [{ ...management, source: set('admin') }] });
    expect(await session.ask('hello')).toBe('silence');
  });
});

describe('a flood', () => {
  const denied = rule('denied', 13, {
    action: 'block',
    source: set('vlan200'),
    services: service('dns'),
    log: 'connections',
  });

  test('of refused packets leaves the log readable, and is counted to the last one', async () => {
    await policy({ rules: [denied] });
    const before = await hitsOf(denied.id);
    const log = machine.exec(['timeout', '6', 'tcpdump', '-n', '-l', '-i', 'nflog:11', '-c', '400'], {
      namespace: 'gw',
    });
    const readers = () => machine.exec(['cat', '/proc/net/netfilter/nfnetlink_log'], { namespace: 'gw' });
    await eventually(readers, ({ stdout: groups }) => /^ *11 /m.test(groups));
    const lines = Array.from({ length: 4000 }, (_, tag) => `${tag} 10.200.0.9 147.135.161.158 17 ${1024 + tag} 53\n`);
    const probe = `${machine.home}/test/e2e/probe.py`;
    await machine.exec(['python3', probe, 'send'], { namespace: 'client', stdin: lines.join('') });
    await eventually(
      () => hitsOf(denied.id),
      (hits) => hits - before === 4000,
    );
    const { stdout } = await log;
    const logged = stdout.split('\n').filter((it) => it !== '').length;
    expect(logged).toBeGreaterThanOrEqual(10);
    expect(logged).toBeLessThan(60);
  });

  test('of forged senders dies before it is a connection', async () => {
    await policy({ rules: [rule('all', 12)] });
    const spoofed = 'lab/gateway/office/implicit/spoofed';
    const before = await hitsOf(spoofed);
    const lines = Array.from(
      { length: 100 },
      (_, tag) => `${tag} 203.0.113.${tag + 1} 147.135.161.158 17 ${1024 + tag} 53\n`,
    );
    await machine.exec(['python3', `${machine.home}/test/e2e/probe.py`, 'send'], {
      namespace: 'client',
      stdin: lines.join(''),
    });
    await eventually(
      () => hitsOf(spoofed),
      (hits) => hits - before === 100,
    );
    const { stdout } = await machine.exec(['conntrack', '-L'], { namespace: 'gw' });
    expect(stdout).not.toContain('203.0.113.');
  });
});

describe('changes', () => {
  test('of rules lose no packet and no count: 121 of them under pings', async () => {
    await policy({ rules: [goOut] });
    const before = await hitsOf(goOut.id);
    const pings = machine.exec(['ping', '-q', '-i', '0.005', '-c', '1500', '-W', '2', '147.135.161.158'], {
      namespace: 'client',
      timeout: 120_000,
    });
    for (let change = 0; change < 121; change++) {
      const more = Array.from({ length: 1 + (change % 7) }, (_, index) =>
        rule(`more${index}-${change}`, 100 + index, {
          action: 'block',
          source: set('scanner'),
          services: service('dns'),
        }),
      );
      await policy({ rules: [...more, goOut] });
    }
    expect((await pings).stdout).toMatch(/1500 packets transmitted, 1500 received, 0% packet loss/);
    expect((await hitsOf(goOut.id)) - before).toBe(1);
  }, 240_000);

  test('by a stranger are seen and mended', async () => {
    const input = await policy({ rules: [goOut] });
    const look = () => filterEngine.fingerprint?.(machine, filterArtifact(input));
    await filterEngine.repair?.(machine, filterArtifact(input));
    const before = await look();
    expect((await look()) === before).toBe(true);
    await machine.sh('nft flush chain ip gw forward', { namespace: 'gw' });
    expect((await look()) === before).toBe(false);
    expect(await dial('client', '147.135.161.158', 80)).toBe('silence');
    await filterEngine.repair?.(machine, filterArtifact(input));
    expect(await dial('client', '147.135.161.158', 80)).toBe('open');
    expect((await look()) === before).toBe(true);
  });

  test('on a table that a stranger replaced begin anew', async () => {
    await policy({ rules: [goOut] });
    await machine.sh('nft delete table ip gw_state', { namespace: 'gw' });
    await machine.sh('nft delete table ip gw', { namespace: 'gw' });
    await policy({ rules: [rule('web', 20, { source: set('vlan200'), services: service('web') })] });
    expect(await dial('client', '147.135.161.158', 80)).toBe('open');
    expect(await dial('client', '147.135.161.158', 22)).toBe('silence');
  });

  test('by a process of ours that knows nothing of the former one keep counters and connections', async () => {
    const rules = [rule('web', 40, { source: set('vlan200'), services: service('web') }), goOut];
    const input = await policy({ rules });
    await policy({ rules: [goOut, ...rules.slice(0, 1)] });
    await policy({ rules });
    const open = await talk('client', '147.135.161.158', 80);
    expect(await open.ask('hello')).toBe('147.135.161.153');
    const before = await hitsOf('lab/filterPolicy/office/web');
    expect(before).toBeGreaterThan(0);
    forget(machine, filterArtifact(input));
    await policy({ rules: [goOut, ...rules.slice(0, 1)] });
    expect(await open.ask('hello')).toBe('147.135.161.153');
    expect(await hitsOf('lab/filterPolicy/office/web')).toBe(before);
  });

  test('that a machine cannot hold are refused before anything changes', async () => {
    await policy({ rules: [goOut] });
    const inspected = { ...goOut, inspection: 'ips' as const, failOpen: false };
    const before = held;
    const ips = { queue: 3, canary: { address: '127.0.86.1', port: 4790 } };
    const able = [
      await machine.exec(['iptables-nft-restore', '--version']),
      await machine.exec(['nft', '-c', '-f', '-'], { namespace: 'gw', stdin: renderQueue(ips) }),
    ].some((it) => it.code === 0);
    const tried = policy({ rules: [inspected], ips });
    if (able) {
      await tried;
      // Nobody reads the queue, and the rule does not let pass what nobody has looked at.
      expect(await dial('client', '147.135.161.158', 80)).toBe('silence');
      await policy({ rules: [{ ...inspected, failOpen: true }], ips });
    } else {
      await expect(tried).rejects.toMatchObject({ code: 'HOST_UNFIT' });
      expect(held).toBe(before);
    }
    expect(await dial('client', '147.135.161.158', 80)).toBe('open');
    // Without anybody to inspect, too.
    await policy({ rules: [inspected] });
    expect(await dial('client', '147.135.161.158', 80)).toBe('silence');
    await policy({ rules: [{ ...inspected, failOpen: true }] });
    expect(await dial('client', '147.135.161.158', 80)).toBe('open');
  });

  test('count a number that another rule has got from zero', async () => {
    await policy({ rules: [rule('one', 30, { source: set('vlan200') })] });
    expect(await dial('client', '147.135.161.158', 80)).toBe('open');
    expect(await hitsOf('lab/filterPolicy/office/one')).toBe(1);
    await policy({ rules: [rule('two', 30, { source: set('vlan200') })] });
    expect(await hitsOf('lab/filterPolicy/office/two')).toBe(0);
  });
});
