/**
 * What the identity-aware proxy costs: requests a second and instructions a request, against the same load balancer
 * without it. Run as root: node bench/edge.ts [slices] [seconds] [instructions]. Needs wrk, h2load and valgrind.
 *
 * HAProxy and the edge service stand on core 0, clients and servers on core 1. Slices of the two take turns, each ratio is
 * to its neighbours; the median counts, [a-b] are the lowest and the highest. A machine that does other things moves single
 * slices by a quarter and more: then only the instructions mean something.
 */
import { writeFile } from 'node:fs/promises';
import { FRONT, HOST, type IapLab, iapLab, protectedSite } from '../test/iap-lab.ts';
import { service } from '../test/proxy-lab.ts';
import { instructionsPerRequest } from './edge-instructions.ts';

const slices = Number(process.argv[2] ?? 6);
const seconds = Number(process.argv[3] ?? 3);
const counts = process.argv[4] !== 'no';

/** Nothing that is asked for is protected; one other service is, so that all else is the same. */
const bareSite = () => protectedSite({ services: [service('web')] });

async function pin(lab: IapLab): Promise<void> {
  const { stdout } = await lab.machine.exec(['ip', 'netns', 'pids', lab.machine.namespace('edge')]);
  for (const pid of stdout.split('\n').filter((it) => it !== '')) await lab.machine.exec(['taskset', '-acp', '0', pid]);
  const { stdout: servers } = await lab.machine.exec(['ip', 'netns', 'pids', lab.machine.namespace('hosts')]);
  for (const pid of servers.split('\n').filter((it) => it !== ''))
    await lab.machine.exec(['taskset', '-acp', '1', pid]);
}

async function perSecond(lab: IapLab, cookies: readonly string[], version: 'h1' | 'h2'): Promise<number> {
  const [first = ''] = cookies;
  const url = `https://${HOST}/`;
  const run = (argv: readonly string[]) =>
    lab.machine.exec(['taskset', '-c', '1', ...argv], { namespace: 'outside', timeout: 120_000 });
  if (version === 'h2') {
    const header = ['-H', `cookie: ${first}`, `--connect-to=${FRONT}:443`];
    const { stdout } = await run(['h2load', '-D', String(seconds), '-c', '16', '-m', '4', ...header, url]);
    const good = Number(/(\d+) 2xx/.exec(stdout)?.[1]);
    return good / seconds;
  }
  const script = `/tmp/vauban-bench-${process.pid}.lua`;
  const list = cookies.map((it) => JSON.stringify(it)).join(',');
  const lines = `local c={${list}} local n=0\nrequest=function() n=n+1 return wrk.format("GET","/",{Host="${HOST}",Cookie=c[n%#c+1]}) end\n`;
  await writeFile(script, lines);
  const { stdout } = await run(['wrk', '-t1', '-c32', `-d${seconds}s`, '-s', script, `https://${FRONT}/`]);
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1];
  if (failed !== undefined) throw new Error(`${failed} requests were refused`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

const median = (values: readonly number[]): string => {
  const sorted = values.toSorted((a, b) => a - b);
  const [low = 0, middle = 0, high = 0] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
  return `${middle.toFixed(2)} [${low.toFixed(2)}-${high.toFixed(2)}]`;
};

const [guarded, bare] = [await iapLab(), await iapLab(bareSite())];
try {
  for (const it of [guarded, bare]) await pin(it);
  const cookies = Array.from({ length: 64 }, () => guarded.signIn());
  for (const version of ['h1', 'h2'] as const) {
    const ratios: number[] = [];
    const absolute: number[] = [];
    let before = await perSecond(bare, cookies, version);
    for (let slice = 0; slice < slices; slice++) {
      const own = await perSecond(guarded, cookies, version);
      const after = await perSecond(bare, cookies, version);
      ratios.push(own / ((before + after) / 2));
      absolute.push(own);
      before = after;
    }
    console.log(`${version}: ${median(ratios)} of the same load balancer without it (${median(absolute)} requests/s)`);
  }
  if (counts) {
    const [with_, without] = [
      await instructionsPerRequest(guarded, cookies[0] ?? ''),
      await instructionsPerRequest(bare, cookies[0] ?? ''),
    ];
    console.log(
      `instructions a request: ${Math.round(with_)} with, ${Math.round(without)} without: ${(with_ / without).toFixed(2)}`,
    );
  }
} finally {
  await guarded.remove();
  await bare.remove();
}
