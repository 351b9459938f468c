import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localHost } from '#control/link/host.ts';
import type { Revision } from '#control/store/store.ts';
import type { HostLink, HostStatus } from '#core/host.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { Probe } from './probe.ts';
import { smallSite } from './site.ts';

const folder = mkdtempSync(join(tmpdir(), 'vbt-chaos-'));
const dieAt = join(folder, 'step');
let lab: TestDeployment;
let host: HostLink;
let probe: Probe | undefined;

/** The server takes the client's place; the rule goes with the server, so nobody may ever reach the client. */
const old = smallSite({ open: [80], hosts: { client: 10, server: 20 }, endpoint: false });
const wanted = smallSite({ open: [81], hosts: { client: 30, server: 10 }, endpoint: false });
const back = smallSite({ open: [80], hosts: { client: 30, server: 20 }, endpoint: false });

beforeAll(async () => {
  lab = await startDeployment({ VAUBAN_DIE_AT_STEP: dieAt });
  host = localHost(lab.deployment.hostSocket);
  await lab.apply(old);
  probe = new Probe(lab, ['client', 'server'], ['192.168.10.10', '192.168.10.20', '192.168.10.30']);
}, 300_000);

afterAll(async () => {
  probe?.stop();
  await lab?.remove();
  rmSync(folder, { recursive: true, force: true });
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

const newest = async (): Promise<Revision | undefined> =>
  (await lab.client.get<{ revisions: Revision[] }>('/v1/revisions?limit=1')).revisions[0];

/** Host and control are back and of one mind. */
const agreed = async (): Promise<{ status: HostStatus; last: Revision | undefined }> =>
  eventually(
    async () => {
      try {
        return { status: await host.status(), last: await newest() };
      } catch {
        return { status: { busy: true } as HostStatus, last: undefined };
      }
    },
    ({ status, last }) => !status.busy && last !== undefined && last.state !== 'applying',
    60,
  );

const service = (name: string, ...flags: string[]) =>
  spawnSync('s6-svc', [...flags, `${lab.deployment.scan}/${name}`], { encoding: 'utf8' });

const arrivals = async (): Promise<string[]> => {
  probe?.take();
  await sleep(400);
  return probe?.take() ?? [];
};

test('the agent dies at every step of a change: each time the old is back, and nothing else was ever let through', async () => {
  const before = await host.status();
  await eventually(arrivals, (it) => it.length > 0);
  expect(await arrivals()).toEqual(['server:80']);
  let step = 0;
  for (; step < 40; step++) {
    writeFileSync(dieAt, String(step));
    const done = await lab.apply(wanted).then(
      () => true,
      () => false,
    );
    rmSync(dieAt);
    if (done) break;
    const { status, last } = await agreed();
    expect([step, status.digest, last?.state]).toEqual([step, before.digest, 'failed']);
    const seen = probe?.take() ?? [];
    expect(seen.filter((it) => it !== 'server:80' && it !== 'server:81')).toEqual([]);
    expect([step, await arrivals()]).toEqual([step, ['server:80']]);
  }
  expect(step).toBeGreaterThan(4);
  const seen = probe?.take() ?? [];
  expect(seen.filter((it) => it !== 'server:80' && it !== 'server:81')).toEqual([]);
  expect(await arrivals()).toEqual(['server:81']);
}, 240_000);

test('control dies while a change is being applied: the change is finished, once', async () => {
  const { operation } = await lab.client.post<{ operation: { revision: number } }>('/v1/apply', {
    files: [{ path: 'site.yaml', text: back }],
  });
  service('vauban-control', '-k');
  const { status } = await agreed();
  const last = await eventually(newest, (it) => it?.state === 'applied', 30);
  expect([last?.number, status.revision]).toEqual([operation.revision, operation.revision]);
  expect(await arrivals()).toEqual(['server:80']);
}, 90_000);

test('an unconfirmed change is taken back in its time, though control is dead and the agent dies meanwhile', async () => {
  const before = await host.status();
  await lab.apply(wanted, { confirmSeconds: 4 });
  service('vauban-control', '-d', '-k');
  service('vauban-host', '-k');
  await eventually(
    () => host.status().catch(() => undefined),
    (it) => it?.busy === false && it.digest === before.digest,
    30,
  );
  expect(await arrivals()).toEqual(['server:80']);
  service('vauban-control', '-u');
  const last = await eventually(
    () => newest().catch(() => undefined),
    (it) => it?.state === 'reverted',
    30,
  );
  expect(last?.problem?.message).toBe('it was not confirmed in time');
}, 90_000);

test('a second agent and a second control are refused', () => {
  const { state } = lab.deployment;
  for (const name of ['host', 'control']) {
    const { status, stderr } = spawnSync(process.execPath, [`src/main/${name}.ts`, state], { encoding: 'utf8' });
    expect(status).not.toBe(0);
    expect(stderr).toContain('runs already');
  }
});
