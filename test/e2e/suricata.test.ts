import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asProblem } from '#core/problem.ts';
import { suricataEngine } from '#engines/suricata/driver.ts';
import { pathsOf, shortOf } from '#engines/suricata/paths.ts';
import { rotate } from '#engines/suricata/rotation.ts';
import { address } from '#lib/ip.ts';
import { protocols, readPcap } from '#lib/packets.ts';
import { sessionPcap } from '#lib/pcap.ts';
import { type DetectionLab, detectionLab, endpoint, hosts } from '../detection-lab.ts';
import { inNamespace, type TestMachine } from '../machine.ts';

const { server } = hosts;
const siteRule = (sid: number, word: string): string =>
  `alert http any any -> any any (msg:"site ${word}"; flow:to_server; http.uri; content:"${word}"; classtype:web-application-attack; sid:${sid}; rev:1;)`;

let lab: DetectionLab;
let machine: TestMachine;
let web: ChildProcess;

beforeAll(async () => {
  lab = await detectionLab();
  machine = lab.machine;
  web = spawnIn('srv', [process.execPath, '-e', webServer]);
  await sleep(300);
}, 60_000);

afterAll(async () => {
  web?.kill('SIGKILL');
  await lab?.cleanup();
}, 60_000);

test('an endpoint is ready when the engine has reported a canary that came through the mirror', async () => {
  await suricataEngine.check?.(machine, endpoint());
  await suricataEngine.apply(machine, endpoint(), undefined);
  const seen = await suricataEngine.observe?.(machine, endpoint());
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
  const { packets } = pathsOf(machine, endpoint().input);
  expect((await suricataEngine.observe?.(machine, endpoint()))?.state).toBe('ready');
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
  const status = await machine.supervisor.status(shortOf(endpoint().input));
  const proc = await readFile(`/proc/${status?.pid}/status`, 'utf8');
  expect(proc).toMatch(/^CapBnd:\s+0000000000002000$/m);
  expect(proc).toMatch(/^CapEff:\s+0000000000002000$/m);
  expect(Number(/^Uid:\s+(\d+)/m.exec(proc)?.[1])).toBeGreaterThan(1_000_000_000);
  expect(await machine.sh(`stat -c %a:%g ${pathsOf(machine, endpoint().input).eve}`)).toBe(
    `640:${machine.users.control.gid}\n`,
  );
});

test('applying the same again neither restarts nor reloads', async () => {
  const before = await machine.supervisor.status(shortOf(endpoint().input));
  const reloaded = await lastReload();
  await suricataEngine.apply(machine, endpoint(), endpoint());
  expect((await machine.supervisor.status(shortOf(endpoint().input)))?.pid).toBe(before?.pid);
  expect(await lastReload()).toBe(reloaded);
});

test('rules are exchanged while attacks go on, and every attack is reported', async () => {
  const before = await machine.supervisor.status(shortOf(endpoint().input));
  const total = 300;
  const attacking = attack(2, total, 10);
  for (const word of ['first-word', 'second-word', 'third-word']) {
    const changed = endpoint({ siteRules: siteRule(1_000_001, word) });
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
  expect((await machine.supervisor.status(shortOf(endpoint().input)))?.pid).toBe(before?.pid);
});

test('a broken rule of the site is refused by its line in the words of the engine, and the former rules stay', async () => {
  const broken = endpoint({
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
  const two = asProblem(
    await suricataEngine.check?.(machine, endpoint({ siteRules: rules })).catch((it: unknown) => it),
  );
  expect(two.details.map((it) => it.at.split(' ').slice(1).join(' '))).toEqual([
    'siteRules line 1',
    'siteRules line 3',
  ]);
  const taken = endpoint({ siteRules: siteRule(9_000_100, 'taken') });
  const problem = asProblem(await suricataEngine.check?.(machine, taken).catch((it: unknown) => it));
  expect(problem.at).toContain('siteRules line 1');
  const canary = endpoint({ siteRules: `\n${siteRule(9_000_001, 'canary')}` });
  expect(asProblem(await suricataEngine.check?.(machine, canary).catch((it: unknown) => it)).at).toContain('line 2');
});

test('an engine that was killed comes back by itself and proves itself again', async () => {
  const name = shortOf(endpoint().input);
  const before = await machine.supervisor.status(name);
  await machine.supervisor.signal(name, 'KILL');
  const seen = await eventually(async () => {
    const status = await machine.supervisor.status(name);
    if (status?.up !== true || status.pid === before?.pid) return undefined;
    const observation = await suricataEngine.observe?.(machine, endpoint());
    return observation?.state === 'ready' ? observation : undefined;
  });
  expect(seen.values['lab/idsEndpoint/one']?.uptimeSeconds).toBeLessThan(60);
  await attack(4, 1, 0);
  await eventually(async () => ((await alertsFor('id=4-1 ')).length > 0 ? true : undefined));
});

test('events go on in a new file when the old one has grown too large', async () => {
  const { eve } = pathsOf(machine, endpoint().input);
  expect(await rotate(eve, 1)).toBe(true);
  await machine.supervisor.signal(shortOf(endpoint().input), 'HUP');
  await eventually(async () => ((await readFile(eve, 'utf8').catch(() => '')) === '' ? undefined : true));
  await attack(5, 1, 0);
  await eventually(async () => ((await readFile(eve, 'utf8')).includes('id=5-1') ? true : undefined));
  expect(await readFile(`${eve}.1`, 'utf8')).toContain('id=4-1');
});

test('traffic logs are a setting that restarts the engine and adds an event for each session', async () => {
  const logging = endpoint({ trafficLogs: true });
  await suricataEngine.apply(machine, logging, endpoint());
  expect((await suricataEngine.observe?.(machine, logging))?.state).toBe('ready');
  await suricataEngine.apply(machine, endpoint(), logging);
});

test('an endpoint whose canary cannot arrive is not ready, and says what was seen', async () => {
  const lost = endpoint({ canary: { address: '198.51.100.9', port: 9, from: 'v' } });
  const problem = asProblem(await suricataEngine.apply(machine, lost, endpoint()).catch((it: unknown) => it));
  expect(problem.code).toBe('ENGINE_FAILED');
  expect(problem.message).toMatch(/did not report a canary to 198\.51\.100\.9:9/);
});

test('removing the endpoint leaves no process and keeps its events; discarding it leaves no file', async () => {
  const { folder, logs } = pathsOf(machine, endpoint().input);
  await suricataEngine.remove(machine, endpoint());
  await suricataEngine.remove(machine, endpoint());
  expect(await machine.supervisor.status(shortOf(endpoint().input))).toBeUndefined();
  expect(await readdir(logs)).toContain('eve.json');
  await suricataEngine.discard?.(machine, endpoint());
  for (const path of [folder, logs]) expect(await readdir(path).catch(() => 'gone')).toBe('gone');
});

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
  const eve = await readFile(pathsOf(machine, endpoint().input).eve, 'utf8').catch(() => '');
  return eve
    .split('\n')
    .filter((line) => line.includes('"event_type":"alert"') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Alert)
    .filter((it) => `${it.http?.url} `.includes(text));
}

const lastReload = async () =>
  (await suricataEngine.observe?.(machine, endpoint()))?.values['lab/idsEndpoint/one']?.lastReload;

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
