import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Threat } from '#control/threats/threat.ts';
import { parseEve } from '#engines/suricata/eve.ts';
import { pathsOf } from '#engines/suricata/paths.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { answers } from '../fabric-lab.ts';
import { smallSite } from './site.ts';

let lab: TestDeployment;

beforeAll(async () => {
  lab = await startDeployment();
  const site = smallSite({ open: [80] }).replace(
    'tags: [server] }',
    `tags: [server], startupScript: ${JSON.stringify(script)} }`,
  );
  await lab.apply(site);
  await eventually(
    () => lab.inside('client', 'curl', '-s', '-m', '1', 'http://192.168.10.20/'),
    ({ code }) => code === 0,
  );
}, 300_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

/** Indented for a site file; here it stands alone. */
const script = answers(80).replaceAll('\n      ', '\n');

/** Alerts that the engine wrote down, canaries apart, from every file that it still has. */
function written(): number {
  const { logs } = pathsOf(
    { run: lab.deployment.run, state: lab.deployment.hostState },
    { name: 'chaos/idsEndpoint/eye' },
  );
  const lines = readdirSync(logs)
    .filter((it) => it.startsWith('eve.json'))
    .flatMap((it) => readFileSync(`${logs}/${it}`, 'utf8').split('\n'));
  return lines.filter((line) => {
    if (line === '') return false;
    const event = parseEve(line, { flows: false });
    return event.kind === 'alert' && (event.signatureId < 9_000_000 || event.signatureId > 9_000_099);
  }).length;
}

const controlPid = (): number => {
  for (const pid of readdirSync('/proc').filter((it) => /^\d+$/.test(it))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (words.some((it) => it.endsWith('/src/main/control.ts')) && words.includes(lab.deployment.state))
        return Number(pid);
    } catch {
      // It ended while we looked.
    }
  }
  return 0;
};

test('control killed again and again in a flood of alerts: no alert is lost, none is counted twice', async () => {
  const attacks =
    "i=0; while [ $i -lt 400 ]; do curl -s -o /dev/null -m 2 -H 'User-Agent: () { :; }; x' http://192.168.10.20/cgi-bin/$i; i=$((i+1)); done";
  // In the background of the host: the way in by which we start it goes through the process that is killed.
  await lab.inside('client', 'sh', '-c', `(${attacks}) >/dev/null 2>&1 &`);
  for (let kill = 0; kill < 4; kill++) {
    await sleep(1200);
    const pid = controlPid();
    if (pid > 0) process.kill(pid, 'SIGKILL');
  }
  const settled = async (): Promise<{ readonly alerts: number; readonly told: number }> => {
    const alerts = written();
    const { stdout } = await lab.vauban('threats', 'list', '--no-fold', '-o', 'json', '--limit', '1000');
    const threats = stdout === '' ? [] : (JSON.parse(stdout) as Threat[]);
    return { alerts, told: threats.reduce((sum, it) => sum + it.repeatCount, 0) };
  };
  // 400 requests, each seen at its sender and at its receiver.
  const end = await eventually(settled, ({ alerts, told }) => alerts >= 800 && told >= alerts, 90);
  expect(end.told).toBe(end.alerts);
}, 200_000);
