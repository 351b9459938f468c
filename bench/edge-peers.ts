/**
 * The identity-aware proxy beside others that do such a thing, all as ratios to the same HAProxy without authentication, in
 * one run. Run as root: node bench/edge-peers.ts [rounds] [seconds] [check | speed | events]. Needs wrk, h2load and nginx;
 * apache2 with libapache2-mod-auth-openidc, caddy: who is not there is left out, and said.
 *
 * What is measured stands on core 0 with all that it asks, clients and servers on core 1; one worker each, TLS 1.3 with
 * AES-128-GCM, lasting connections. Each slice of a candidate has one of the HAProxy without authentication before and behind
 * it, its ratio is to the mean of the two. Slices during which other programs took more than 0.3 of a core are taken again.
 * The others write no access log and sign nothing: that flatters them. `cost` is time of core 0 a request, and the better
 * measure where core 1 is the limit, which it is with large answers.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { FRONT, HOST } from '../test/iap-lab.ts';
import { events } from './edge-events.ts';
import { EDGE_CORE, elsewhere, put, type Result, shown, spread, type Version } from './edge-load.ts';
import { type Candidate, startProxies } from './edge-proxies.ts';
import { BACKEND, bodies, edgeRig, type Path, type Rig } from './edge-rig.ts';

const rounds = Number(process.argv[2] ?? 3);
const seconds = Number(process.argv[3] ?? 2);
const only = process.argv[4];

/** Share of a core that others may take. */
const TOLERATED = 0.3;

async function get({ lab, port }: Candidate, path: string, ...more: string[]): Promise<string> {
  const argv = ['curl', '-sk', '-m', '10', '--noproxy', '*', '--resolve', `${HOST}:${port}:${FRONT}`];
  const format = ['-w', '\n%{http_code} %{http_version} %{size_download}'];
  const { stdout } = await lab.machine.exec([...argv, ...format, ...more, `https://${HOST}:${port}${path}`], {
    namespace: 'outside',
  });
  return stdout;
}

/** Why a candidate may not be measured: it must answer rightly with a session, and refuse whoever has none. */
async function faultOf(candidate: Candidate, open: boolean): Promise<string | undefined> {
  const [cookie = ''] = candidate.cookies;
  for (const [version, flag] of Object.entries({ '1.1': '--http1.1', '2': '--http2' })) {
    for (const [path, bytes] of Object.entries(bodies)) {
      const answer = await get(candidate, path, flag, '-H', `cookie: ${cookie}`);
      if (answer !== `${'x'.repeat(bytes)}\n200 ${version} ${bytes}`)
        return `HTTP/${version} ${path}: ${answer.slice(-80)}`;
    }
    if (open) continue;
    const who = await get(candidate, '/who', flag, '-H', `cookie: ${cookie}`);
    if (!who.includes('alice@example.com\n200')) return `the server does not learn who asks: ${who}`;
    for (const forged of [[], ['-H', `cookie: ${cookie.replace(/=.{8}/, '=AAAAAAAA')}`]]) {
      const status = (await get(candidate, '/64', flag, ...forged)).split('\n').at(-1)?.split(' ')[0];
      if (status !== '401' && status !== '302' && status !== '403') return `without a session: ${status}`;
    }
  }
  return undefined;
}

/** A slice of a candidate between two of the reference. */
interface Slice {
  readonly own: Result;
  /** Means of its neighbours. */
  readonly reference: Result;
  /** Whether nothing else ran in any of the three. */
  readonly quiet: boolean;
}

const mean = (a: Result, b: Result): Result => ({
  perSecond: (a.perSecond + b.perSecond) / 2,
  p99: (a.p99 + b.p99) / 2,
  cost: (a.cost + b.cost) / 2,
});

type Slices = ReadonlyMap<Candidate, readonly Slice[]>;

/** Slices that were disturbed are taken again, up to as many times as were asked for. */
async function measure(rig: Rig, list: readonly Candidate[], version: Version, path: Path): Promise<Slices> {
  const result = new Map(list.map((it) => [it, [] as Slice[]]));
  const [, reference] = references(rig, list[0]?.cookies ?? []);
  const take = async ({ lab, port, cookies }: Candidate) => {
    const others = elsewhere([rig.guarded.machine, rig.bare.machine]);
    const load = { lab, port, cookies, version, path, seconds, host: HOST, address: FRONT, bytes: bodies[path] };
    const measured = await put(load);
    return { ...measured, quiet: others() / seconds < TOLERATED };
  };
  let before = await take(reference);
  for (let round = 0; round < 2 * rounds; round++) {
    for (const [candidate, slices] of result) {
      if (slices.filter((it) => it.quiet).length >= rounds) continue;
      const own = await take(candidate).catch((error: unknown) => {
        if (candidate === list[0]) throw error;
        return String(error);
      });
      if (typeof own === 'string') {
        console.log(`left out from here on: ${candidate.name}, ${version}, ${path}: ${own}`);
        result.delete(candidate);
        continue;
      }
      const after = await take(reference);
      const quiet = before.quiet && own.quiet && after.quiet;
      slices.push({ own, reference: mean(before, after), quiet });
      before = after;
    }
  }
  return result;
}

