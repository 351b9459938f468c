import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import { firewallEngine, planFirewall } from '#engines/firewall/driver.ts';
import { FirewallInput, type FirewallRule } from '#engines/firewall/input.ts';
import { renderRemoval } from '#engines/firewall/render.ts';
import { eventually } from '../deployment.ts';
import { type FirewallLab, firewallLab, type Probe, type Sent, startProbe } from '../firewall-lab.ts';
import { below, seeded } from '../firewall-samples.ts';

let lab: FirewallLab;
beforeAll(async () => {
  lab = await firewallLab({ a: ['10.0.1.1'], b: ['10.0.1.2'] });
});
beforeEach(async () => {
  await nft(renderRemoval());
  await lab.machine.exec(['conntrack', '-F'], { namespace: 'v' });
});
afterAll(() => lab?.cleanup());

const v = { namespace: 'v' };
async function nft(text: string): Promise<void> {
  const { stderr } = await lab.machine.exec(['nft', '-f', '-'], { ...v, stdin: text });
  expect(stderr).toBe('');
}

const ruleOf = (name: string, ports: [number, number][], more: Partial<FirewallRule> = {}): FirewallRule => ({
  id: `lab/firewallRule/${name}`,
  direction: 'ingress',
  priority: 1000,
  action: 'allow',
  protocols: [
    { protocol: 'tcp', ports },
    { protocol: 'udp', ports },
  ],
  sources: ['0.0.0.0/0'],
  destinations: ['0.0.0.0/0'],
  targets: ['lab/instance/a'],
  log: false,
  ...more,
});

const wanted = (rules: readonly FirewallRule[], more: Partial<FirewallInput> = {}): Artifact<FirewallInput> => ({
  id: 'firewall/v',
  engine: 'firewall',
  owners: [],
  needs: [],
  input: FirewallInput.parse({
    namespace: 'v',
    hosts: lab.hosts,
    rules,
    uplinks: [],
    logGroup: 5,
    logImpliedDeny: false,
    ...more,
  }),
});

/** Rules beside the point, enough of them that loading takes a while. */
function ballast(seed: number, size: number): FirewallRule[] {
  const random = seeded(seed);
  return Array.from({ length: size }, (_, index) =>
    ruleOf(`ballast${index}`, [[1 + below(random, 6000), 6500]], {
      priority: 2000 + below(random, 50),
      action: random() < 0.5 ? 'allow' : 'deny',
      sources: [`172.${16 + below(random, 16)}.${below(random, 256)}.0/24`],
    }),
  );
}

const udp = (port: number): Sent => ({
  by: 'out',
  packet: { source: '198.51.100.1', destination: '10.0.1.1', protocol: 17, port },
});

/** Which of the ports 80, 81 and 82 a stranger reaches. */
async function open(): Promise<readonly number[]> {
  await lab.machine.exec(['conntrack', '-F'], v);
  const arrived = await lab.exchange([udp(80), udp(81), udp(82)]);
  return [...arrived].map((it) => 80 + it).sort();
}

test('the goldens are what nft reads', async () => {
  const folder = join(lab.machine.home, 'src/engines/firewall/golden');
  const files = (await readdir(folder)).sort();
  const check = (text: string) => lab.machine.exec(['nft', '--check', '-f', '-'], { ...v, stdin: text });
  for (const name of files.filter((it) => !it.includes('-to-'))) {
    expect(await check(await readFile(join(folder, name), 'utf8'))).toMatchObject({ code: 0, stderr: '' });
  }
  await nft(await readFile(join(folder, 'lab.nft'), 'utf8'));
  expect(await check(await readFile(join(folder, 'lab-to-logged.nft'), 'utf8'))).toMatchObject({ code: 0, stderr: '' });
});

