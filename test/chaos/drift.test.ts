import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localHost } from '#control/link/host.ts';
import type { HostStatus } from '#core/host.ts';
import { namespaceOf } from '#host/machine.ts';
import { removeLeftovers } from '#lab/doctor.ts';
import { takeDown } from '#lab/down.ts';
import { bringUp } from '#lab/up.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { smallSite } from './site.ts';

let lab: TestDeployment;
let router = '';
const run = (...argv: string[]) => spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });
const inRouter = (...argv: string[]) => run('nsenter', `--net=/run/netns/${router}`, '--', ...argv);

beforeAll(async () => {
  lab = await startDeployment();
  await lab.apply(smallSite({ open: [80] }));
  router = namespaceOf(lab.deployment.id, 'net.chaos.lab');
}, 300_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

const status = (): Promise<HostStatus | undefined> =>
  localHost(lab.deployment.hostSocket)
    .status()
    .catch(() => undefined);

/** Waits until the agent tells that it has mended the artifact after `since`. */
const mended = (artifact: string, since: number) =>
  eventually(
    async () => (await status())?.mended.find((it) => it.artifact === artifact && it.at >= since),
    (it) => it !== undefined && it.failure === undefined,
    30,
  );

test.for([
  ['a rule is put in that lets everything through', 'insert rule ip fw forward accept'],
  ['a verdict is turned round', 'add rule ip fw allowed accept'],
  ['the dispatch is emptied', 'flush map ip fw ingress_of'],
  ['the whole ruleset is flushed', 'flush ruleset'],
] as const)('somebody else changes the rules: %s; they are put right and it is told', async ([, command]) => {
  const before = inRouter('nft', '-s', 'list', 'table', 'ip', 'fw').stdout;
  const since = Date.now();
  expect(inRouter('nft', command).status).toBe(0);
  await mended('firewall/net.chaos.lab', since);
  expect(inRouter('nft', '-s', 'list', 'table', 'ip', 'fw').stdout).toBe(before);
  const health = await eventually(
    () => lab.client.get<{ items: { part: string; text: string }[] }>('/v1/health'),
    ({ items }) => items.some((it) => it.part === 'drift'),
  );
  expect(health.items.find((it) => it.part === 'drift')?.text).toContain('firewall/net.chaos.lab');
});

test('the hits of a rule go on when its table is replaced', async () => {
  const hits = async () =>
    (await lab.client.get<{ status: { values: { hits: number } } }>('/v1/projects/chaos/firewallRules/open-server'))
      .status.values.hits;
  const connect = () => lab.inside('client', 'curl', '-s', '-m', '1', '-o', '/dev/null', 'http://192.168.10.20/');
  const began = await hits();
  await connect();
  const before = await eventually(hits, (it) => it > began);
  const since = Date.now();
  expect(inRouter('nft', 'flush', 'ruleset').status).toBe(0);
  await mended('firewall/net.chaos.lab', since);
  await connect();
  await eventually(hits, (it) => it === before + 1);
});

test('tables that are not ours are left alone', async () => {
  inRouter('nft', 'table ip foreign { }');
  const since = Date.now();
  inRouter('nft', 'insert rule ip fw forward accept');
  await mended('firewall/net.chaos.lab', since);
  expect(inRouter('nft', 'list', 'tables').stdout).toContain('table ip foreign');
  inRouter('nft', 'delete table ip foreign');
});

test('a link that is deleted or turned off comes back with its addresses and routes', async () => {
  const server = namespaceOf(lab.deployment.id, 'vm.chaos.server');
  for (const command of [
    ['link', 'delete', 'eth0'],
    ['link', 'set', 'eth0', 'down'],
    ['addr', 'flush', 'dev', 'eth0'],
  ]) {
    const since = Date.now();
    expect(run('ip', '-n', server, ...command).status).toBe(0);
    await mended('link/instance/chaos/server/eth0', since);
    expect(run('ip', '-n', server, '-4', 'addr', 'show', 'dev', 'eth0').stdout).toContain('192.168.10.20/32');
    expect(run('ip', '-n', server, 'route').stdout).toContain('default');
  }
});

test('a namespace whose name is deleted gets it back, with everything that lives in it', async () => {
  const inode = run('stat', '-L', '-c', '%i', `/run/netns/${router}`).stdout;
  const since = Date.now();
  expect(run('ip', 'netns', 'delete', router).status).toBe(0);
  await mended('namespace/net.chaos.lab', since);
  expect(run('stat', '-L', '-c', '%i', `/run/netns/${router}`).stdout).toBe(inode);
});

test('a killed engine is back, and sees again', async () => {
  const observed = async () =>
    (await localHost(lab.deployment.hostSocket).observe()).find((it) => it.artifact.startsWith('suricata/'));
  const before = run('pgrep', '-f', `suricata.*/run/vauban/${lab.deployment.id}/`).stdout.trim().split('\n')[0];
  process.kill(Number(before), 'SIGKILL');
  await eventually(
    async () =>
      [run('pgrep', '-f', `suricata.*/run/vauban/${lab.deployment.id}/`).stdout.trim(), await observed()] as const,
    ([pid, it]) => pid !== '' && pid !== before && it?.state === 'ready',
    60,
  );
}, 90_000);

test('`doctor --clean` refuses a deployment that lives, and takes nothing from it', async () => {
  // The host agent looks after things with programs that live for milliseconds: those are in no two looks.
  const first = lab.leftovers();
  await lab.vauban('checks');
  const names = new Set(lab.leftovers().map((it) => `${it.kind} ${it.name}`));
  const lasting = first.filter((it) => names.has(`${it.kind} ${it.name}`));
  expect(lasting.map((it) => it.kind)).toEqual(expect.arrayContaining(['namespace', 'process', 'folder']));
  const { code, stderr } = await lab.vauban('doctor', '--clean');
  expect([code, stderr]).toEqual([1, expect.stringContaining('vauban down')]);
  expect(lab.leftovers()).toEqual(expect.arrayContaining(lasting));
});

/** As a power cut would: every process, every namespace, everything under /run. */
const losePower = (): void => {
  removeLeftovers(lab.deployment.id, () => {});
  expect(lab.leftovers()).toEqual([]);
};

test('after a reboot `up` without a site brings back exactly what was held', async () => {
  const before = await status();
  expect((await lab.inside('server', 'touch', '/root/kept')).code).toBe(0);
  run('sync');
  losePower();
  await bringUp({ deployment: lab.deployment, settings: lab.settings, say: () => {} });
  const after = await eventually(
    async () => ({ status: await status(), seen: await localHost(lab.deployment.hostSocket).observe() }),
    ({ status, seen }) => status?.busy === false && seen.every((it) => it.state === 'ready'),
    60,
  );
  expect([after.status?.digest, after.status?.revision]).toEqual([before?.digest, before?.revision]);
  expect((await lab.inside('server', 'ls', '/root/kept')).code).toBe(0);
}, 180_000);

test('down leaves nothing behind, also when everything was killed before', async () => {
  losePower();
  await takeDown(lab.deployment, { purge: false, say: () => {} });
  expect(lab.leftovers()).toEqual([]);
  rmSync(lab.deployment.run, { recursive: true, force: true });
}, 60_000);