const references = (rig: Rig, cookies: readonly string[]): readonly [Candidate, Candidate] => [
  { name: 'Vauban: HAProxy with IAP', lab: rig.guarded, port: 443, cookies },
  { name: 'HAProxy without authentication', lab: rig.bare, port: 443, cookies },
];

const line = (name: string, ...columns: string[]): void =>
  console.log(`${name.padEnd(32)}${columns.map((it, at) => it.padStart(at === 0 ? 20 : 11)).join('')}`);

function print(version: Version, path: Path, slices: Slices): void {
  console.log(`\n${version === 'h1' ? 'HTTP/1.1, wrk -t16 -c32' : 'HTTP/2, h2load -c16 -m4'}, ${bodies[path]} bytes`);
  const middle = (list: readonly Slice[], of: (it: Slice) => number): number => spread(list.map(of)).middle;
  const counted = [...slices].map(([{ name }, all]) => {
    const quiet = all.filter((it) => it.quiet);
    return { name, counted: quiet.length > 0 ? quiet : all, disturbed: quiet.length === 0 ? all.length : 0 };
  });
  const every = counted.flatMap((it) => it.counted);
  line('', 'of HAProxy without', 'cost', 'p99', 'requests/s', 'us each', 'p99 ms', 'ours is');
  const absolute = (list: readonly Slice[], of: (it: Slice) => Result): readonly string[] => [
    Math.round(middle(list, (it) => of(it).perSecond)).toString(),
    middle(list, (it) => of(it).cost).toFixed(1),
    middle(list, (it) => of(it).p99).toFixed(1),
  ];
  line('HAProxy without authentication', '1.00', '1.0', '1.0', ...absolute(every, (it) => it.reference));
  let ours: number | undefined;
  for (const { name, counted: list, disturbed } of counted) {
    const ratio = spread(list.map((it) => it.own.perSecond / it.reference.perSecond));
    ours ??= ratio.middle;
    const relative = [
      shown(ratio),
      ...(['cost', 'p99'] as const).map((of) => middle(list, (it) => it.own[of] / it.reference[of]).toFixed(1)),
    ];
    line(name, ...relative, ...absolute(list, (it) => it.own), `${(ours / ratio.middle).toFixed(1)} times`);
    if (disturbed > 0) console.log(`  all ${disturbed} slices of it were disturbed: the machine did other things`);
  }
}

async function speed(rig: Rig): Promise<void> {
  const cookies = Array.from({ length: 16 }, () => rig.guarded.signIn());
  const [ours, reference] = references(rig, cookies);
  const { list: others, missing } = await startProxies(rig, cookies);
  for (const it of missing) console.log(`left out: ${it}`);
  const list: Candidate[] = [];
  for (const it of [ours, ...others]) {
    const fault = await faultOf(it, false);
    console.log(fault === undefined ? `answers rightly: ${it.name}` : `left out: ${it.name}: ${fault}`);
    if (fault === undefined) list.push(it);
  }
  const fault = await faultOf(reference, true);
  if (fault !== undefined || list[0] !== ours) throw new Error(`our own does not answer as it should: ${fault}`);
  if (only === 'check') return;
  await limit(rig);
  for (const version of ['h1', 'h2'] as const) {
    for (const path of Object.keys(bodies) as Path[]) print(version, path, await measure(rig, list, version, path));
  }
}

/** What the clients and the server reach without anything in between but the network: none can be faster. */
async function limit({ bare: lab }: Rig): Promise<void> {
  for (const [path, bytes] of Object.entries(bodies)) {
    const place = { address: BACKEND.host, port: BACKEND.port, host: HOST, plain: true };
    const { perSecond } = await put({ lab, ...place, path, bytes, cookies: ['a=b'], version: 'h1', seconds });
    console.log(`server alone, plain HTTP/1.1, ${bytes} bytes: ${Math.round(perSecond)} requests/s`);
  }
}

/** What a figure means nothing without. */
function conditions(): void {
  const packages = ['haproxy', 'nginx', 'apache2', 'libapache2-mod-auth-openidc', 'caddy'];
  const query = ['-W', '-f', `\${Package} \${Version}, `, ...packages];
  const { stdout } = spawnSync('dpkg-query', query, { encoding: 'utf8' });
  console.log(
    `${stdout}Node ${process.version}; load before it: ${loadavg()[0]?.toFixed(2)} on ${cpus().length} cores`,
  );
}

// What is started inherits it: HAProxy makes as many threads as it may use cores.
execFileSync('taskset', ['-acp', String(EDGE_CORE), String(process.pid)]);
conditions();
const rig = await edgeRig();
try {
  if (only !== 'events') await speed(rig);
  if (only !== 'check' && only !== 'speed') await events(rig);
} finally {
  await rig.remove();
}
