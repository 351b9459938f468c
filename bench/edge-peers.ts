/**
 * The identity-aware proxy beside others that do such a thing, all as ratios to the same HAProxy without authentication, in
 * one run. Run as root: node bench/edge-peers.ts [rounds] [seconds] [check | speed | events]. Needs wrk, h2load and nginx;
 * apache2 with libapache2-mod-auth-openidc, caddy: who is not there is left out, and said.
 *
 * What is measured stands on core 0 with all that it asks, clients and servers on core 1; one worker each, TLS 1.3 with
 * AES-128-GCM, lasting connections. Each slice of a candidate has one of the HAProxy without authentication before and behind
 * it, its ratio is to the mean of the two. Slices during which other programs took more than 0.3 of a core are left out. The
 * others write no access log and sign nothing: that flatters them.
 */
import { execFileSync } from 'node:child_process';
import { FRONT, HOST } from '../test/iap-lab.ts';
import { events } from './edge-events.ts';
import { EDGE_CORE, elsewhere, put, type Result, type Spread, shown, spread, type Version } from './edge-load.ts';
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

interface Row {
  readonly name: string;
  readonly ratios: number[];
  readonly results: Result[];
  /** Against the 99th percentile of its neighbours. */
  readonly tails: number[];
}

interface Slices {
  readonly rows: readonly Row[];
  readonly reference: Result[];
  dropped: number;
}

async function measure(rig: Rig, list: readonly Candidate[], version: Version, path: Path): Promise<Slices> {
  const result: Slices = {
    rows: list.map(({ name }) => ({ name, ratios: [], results: [], tails: [] })),
    ...{ reference: [], dropped: 0 },
  };
  const [, reference] = references(rig, list[0]?.cookies ?? []);
  const slice = async ({ lab, port, cookies }: Candidate) => {
    const others = elsewhere([rig.guarded.machine, rig.bare.machine]);
    const put_ = await put({
      ...{ lab, port, cookies, version, path, seconds, host: HOST, address: FRONT, bytes: bodies[path] },
    });
    return { ...put_, others: others() / seconds };
  };
  let before = await slice(reference);
  for (let round = 0; round < rounds; round++) {
    for (const [at, candidate] of list.entries()) {
      const own = await slice(candidate);
      const after = await slice(reference);
      const row = result.rows[at];
      const quiet = Math.max(before.others, own.others, after.others) < TOLERATED;
      if (quiet && row !== undefined) {
        row.ratios.push((2 * own.perSecond) / (before.perSecond + after.perSecond));
        row.tails.push((2 * own.p99) / (before.p99 + after.p99));
        row.results.push(own);
        result.reference.push(after);
      } else result.dropped += 1;
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
  console.log(`${name.padEnd(34)}${columns.map((it) => it.padStart(20)).join('')}`);

function print(version: Version, path: Path, { rows, reference, dropped }: Slices): void {
  console.log(`\n${version === 'h1' ? 'HTTP/1.1, wrk -c32' : 'HTTP/2, h2load -c16 -m4'}, ${bodies[path]} bytes`);
  const per = (list: readonly Result[]): string => Math.round(spread(list.map((it) => it.perSecond)).middle).toString();
  const p99 = (list: readonly Result[]): string => spread(list.map((it) => it.p99)).middle.toFixed(1);
  line('', 'of HAProxy without', 'p99 of it', 'requests/s', 'p99 ms', 'ours is, times');
  line('HAProxy without authentication', '1.00', '1.0', per(reference), p99(reference));
  const ours: Spread | undefined = rows[0] && spread(rows[0].ratios);
  for (const [at, row] of rows.entries()) {
    if (row.ratios.length === 0) {
      line(row.name, 'no quiet slice');
      continue;
    }
    const own = spread(row.ratios);
    const times = at === 0 || ours === undefined ? '' : (ours.middle / own.middle).toFixed(1);
    const tail = spread(row.tails).middle.toFixed(1);
    line(row.name, shown(own), tail, per(row.results), p99(row.results), times);
  }
  if (dropped > 0) console.log(`${dropped} of ${rounds * rows.length} slices left out: the machine did other things`);
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

// What is started inherits it: HAProxy makes as many threads as it may use cores.
execFileSync('taskset', ['-acp', String(EDGE_CORE), String(process.pid)]);
const rig = await edgeRig();
try {
  if (only !== 'events') await speed(rig);
  if (only !== 'check' && only !== 'speed') await events(rig);
} finally {
  await rig.remove();
}
