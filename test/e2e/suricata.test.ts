import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import { asProblem } from '#core/problem.ts';
import { suricataId } from '#engines/suricata/assemble.ts';
import { suricataEngine } from '#engines/suricata/driver.ts';
import { SuricataInput } from '#engines/suricata/input.ts';
import { pathsOf, shortOf } from '#engines/suricata/paths.ts';
import { rotate } from '#engines/suricata/rotation.ts';
import { address } from '#lib/ip.ts';
import { protocols, readPcap } from '#lib/packets.ts';
import { sessionPcap } from '#lib/pcap.ts';
import { pack } from '../../rules/index.ts';
import { inNamespace, type TestMachine, testMachine } from '../machine.ts';
import { smallSupervisor } from '../small-supervisor.ts';

const server = '10.2.0.2';
const siteRule = (sid: number, word: string): string =>
  `alert http any any -> any any (msg:"site ${word}"; flow:to_server; http.uri; content:"${word}"; classtype:web-application-attack; sid:${sid}; rev:1;)`;

let machine: TestMachine;
let web: ChildProcess;
const supervised = new Set<string>();

beforeAll(async () => {
  machine = await withSupervisor(await testMachine());
  await chmod(dirname(machine.run), 0o711);
  await buildFabric(machine);
  web = spawnIn('srv', [process.execPath, '-e', webServer]);
  await sleep(300);
}, 60_000);

afterAll(async () => {
  for (const name of supervised) await machine?.supervisor.remove(name);
  web?.kill('SIGKILL');
  await machine?.cleanup();
}, 60_000);

test('an endpoint is ready when the engine has reported a canary that came through the mirror', async () => {
  await suricataEngine.check?.(machine, wanted());
  await suricataEngine.apply(machine, wanted(), undefined);
  const seen = await suricataEngine.observe?.(machine, wanted());
  expect(seen).toMatchObject({ artifact: 'suricata/lab/idsendpoint/one', state: 'ready' });
  expect(seen?.values['lab/idsEndpoint/one']).toMatchObject({ rulesFailed: 0 });
  expect(seen?.values['lab/idsEndpoint/one']?.rulesLoaded).toBeGreaterThan(80);
  expect(seen?.values['lab/idsEndpoint/one/x0']).toMatchObject({ drops: 0 });
});

test('an attack is reported once for each end, with its request, its bytes and its packet', async () => {
  await attack(1, 1, 0);
  const alerts = await eventually(async () => {
    const found = await alertsFor('id=1-1 ');
    return found.length >= 2 ? found : undefined;
  });
  expect(alerts.map((it) => it.in_iface).sort()).toEqual(['x0', 'y0']);
  const [first, second] = alerts;
  expect(first?.flow_id).not.toBe(second?.flow_id);
  expect(first?.community_id).toBe(second?.community_id);
  expect(first).toMatchObject({
    event_type: 'alert',
    src_ip: '10.1.0.2',
    dest_ip: server,
    dest_port: 80,
    proto: 'TCP',
    app_proto: 'http',
    host: 'lab/idsEndpoint/one',
    alert: { signature_id: 9_000_100, severity: 1, signature: 'Bash Remote Code Execution Vulnerability' },
    http: { url: '/cgi-bin/test?id=1-1', http_method: 'GET' },
  });
  expect(Buffer.from(first?.payload ?? '', 'base64').toString('latin1')).toContain('() { :; };');
  expect(first?.packet?.length).toBeGreaterThan(50);
  expect(first?.ether?.src_mac).toMatch(/^[0-9a-f:]{17}$/);
});

test('the packets of an alerted session are on the disk after the next observation', async () => {
  const [alert] = await alertsFor('id=1-1 ');
  const { packets } = pathsOf(machine, wanted().input);
  expect((await suricataEngine.observe?.(machine, wanted()))?.state).toBe('ready');
  const session = {
    protocol: protocols.tcp,
    source: address('10.1.0.2'),
    destination: address(server),
    sourcePort: alert?.src_port ?? 0,
    destinationPort: 80,
  };
  const text = await eventually(async () => {
    const files = await Promise.all((await readdir(packets)).map((it) => readFile(`${packets}/${it}`)));
    const found = files.flatMap((it) => readPcap(sessionPcap(it, session) ?? new Uint8Array()));
    return found.length > 0 ? Buffer.concat(found.map((it) => it.bytes)).toString('latin1') : undefined;
  });
  expect(text).toContain('() { :; };');
  expect(text).toContain('HTTP/1.1 200 OK');
  expect(await machine.sh(`stat -c %a:%g ${packets}`)).toBe(`2750:${machine.users.control.gid}\n`);
});