test('while rule sets are swapped, no new connection is lost and none leaks', async () => {
  const rules = [ruleOf('always', [[7000, 7000]]), ruleOf('never', [[7001, 7001]], { action: 'deny' })];
  const sets = [1, 2].map((seed) => wanted([...rules, ...ballast(seed, 600)]));
  const [first, second] = sets;
  if (first === undefined || second === undefined) throw new RangeError('two sets');
  await firewallEngine.apply(lab.machine, first, undefined);
  const packets = Array.from({ length: 40_000 }, (_, index) => udp(7000 + (index % 2)));
  let sending = true;
  const exchange = lab.exchange(packets).finally(() => {
    sending = false;
  });
  let swaps = 0;
  for (let held = first; sending && swaps < 200; swaps++) {
    const next = held === first ? second : first;
    await firewallEngine.apply(lab.machine, next, held);
    held = next;
  }
  const arrived = await exchange;
  expect(swaps).toBeGreaterThanOrEqual(4);
  expect([...arrived].filter((tag) => tag % 2 === 1)).toEqual([]);
  expect(arrived.size).toBe(20_000);
});

describe('whatever a crash leaves behind', () => {
  const former = () => wanted([ruleOf('http', [[80, 80]]), ruleOf('both', [[81, 81]]), ...ballast(1, 20)]);
  const next = () => wanted([ruleOf('both', [[81, 81]]), ruleOf('new', [[82, 82]]), ...ballast(2, 20)]);

  test.for([
    [0, [80, 81]],
    [1, [80, 81]],
    [2, [81, 82]],
    [3, [81, 82]],
  ] as const)('after %i of 3 transactions the old rules or the new ones hold', async ([done, ports]) => {
    await firewallEngine.apply(lab.machine, former(), undefined);
    const { transactions } = await planFirewall(lab.machine, next());
    expect(transactions.map((it) => it.phase)).toEqual(['load', 'swap', 'cleanup']);
    for (const { text } of transactions.slice(0, done)) await nft(text);
    expect(await open()).toEqual(ports);
    for (const [target, reached] of [
      [former(), [80, 81]],
      [next(), [81, 82]],
    ] as const) {
      await firewallEngine.apply(lab.machine, target, undefined);
      expect(await open()).toEqual(reached);
      expect((await planFirewall(lab.machine, target)).transactions).toEqual([]);
      expect(await firewallEngine.observe?.(lab.machine, target)).toMatchObject({ state: 'ready' });
    }
  });

  test.for([
    ['an object is emptied', 'flush map ip fw '],
    ['the dispatch is emptied', 'flush map ip fw ingress_of'],
    ['a hooked chain is emptied', 'flush chain ip fw forward'],
    ['a hooked chain accepts by default', 'add chain ip fw forward { policy accept; }'],
    ['the table is gone', 'delete table ip fw'],
    ['the marker is gone', 'delete table ip fw_state'],
    ['the lock of IPv6 is gone', 'delete table ip6 fw_lock'],
  ])('applying again repairs it: %s', async ([, command = '']) => {
    const good = former();
    await firewallEngine.apply(lab.machine, good, undefined);
    const listing = await lab.machine.sh('nft list table ip fw', v);
    const [map] = /(?<=map )m_\w+/.exec(listing) ?? [];
    await nft(command.endsWith(' ') ? `${command}${map}` : command);
    await firewallEngine.apply(lab.machine, good, undefined);
    expect(await open()).toEqual([80, 81]);
    expect(await lab.machine.sh('nft list table ip fw', v)).toContain('policy drop');
    expect(await lab.machine.sh('nft list table ip6 fw_lock', v)).toContain('policy drop');
  });

  test('removing twice leaves nothing of ours and what others made', async () => {
    await firewallEngine.apply(lab.machine, former(), undefined);
    await nft('table ip foreign { }');
    await firewallEngine.remove(lab.machine, former());
    await firewallEngine.remove(lab.machine, former());
    expect((await lab.machine.sh('nft list tables', v)).trim()).toBe('table ip foreign');
    await nft('delete table ip foreign');
  });
});

