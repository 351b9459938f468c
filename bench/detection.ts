/**
 * How long an attack takes from the client's send to a parsed line of EVE, and what mirroring and inspection cost the
 * traffic that they watch. Needs root, suricata and nftables; builds namespaces of its own. Prints ratios.
 *
 *   node bench/detection.ts [rounds]
 */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { suricataEngine } from '#engines/suricata/driver.ts';
import { pathsOf } from '#engines/suricata/paths.ts';
import { type DetectionLab, detectionLab, endpoint, hosts } from '../test/detection-lab.ts';
import { inNamespace } from '../test/machine.ts';

const rounds = Number(process.argv[2] ?? 3);

const webServer = `require('node:http').createServer((q, a) => a.end('x'.repeat(1000))).listen(80);`;

/** Sends numbered attacks, 20 ms apart, and prints when each was sent, in milliseconds since 1970. */
const attacks = `
const http = require('node:http');
const [host, count] = process.argv.slice(1);
const now = () => performance.timeOrigin + performance.now();
(async () => {
  for (let i = 0; i < Number(count); i++) {
    const sent = now();
    await new Promise((done) => http.get({ host, path: '/cgi-bin/n-' + i + '-', agent: false, headers: { 'User-Agent': '() { :; }; id' } }, (a) => a.resume().on('end', done)));
    console.log(i + ' ' + sent);
    await new Promise((done) => setTimeout(done, 20));
  }
})();
`;

/** Requests on kept connections for a time (milliseconds); prints how many were answered each second. */
const load = `
const http = require('node:http');
const [host, time] = process.argv.slice(1);
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const end = performance.now() + Number(time);
let done = 0;
const one = () => performance.now() > end ? undefined : new Promise((r) => http.get({ host, agent, path: '/' }, (a) => a.resume().on('end', r))).then(() => { done++; return one(); });
Promise.all(Array.from({ length: 8 }, one)).then(() => { console.log(done / (Number(time) / 1000)); agent.destroy(); });
`;

/** The value that this share of all values does not exceed. */
const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

async function latency(lab: DetectionLab, count: number): Promise<number[]> {
  const { eve } = pathsOf(lab.machine, endpoint().input);
  const seen = new Map<number, number>();
  let offset = (await stat(eve)).size;
  let reading = true;
  const reader = (async () => {
    for (let rest = ''; reading; await sleep(1)) {
      const { size } = await stat(eve);
      if (size === offset) continue;
      let text = rest;
      for await (const part of createReadStream(eve, { start: offset, end: size - 1 })) text += part;
      offset = size;
      const lines = text.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const url = line.includes('"alert"') ? (JSON.parse(line) as { http?: { url?: string } }).http?.url : undefined;
        const number = /n-(\d+)-/.exec(url ?? '')?.[1];
        if (number !== undefined && !seen.has(Number(number)))
          seen.set(Number(number), performance.timeOrigin + performance.now());
      }
    }
  })();
  const argv = [process.execPath, '-e', attacks, hosts.server, String(count)];
  const { stdout } = await lab.machine.exec(argv, { namespace: 'att' });
  await sleep(300);
  reading = false;
  await reader;
  const sent = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  return sent.map(([number = -1, at = 0]) => (seen.get(number) ?? Number.POSITIVE_INFINITY) - at);
}

async function rate(lab: DetectionLab): Promise<number> {
  const argv = [process.execPath, '-e', load, hosts.server, '2000'];
  const { stdout, stderr } = await lab.machine.exec(argv, { namespace: 'att' });
  if (stderr !== '') throw new Error(stderr);
  return Number(stdout);
}

const lab = await detectionLab();
const [program = '', ...words] = inNamespace(lab.machine.namespace('srv'), [process.execPath, '-e', webServer]);
const web = spawn(program, words, { stdio: 'ignore' });
try {
  const began = performance.now();
  await suricataEngine.apply(lab.machine, endpoint(), undefined);
  console.log(`endpoint ready with our pack: ${Math.round(performance.now() - began)} ms`);
  const times = (await latency(lab, 200)).map((it) => Math.round(it * 10) / 10);
  console.log(
    `attack sent to alert parsed: p50 ${quantile(times, 0.5)} ms, p95 ${quantile(times, 0.95)} ms, most ${quantile(times, 1)} ms, ` +
      `${times.filter((it) => !Number.isFinite(it)).length} of ${times.length} lost`,
  );
  for (let round = 0; round < rounds; round++) {
    await lab.mirror(false);
    const plain = await rate(lab);
    await lab.mirror(true);
    const inspected = await rate(lab);
    await suricataEngine.remove(lab.machine, endpoint());
    const mirrored = await rate(lab);
    await suricataEngine.apply(lab.machine, endpoint(), undefined);
    console.log(
      `requests/s: plain ${plain.toFixed(0)}, mirrored ${(mirrored / plain).toFixed(2)}x, inspected ${(inspected / plain).toFixed(2)}x`,
    );
  }
  const seen = await suricataEngine.observe?.(lab.machine, endpoint());
  console.log('counters:', JSON.stringify(seen?.values));
} finally {
  web.kill('SIGKILL');
  await lab.cleanup();
}
