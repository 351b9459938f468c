import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import type { TestMachine } from '../test/machine.ts';
import type { ProxyLab } from '../test/proxy-lab.ts';

/** Load on something that stands in a lab's `edge` namespace, from its `outside`, and what else the machine did meanwhile. */

export type Version = 'h1' | 'h2';

export interface Load {
  readonly lab: Pick<ProxyLab, 'machine'>;
  readonly address: string;
  readonly port: number;
  /** Name that is asked for. */
  readonly host: string;
  readonly path: string;
  /** Header values; each connection of wrk's keeps to one, as browsers' do, and all of h2load's to the first. */
  readonly cookies: readonly string[];
  readonly version: Version;
  readonly seconds: number;
  /** Bytes of a right answer; not looked at when it is left out. */
  readonly bytes?: number;
  /** Without TLS, and not from where clients are but from the load balancer. */
  readonly plain?: boolean;
}

export interface Result {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p99: number;
  /** Microseconds of the edge's core that one request took, of all that ran there. */
  readonly cost: number;
}

/** Clients and servers stand on this core, what is measured on the other. */
export const CLIENT_CORE = 1;
export const EDGE_CORE = 0;

export async function pin(machine: Pick<TestMachine, 'exec' | 'namespace'>, namespace: string, core: number) {
  const { stdout } = await machine.exec(['ip', 'netns', 'pids', machine.namespace(namespace)]);
  for (const pid of stdout.split('\n').filter((it) => it !== '')) {
    await machine.exec(['taskset', '-acp', String(core), pid]);
  }
}

/** One and the same cipher for all: each server would choose another. */
const openssl = `openssl_conf = main
[main]
ssl_conf = ssl
[ssl]
system_default = all
[all]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = P-256
`;

/** Loads for some seconds. Fails when an answer is not 200, or not as long as it should be. */
export async function put(load: Load): Promise<Result> {
  const base = `/tmp/vauban-bench-${process.pid}`;
  const [settings, script, list, log] = [`${base}.cnf`, `${base}.lua`, `${base}.cookies`, `${base}.log`];
  await writeFile(settings, openssl);
  let used = 0;
  const run = async (argv: readonly string[]): Promise<string> => {
    const before = busy(EDGE_CORE);
    const { code, stdout, stderr } = await load.lab.machine.exec(['taskset', '-c', String(CLIENT_CORE), ...argv], {
      namespace: load.plain === true ? 'edge' : 'outside',
      timeout: (load.seconds + 30) * 1000,
      env: { OPENSSL_CONF: settings },
    });
    used = busy(EDGE_CORE) - before;
    if (code !== 0) throw new Error(`${argv[0]}: ${(stderr || stdout).slice(-300)}`);
    return stdout;
  };
  try {
    await writeFile(list, load.cookies.join('\n'));
    const lines = `local c={} for l in io.lines("${list}") do c[#c+1]=l end\nlocal n=0 setup=function(t) n=n+1 t:set("id",n) end\nrequest=function() return wrk.format("GET","${load.path}",{Host="${load.host}",Cookie=c[id%#c+1]}) end\n`;
    await writeFile(script, lines);
    const measured = load.version === 'h2' ? await withH2load(load, run, log) : await withWrk(load, run, script);
    return { ...measured, cost: (used / (measured.perSecond * load.seconds)) * 1e6 };
  } finally {
    for (const it of [settings, script, list, log]) await rm(it, { force: true });
  }
}

/** Seconds that a core was not idle, since the machine started. */
function busy(core: number): number {
  const fields = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ') ?? [];
  const [user = 0, nice = 0, system = 0, , , hard = 0, soft = 0] = fields.map(Number);
  return (user + nice + system + hard + soft) / 100;
}

type Measured = Omit<Result, 'cost'>;
type Run = (argv: readonly string[]) => Promise<string>;

const units: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