test('a refusal by nft names the rule that it is about and changes nothing', async () => {
  await firewallEngine.apply(lab.machine, wanted([ruleOf('http', [[80, 80]])]), undefined);
  const input = wanted([ruleOf('http', [[80, 80]])]).input;
  // The schema would not let this pass; nft must not either.
  const bad = {
    ...wanted([]),
    input: { ...input, rules: [{ ...ruleOf('broken', [[81, 81]]), log: true, id: `lab/x"y` }] },
  };
  await expect(firewallEngine.check?.(lab.machine, bad)).rejects.toMatchObject({
    code: 'ENGINE_REJECTED',
    at: `lab/x"y`,
  });
  await expect(firewallEngine.apply(lab.machine, bad, undefined)).rejects.toMatchObject({ code: 'ENGINE_REJECTED' });
  expect(await open()).toEqual([80]);
});

test('hits outlive a change of the rule set, and denied attempts are counted for each host', async () => {
  const http = ruleOf('http', [[80, 80]]);
  const first = wanted([http]);
  await firewallEngine.apply(lab.machine, first, undefined);
  await open();
  const second = wanted([http, ruleOf('new', [[82, 82]])]);
  await firewallEngine.apply(lab.machine, second, first);
  await open();
  const seen = await firewallEngine.observe?.(lab.machine, second);
  expect(seen?.values).toMatchObject({
    'lab/firewallRule/http': { hits: 2 },
    'lab/firewallRule/new': { hits: 1 },
    'implied-deny-ingress': { hits: 3 },
    'lab/instance/a': { impliedDenies: 3 },
    'lab/instance/b': { impliedDenies: 0 },
  });
});

describe('connections that run', () => {
  const probes: Probe[] = [];
  const start = async (name: string, words: readonly string[]): Promise<Probe> => {
    const it = await startProbe(lab.machine.namespace(name), words);
    probes.push(it);
    return it;
  };
  afterAll(async () => {
    for (const it of probes) await it.end();
  });

  test('are cut when the new rules forbid them, also behind NAT, and go on when not', async () => {
    await nft(`table ip nat
      delete table ip nat
      table ip nat { chain pre { type nat hook prerouting priority dstnat; ip daddr 203.0.113.5 tcp dport 8080 dnat to 10.0.1.1:80; }; }`);
    const first = wanted([ruleOf('http', [[80, 82]])]);
    await firewallEngine.apply(lab.machine, first, undefined);
    await start('a', ['serve', '80']);
    await start('a', ['serve', '81']);
    await start('a', ['serve', '82', 'chatty']);
    await start('out', ['talk', '10.0.1.1', '82']);
    const plain = await start('out', ['talk', '10.0.1.1', '80']);
    const translated = await start('out', ['talk', '203.0.113.5', '8080']);
    const spared = await start('out', ['talk', '10.0.1.1', '81']);
    for (const it of [plain, translated, spared]) expect(await it.ask('one')).toBe('one');
    const second = wanted([ruleOf('http', [[81, 81]])]);
    await firewallEngine.apply(lab.machine, second, first);
    expect(await Promise.all([plain, translated, spared].map((it) => it.ask('two')))).toEqual([
      'silence',
      'silence',
      'two',
    ]);
    // A server that goes on talking must not open the connection again from its side.
    expect(await lab.machine.sh('conntrack -L', v)).not.toContain('port=82 ');
    const marks = await lab.machine.sh('conntrack -L -p tcp --orig-port-dst 81', v);
    expect(Number(/mark=(\d+)/.exec(marks)?.[1])).toBeGreaterThan(0);
    await nft('delete table ip nat');
  });
});

