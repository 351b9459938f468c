import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Threat } from '#control/threats/threat.ts';
import { eventually, exampleSite, startDeployment } from '../test/deployment.ts';

/**
 * The whole example as a person meets it, on this machine and in one run: `up` with images at hand and again, the memory
 * of our own processes when idle, and the time from an attack's request to the threat in the API's stream.
 * `sudo node bench/lab.ts [attacks]`.
 */

const attacks = Number(process.argv[2] ?? 20);
const budget = { up: 10_000, again: 3000, memory: 250, latency: 100 } as const;

const row = (name: string, value: number, unit: string, limit?: number): void =>
  console.log(
    `${name.padEnd(52)} ${value.toFixed(value < 10 ? 1 : 0).padStart(8)} ${unit.padEnd(4)}${limit === undefined ? '' : `  ${(value / limit).toFixed(2)} of the limit (${limit})`}`,
  );

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** Resident memory of the deployment's own processes (not the engines), in MiB, by what they run. */
function memoryOf(state: string, run: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const pid of readdirSync('/proc').filter((it) => /^\d+$/.test(it))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const main = words.find((it) => /\/src\/main\/\w+\.ts$/.test(it));
      if (main === undefined || !words.some((it) => it === state || it.startsWith(`${run}/`))) continue;
      const resident = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
      const name = main.slice(main.lastIndexOf('/') + 1, -3);
      found.set(name, (found.get(name) ?? 0) + Number(resident) / 1024);
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

const begun = performance.now();
const lab = await startDeployment();
try {
  await lab.apply(exampleSite('cloud-ids'));
  row('up, images at hand', performance.now() - begun, 'ms', budget.up);
  const again = performance.now();
  await lab.vauban('up', 'examples/cloud-ids');
  row('up again: nothing to do', performance.now() - again, 'ms', budget.again);
  await eventually(
    () => lab.inside('server', 'test', '-s', '/var/www/html/eicar.file'),
    ({ code }) => code === 0,
    60,
  );
  await sleep(3000);
  const memory = memoryOf(lab.deployment.state, lab.deployment.run);
  for (const [name, size] of memory) row(`memory, idle: ${name}`, size, 'MiB');
  row(
    'memory, idle: all',
    [...memory.values()].reduce((a, b) => a + b, 0),
    'MiB',
    budget.memory,
  );
  await latency();
} finally {
  await lab.remove();
}

/** One attack every 5.2 s, because what repeats within five seconds is one threat. Clocks are the same machine's. */
async function latency(): Promise<void> {
  const seen = new Map<string, number>();
  const stop = new AbortController();
  const watching = (async () => {
    const path = '/v1/projects/cloud-ids-lab/threats:stream?fold=true';
    for await (const { event, data } of lab.client.events(path, stop.signal)) {
      const at = performance.timeOrigin + performance.now();
      if (event !== 'threat') continue;
      const name = (JSON.parse(data) as Threat).uriOrFilename;
      if (!seen.has(name)) seen.set(name, at);
    }
  })();
  await sleep(500);
  const took: number[] = [];
  for (let index = 0; index < attacks; index++) {
    const attack = `date +%s.%N; curl -s -o /dev/null -H 'User-Agent: () { :; }; x' http://192.168.10.20/cgi-bin/a${index}`;
    const { stdout } = await lab.inside('attacker', 'sh', '-c', attack);
    await sleep(5200);
    took.push((seen.get(`a${index}`) ?? Number.POSITIVE_INFINITY) - Number(stdout) * 1000);
  }
  stop.abort();
  await watching;
  took.sort((a, b) => a - b);
  row(`attack begun to threat in the stream, p50 of ${took.length}`, percentile(took, 0.5), 'ms', budget.latency);
  row('  p95', percentile(took, 0.95), 'ms', budget.latency);
}