test('the engine runs as a user of its own with nothing but the right to read raw packets', async () => {
  const status = await machine.supervisor.status(shortOf(wanted().input));
  const proc = await readFile(`/proc/${status?.pid}/status`, 'utf8');
  expect(proc).toMatch(/^CapBnd:\s+0000000000002000$/m);
  expect(proc).toMatch(/^CapEff:\s+0000000000002000$/m);
  expect(Number(/^Uid:\s+(\d+)/m.exec(proc)?.[1])).toBeGreaterThan(1_000_000_000);
  expect(await machine.sh(`stat -c %a:%g ${pathsOf(machine, wanted().input).eve}`)).toBe(
    `640:${machine.users.control.gid}\n`,
  );
});

test('applying the same again neither restarts nor reloads', async () => {
  const before = await machine.supervisor.status(shortOf(wanted().input));
  const reloaded = await lastReload();
  await suricataEngine.apply(machine, wanted(), wanted());
  expect((await machine.supervisor.status(shortOf(wanted().input)))?.pid).toBe(before?.pid);
  expect(await lastReload()).toBe(reloaded);
});

test('rules are exchanged while attacks go on, and every attack is reported', async () => {
  const before = await machine.supervisor.status(shortOf(wanted().input));
  const total = 300;
  const attacking = attack(2, total, 10);
  for (const word of ['first-word', 'second-word', 'third-word']) {
    const changed = wanted({ siteRules: siteRule(1_000_001, word) });
    await suricataEngine.check?.(machine, changed);
    await suricataEngine.apply(machine, changed, undefined);
  }
  await attacking;
  await request('/?q=third-word');
  await request('/?q=first-word');
  await eventually(async () => ((await alertsFor('third-word')).length > 0 ? true : undefined));
  const found = await eventually(async () => {
    const ids = new Set((await alertsFor('id=2-')).map((it) => it.http?.url));
    return ids.size === total ? ids : undefined;
  });
  expect(found.size).toBe(total);
  expect(await alertsFor('first-word')).toEqual([]);
  expect((await machine.supervisor.status(shortOf(wanted().input)))?.pid).toBe(before?.pid);
});

test('a broken rule of the site is refused by its line in the words of the engine, and the former rules stay', async () => {
  const broken = wanted({
    siteRules: `# ours\n${siteRule(1_000_001, 'third-word')}\nalert http any any -> any any (msg:"bad"; http.urii; content:"x"; sid:1000002;)`,
  });
  const problem = asProblem(await suricataEngine.check?.(machine, broken).catch((error: unknown) => error));
  expect(problem.code).toBe('ENGINE_REJECTED');
  expect(problem.at).toBe('lab/idsEndpoint/one siteRules line 3');
  expect(problem.message).toContain("unknown rule keyword 'http.urii'");
  await attack(3, 1, 0);
  await eventually(async () => ((await alertsFor('id=3-1 ')).length > 0 ? true : undefined));
});

test('every broken rule is named, and numbers that belong to the pack or to canaries are refused', async () => {
  const rules = ['alert foo', siteRule(1_000_001, 'fine'), 'alert tcp any any -> any 99999999 (sid:1000003;)'].join(
    '\n',
  );
  const two = asProblem(await suricataEngine.check?.(machine, wanted({ siteRules: rules })).catch((it: unknown) => it));
  expect(two.details.map((it) => it.at.split(' ').slice(1).join(' '))).toEqual([
    'siteRules line 1',
    'siteRules line 3',
  ]);
  const taken = wanted({ siteRules: siteRule(9_000_100, 'taken') });
  const problem = asProblem(await suricataEngine.check?.(machine, taken).catch((it: unknown) => it));
  expect(problem.at).toContain('siteRules line 1');
  const canary = wanted({ siteRules: `\n${siteRule(9_000_001, 'canary')}` });
  expect(asProblem(await suricataEngine.check?.(machine, canary).catch((it: unknown) => it)).at).toContain('line 2');
});