async function withWrk(load: Load, run: Run, script: string): Promise<Measured> {
  const url = `${load.plain === true ? 'http' : 'https'}://${load.address}:${load.port}${load.path}`;
  const stdout = await run(['wrk', '-t16', '-c32', '--latency', `-d${load.seconds}s`, '-s', script, url]);
  const failed =
    /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[0] ??
    /Socket errors: connect (?!0, read 0, write 0, timeout 0).*/.exec(stdout)?.[0];
  if (failed !== undefined) throw new Error(failed);
  const [, count, read, unit = ''] = /(\d+) requests in [\d.]+\w+, ([\d.]+)(\w+) read/.exec(stdout) ?? [];
  if ((Number(read) * (units[unit] ?? 1)) / Number(count) < 0.98 * (load.bytes ?? 0)) throw new Error('short answers');
  const [, p99, scale = ''] = /99%\s+([\d.]+)(us|ms|s)\b/.exec(stdout) ?? [];
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p99: Number(p99) * (units[scale] ?? Number.NaN),
  };
}

async function withH2load(load: Load, run: Run, log: string): Promise<Measured> {
  const header = ['-H', `cookie: ${load.cookies[0] ?? ''}`, `--connect-to=${load.address}:${load.port}`];
  const argv = ['h2load', '-D', String(load.seconds), '-c', '16', '-m', '4', `--log-file=${log}`, ...header];
  const stdout = await run([...argv, `https://${load.host}${load.path}`]);
  if (!stdout.includes('Application protocol: h2')) throw new Error('not HTTP/2');
  const bad = /status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(stdout)?.slice(1).map(Number) ?? [];
  const good = Number(/(\d+) succeeded/.exec(stdout)?.[1]);
  const wrong = bad.reduce((sum, it) => sum + it, 0);
  if (wrong > 0 || good === 0) throw new Error(`${wrong} answers were others, ${good} good`);
  const data = Number(/\((\d+)\) data$/m.exec(stdout)?.[1]);
  if (data < good * (load.bytes ?? 0)) throw new Error('short answers');
  const took = (await readFile(log, 'utf8')).split('\n').flatMap((line) => {
    const [, status, microseconds] = line.split('\t');
    return status === '200' ? [Number(microseconds)] : [];
  });
  const sorted = Float64Array.from(took).sort();
  return { perSecond: good / load.seconds, p99: (sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN) / 1000 };
}

export interface Spread {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const half = sorted.length / 2;
  return { low: at(0), middle: (at(Math.ceil(half) - 1) + at(Math.floor(half))) / 2, high: at(sorted.length - 1) };
}

export const shown = ({ low, middle, high }: Spread): string =>
  `${middle.toFixed(2)} [${low.toFixed(2)}-${high.toFixed(2)}]`;

/**
 * Seconds of processor time that programs took which are not ours: all but those in these namespaces, this process and the
 * kernel's own threads. Call it before and after; one that began and ended in between is not seen.
 */
export function elsewhere(machines: readonly Pick<TestMachine, 'namespace'>[]): () => number {
  const names = machines.flatMap((it) => ['edge', 'hosts', 'outside'].map((name) => it.namespace(name)));
  const ours = new Set(names.map((it) => String(statSync(`/run/netns/${it}`).ino)));
  const look = (): Map<string, number> => {
    const found = new Map<string, number>();
    for (const pid of readdirSync('/proc').filter((it) => /^\d+$/.test(it) && Number(it) !== process.pid)) {
      try {
        const net = /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1] ?? '';
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
        if (ours.has(net) || fields[1] === '2' || pid === '2') continue;
        found.set(pid, Number(fields[11]) + Number(fields[12]));
      } catch {
        // It ended while we looked.
      }
    }
    return found;
  };
  const before = look();
  return () => {
    let ticks = 0;
    for (const [pid, after] of look()) ticks += after - (before.get(pid) ?? 0);
    return ticks / 100;
  };
}