test('of twenty thousand connections, those that a narrower rule forbids are cut in few passes', async () => {
  const first = wanted([ruleOf('http', [[80, 80]])]);
  await firewallEngine.apply(lab.machine, first, undefined);
  const sources = (network: number, index: number): string => `20.${network}.${index >> 8}.${index & 255}`;
  const packets = Array.from({ length: 20_000 }, (_, index): Sent => {
    const source = sources(index % 2, index >> 1);
    return { by: 'out', packet: { source, destination: '10.0.1.1', protocol: 17, port: 80 } };
  });
  expect((await lab.exchange(packets)).size).toBe(20_000);
  const runs: string[] = [];
  const machine = {
    ...lab.machine,
    exec: (...call: Parameters<typeof lab.machine.exec>) => {
      runs.push(call[0].join(' '));
      return lab.machine.exec(...call);
    },
  };
  const second = wanted([ruleOf('http', [[80, 80]], { sources: ['20.0.0.0/16'] })]);
  await firewallEngine.apply(machine, second, first);
  const left = await lab.machine.sh('conntrack -L -p udp', v);
  expect(left.split('src=20.0.').length - 1).toBe(10_000);
  expect(left.split('src=20.1.').length - 1).toBe(0);
  const list = await readFile(`${lab.machine.run}/firewall/v.cut`, 'utf8');
  expect(list.split('\n').length).toBeLessThan(10);
  // The rules in one go, then the connections: nothing was read back.
  expect(runs.map((it) => it.split(' ')[0])).toEqual(['nft', 'conntrack', 'ip', 'conntrack']);
});

test('what we left and somebody else took away is noticed by the change that builds on it', async () => {
  const first = wanted([ruleOf('http', [[80, 80]])]);
  const second = wanted([ruleOf('http', [[80, 81]])]);
  const third = wanted([ruleOf('http', [[80, 82]])]);
  await firewallEngine.apply(lab.machine, first, undefined);
  await nft('flush ruleset');
  await firewallEngine.apply(lab.machine, second, first);
  expect(await open()).toEqual([80, 81]);
  await nft('flush map ip fw ingress_of\nadd chain ip fw stranger\ndelete table ip fw_state');
  await firewallEngine.apply(lab.machine, third, second);
  expect(await open()).toEqual([80, 81, 82]);
  expect(await firewallEngine.observe?.(lab.machine, third)).toMatchObject({ state: 'ready' });
});

test('a foreign touch shows in the fingerprint, our own counters do not', async () => {
  const held = wanted([ruleOf('http', [[80, 80]])]);
  const look = () => firewallEngine.fingerprint?.(lab.machine, held);
  await firewallEngine.apply(lab.machine, held, undefined);
  const before = await look();
  await open();
  expect(await look()).toBe(before);
  for (const touch of ['insert rule ip fw forward accept', 'flush map ip fw ingress_of', 'add chain ip fw_state x']) {
    await nft(touch);
    expect(await look()).not.toBe(before);
    await firewallEngine.repair?.(lab.machine, held);
    expect(await look()).toBe(before);
  }
  await nft('delete table ip fw');
  await expect(look()).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
});

test('a rule that comes back counts on, and another that gets its number starts at zero', async () => {
  const [http, other] = [ruleOf('http', [[80, 80]]), ruleOf('other', [[81, 81]])];
  const [both, one] = [wanted([http, other]), wanted([other])];
  const hits = async (held: Artifact<FirewallInput>) =>
    (await firewallEngine.observe?.(lab.machine, held))?.values['lab/firewallRule/http']?.['hits'];
  await firewallEngine.apply(lab.machine, both, undefined);
  await open();
  await firewallEngine.apply(lab.machine, one, both);
  await firewallEngine.apply(lab.machine, both, one);
  expect(await hits(both)).toBe(1);
  await open();
  expect(await hits(both)).toBe(2);
  // The agent starts again: what it does not know to belong to a rule goes.
  await firewallEngine.apply(lab.machine, one, undefined);
  await firewallEngine.apply(lab.machine, both, undefined);
  expect(await hits(both)).toBe(0);
});