test('an engine that was killed comes back by itself and proves itself again', async () => {
  const name = shortOf(wanted().input);
  const before = await machine.supervisor.status(name);
  await machine.supervisor.signal(name, 'KILL');
  const seen = await eventually(async () => {
    const status = await machine.supervisor.status(name);
    if (status?.up !== true || status.pid === before?.pid) return undefined;
    const observation = await suricataEngine.observe?.(machine, wanted());
    return observation?.state === 'ready' ? observation : undefined;
  });
  expect(seen.values['lab/idsEndpoint/one']?.uptimeSeconds).toBeLessThan(60);
  await attack(4, 1, 0);
  await eventually(async () => ((await alertsFor('id=4-1 ')).length > 0 ? true : undefined));
});

test('events go on in a new file when the old one has grown too large', async () => {
  const { eve } = pathsOf(machine, wanted().input);
  expect(await rotate(eve, 1)).toBe(true);
  await machine.supervisor.signal(shortOf(wanted().input), 'HUP');
  await eventually(async () => ((await readFile(eve, 'utf8').catch(() => '')) === '' ? undefined : true));
  await attack(5, 1, 0);
  await eventually(async () => ((await readFile(eve, 'utf8')).includes('id=5-1') ? true : undefined));
  expect(await readFile(`${eve}.1`, 'utf8')).toContain('id=4-1');
});

test('traffic logs are a setting that restarts the engine and adds an event for each session', async () => {
  const logging = wanted({ trafficLogs: true });
  await suricataEngine.apply(machine, logging, wanted());
  expect((await suricataEngine.observe?.(machine, logging))?.state).toBe('ready');
  await suricataEngine.apply(machine, wanted(), logging);
});

test('an endpoint whose canary cannot arrive is not ready, and says what was seen', async () => {
  const lost = wanted({ canary: { address: '198.51.100.9', port: 9, from: 'v' } });
  const problem = asProblem(await suricataEngine.apply(machine, lost, wanted()).catch((it: unknown) => it));
  expect(problem.code).toBe('ENGINE_FAILED');
  expect(problem.message).toMatch(/did not report a canary to 198\.51\.100\.9:9/);
});

test('removing the endpoint leaves neither process nor file', async () => {
  await suricataEngine.remove(machine, wanted());
  await suricataEngine.remove(machine, wanted());
  expect(await machine.supervisor.status(shortOf(wanted().input))).toBeUndefined();
  const { folder, logs } = pathsOf(machine, wanted().input);
  for (const path of [folder, logs]) expect(await readdir(path).catch(() => 'gone')).toBe('gone');
});

function wanted(change: Partial<SuricataInput> = {}): Artifact<SuricataInput> {
  const input = SuricataInput.parse({
    name: 'lab/idsEndpoint/one',
    namespace: 'ids',
    interfaces: ['x0', 'y0'],
    trafficLogs: false,
    pack: pack.version,
    siteRules: '',
    homeNetworks: [],
    canary: { address: '192.0.2.53', port: 7, from: 'v' },
    after: [],
    ...change,
  });
  return { id: suricataId(input.name), engine: 'suricata', owners: [], needs: [], input };
}

interface Alert {
  readonly event_type: string;
  readonly timestamp: string;
  readonly in_iface: string;
  readonly flow_id: number;
  readonly community_id: string;
  readonly src_port: number;
  readonly http?: { readonly url?: string };
  readonly payload?: string;
  readonly packet?: string;
  readonly ether?: { readonly src_mac?: string };
}

/** Alerts whose request holds a text; a space at its end stands for the end of the path. */
async function alertsFor(text: string): Promise<Alert[]> {
  const eve = await readFile(pathsOf(machine, wanted().input).eve, 'utf8').catch(() => '');
  return eve
    .split('\n')
    .filter((line) => line.includes('"event_type":"alert"') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Alert)
    .filter((it) => `${it.http?.url} `.includes(text));
}

