import { spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../test/deployment.ts';
import { FRONT, HOST, type IapLab } from '../test/iap-lab.ts';

/**
 * Instructions in user space that HAProxy takes for one request, by callgrind: what neighbours on the machine do hardly
 * touches them. The difference between a long and a short run, so that start, TLS handshake and first decision fall out; of
 * three such, the one in the middle, as now and then a run takes some millions that belong to no request.
 */
export async function instructionsPerRequest(lab: IapLab, cookie: string, path: string): Promise<number> {
  const [few, many] = [200, 1200];
  const found: number[] = [];
  while (found.length < 3) {
    const short = await instructionsOf(lab, { cookie, path, count: few });
    const long = await instructionsOf(lab, { cookie, path, count: many });
    found.push((long - short) / (many - few));
  }
  return found.toSorted((a, b) => a - b)[1] ?? Number.NaN;
}

const client = `
import { Agent, request } from 'node:https';
const [host, name, cookie, path, count] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let good = 0;
const one = () => new Promise((done) => {
  request({ agent, host, servername: name, port: 443, path, rejectUnauthorized: false, headers: { host: name, cookie, 'user-agent': 'bench', accept: '*/*' } }, (answer) => {
    if (answer.statusCode === 200) good++;
    answer.resume().on('end', done);
  }).on('error', done).end();
});
// The first questions may take the decision service, and HAProxy under callgrind, too long.
for (let at = 0; at < 20 && good === 0; at++) await one();
for (good = 0; good < Number(count); ) { const before = good; await one(); if (good === before) break; }
console.log(good);`;

/** The load balancer as it is configured, but alone, with one thread, and under callgrind. */
async function instructionsOf(
  lab: IapLab,
  { cookie, path, count }: { readonly cookie: string; readonly path: string; readonly count: number },
): Promise<number> {
  const out = `/tmp/vauban-callgrind.${process.pid}`;
  const config = `${lab.paths.folder}/bench.cfg`;
  const text = await readFile(lab.paths.config, 'utf8');
  await writeFile(config, text.replace('global\n', 'global\n  nbthread 1\n'), { mode: 0o644 });
  await lab.machine.supervisor.remove('proxy.lab');
  const child = spawn(
    'nsenter',
    [
      `--net=/run/netns/${lab.machine.namespace('edge')}`,
      ...['valgrind', '--tool=callgrind', `--callgrind-out-file=${out}`, 'haproxy', '-db', '-f', config],
    ],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  try {
    await eventually(
      async () => (await lab.machine.exec(['ss', '-Hltn', 'sport = :443'], { namespace: 'edge' })).stdout,
      (it) => it.trim() !== '',
      60,
    );
    // The edge service connects by itself.
    await sleep(3000);
    const { stdout } = await lab.machine.exec(
      [process.execPath, '--input-type=module', '-', FRONT, HOST, cookie, path, String(count)],
      { namespace: 'outside', stdin: client, timeout: 300_000 },
    );
    if (Number.parseInt(stdout, 10) < count)
      throw new Error(`only ${stdout.trim()} of ${count} requests were answered`);
  } finally {
    child.kill('SIGTERM');
    await new Promise((done) => child.once('exit', done));
  }
  const total = /^(?:summary|totals): (\d+)/m.exec(await readFile(out, 'utf8'))?.[1];
  await rm(out, { force: true });
  return Number(total);
}