test('what lies behind a host that forwards is judged at that host', async () => {
  const at = { targets: ['lab/instance/b'] };
  const rules = [
    ruleOf('to-office', [[80, 80]], { ...at, destinations: ['10.99.1.0/24'] }),
    ruleOf('from-office', [[81, 81]], { ...at, direction: 'egress', action: 'deny', sources: ['10.99.0.0/16'] }),
    ruleOf('in', [[80, 82]]),
  ];
  const held = wanted(rules, { routes: [{ destination: '10.99.0.0/16', host: 'lab/instance/b' }] });
  await firewallEngine.apply(lab.machine, held, undefined);
  const sh = (command: string) => lab.machine.sh(command, v);
  await sh('ip route add 10.99.0.0/16 via 10.0.1.2 dev v-b onlink');
  const send = async (by: string, source: string, destination: string) => {
    await lab.machine.exec(['conntrack', '-F'], v);
    const ports = [80, 81, 82];
    const packet = { source, destination, protocol: 17 };
    const arrived = await lab.exchange(ports.map((port) => ({ by, packet: { ...packet, port } })));
    return ports.filter((_, index) => arrived.has(index));
  };
  expect(await send('a', '10.0.1.1', '10.99.1.7')).toEqual([80]);
  expect(await send('a', '10.0.1.1', '10.99.2.7')).toEqual([]);
  expect(await send('b', '10.99.1.7', '10.0.1.1')).toEqual([80, 82]);
  const plain = wanted(rules);
  await firewallEngine.apply(lab.machine, plain, held);
  expect(await send('a', '10.0.1.1', '10.99.1.7')).toEqual([80, 81, 82]);
  expect(await send('b', '10.99.1.7', '10.0.1.1')).toEqual([80, 81, 82]);
  expect(await send('out', '198.51.100.1', '10.99.1.7')).toEqual([]);
  await sh('ip route del 10.99.0.0/16');
});

test('the metadata address answers hosts on its ports, and nobody else', async () => {
  await lab.machine.sh('ip address add 169.254.169.254/32 dev lo', v);
  await firewallEngine.apply(lab.machine, wanted([]), undefined);
  const server = await startProbe(lab.machine.namespace('v'), ['serve', '80']);
  const other = await startProbe(lab.machine.namespace('v'), ['serve', '8080']);
  const asks = async (name: string, port: number): Promise<string> => {
    const python = `import socket; socket.create_connection(("169.254.169.254", ${port}), 1); print("yes")`;
    return (await lab.machine.exec(['python3', '-c', python], { namespace: name })).stdout.trim();
  };
  expect(await asks('a', 80)).toBe('yes');
  expect(await asks('a', 8080)).toBe('');
  expect(await asks('out', 80)).toBe('');
  await server.end();
  await other.end();
  await lab.machine.sh('ip address del 169.254.169.254/32 dev lo', v);
});

test('logs name rule and action, and a flood from one source stays readable', async () => {
  const rules = [ruleOf('http', [[90, 90]], { log: true }), ruleOf('shut', [[91, 91]], { action: 'deny', log: true })];
  await firewallEngine.apply(lab.machine, wanted(rules, { logImpliedDeny: true }), undefined);
  const capture = lab.machine.exec(['timeout', '8', 'tcpdump', '-n', '-i', 'nflog:5', '-U', '-w', '-'], v);
  // The kernel lists who listens to which group.
  await eventually(
    () => lab.machine.sh('cat /proc/net/netfilter/nfnetlink_log', v),
    (text) => /^ *5 /m.test(text),
  );
  await lab.exchange([udp(90), ...Array.from({ length: 2000 }, () => udp(91)), udp(92)]);
  const { stdout } = await capture;
  const times = (text: string): number => stdout.split(text).length - 1;
  expect(times('allow:lab/firewallRule/http')).toBe(1);
  expect(times('deny:implied-deny-ingress')).toBe(1);
  expect(times('deny:lab/firewallRule/shut')).toBeGreaterThanOrEqual(10);
  expect(times('deny:lab/firewallRule/shut')).toBeLessThan(60);
});