const lastReload = async () =>
  (await suricataEngine.observe?.(machine, wanted()))?.values['lab/idsEndpoint/one']?.lastReload;

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error('it did not happen within the patience of this test');
}

const webServer = `require('node:http').createServer((q, a) => a.end('ok')).listen(80);`;

const client = `
const [address, ...paths] = process.argv.slice(1);
const every = Number(paths.shift());
const http = require('node:http');
const ask = (path) => new Promise((done) => http.get({ host: address, path, agent: false, headers: { 'User-Agent': path.includes('id=') ? '() { :; }; id' : 'x' } }, (a) => a.resume().on('end', done)).on('error', done));
(async () => { for (const path of paths) { await ask(path); if (every) await new Promise((done) => setTimeout(done, every)); } })();
`;

/** Sends `count` attacks, numbered, one after the other. */
const attack = (series: number, count: number, every: number) =>
  request(String(every), ...Array.from({ length: count }, (_, i) => `/cgi-bin/test?id=${series}-${i + 1}`));

async function request(...words: readonly string[]): Promise<void> {
  const all = words[0]?.startsWith('/') ? ['0', ...words] : words;
  const { code, stderr } = await machine.exec([process.execPath, '-e', client, server, ...all], { namespace: 'att' });
  expect(stderr, `exit code ${code}`).toBe('');
}

function spawnIn(namespace: string, argv: readonly string[]): ChildProcess {
  const [program = '', ...words] = inNamespace(machine.namespace(namespace), argv);
  return spawn(program, words, { stdio: 'ignore' });
}

async function withSupervisor(base: TestMachine): Promise<TestMachine> {
  const plain = smallSupervisor(`${base.run}/supervisor`);
  return {
    ...base,
    supervisor: {
      ...plain,
      ensure: (spec) => {
        supervised.add(spec.name);
        const argv = spec.namespace === undefined ? spec.argv : inNamespace(base.namespace(spec.namespace), spec.argv);
        return plain.ensure({ ...spec, argv });
      },
    },
  };
}

/** Two hosts, a router between them that mirrors both, and the endpoint's namespace with its two collectors. */
async function buildFabric({ addNamespace, sh, exec, namespace }: TestMachine): Promise<void> {
  for (const name of ['v', 'att', 'srv', 'ids']) await addNamespace(name);
  const pair = async (near: string, host: string, far: string, mtu = 1500) => {
    await sh(
      `ip link add ${near} netns ${namespace('v')} mtu ${mtu} type veth peer name ${far} netns ${namespace(host)} mtu ${mtu}`,
    );
    await sh(`ip link set ${near} up`, { namespace: 'v' });
    await sh(`ip link set ${far} up`, { namespace: host });
  };
  for (const [host, net] of [
    ['att', '10.1.0'],
    ['srv', '10.2.0'],
  ] as const) {
    await pair(`v-${host}`, host, 'eth0');
    await sh(`ip addr add ${net}.1/24 dev v-${host}`, { namespace: 'v' });
    await sh(`ip addr add ${net}.2/24 dev eth0`, { namespace: host });
    await sh(`ip route add default via ${net}.1`, { namespace: host });
  }
  await sh('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=1', { namespace: 'v' });
  await sh('sysctl -qw net.ipv6.conf.all.disable_ipv6=1', { namespace: 'ids' });
  await pair('X', 'ids', 'x0', 9000);
  await pair('Y', 'ids', 'y0', 9000);
  await sh('ip addr add 192.0.2.52/31 dev X', { namespace: 'v' });
  await sh('ip neigh replace 192.0.2.53 lladdr 02:00:00:00:00:53 dev X nud permanent', { namespace: 'v' });
  const mirror = `table netdev mirror {
    chain tx { type filter hook ingress devices = { "v-att", "v-srv" } priority -450; policy accept; meta l4proto { tcp, udp, icmp } dup to "X"; }
    chain rx { type filter hook egress devices = { "v-att", "v-srv" } priority 450; policy accept; meta l4proto { tcp, udp, icmp } dup to "Y"; }
  }`;
  const { stderr } = await exec(['nft', '-f', '-'], { namespace: 'v', stdin: mirror });
  expect(stderr).toBe('');
}
