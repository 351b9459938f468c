import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { SESSION_COOKIE } from '#access/iap.ts';
import { openEdgeDatabase } from '#edge/database.ts';
import type { Command } from '#edge/decision/runtime/command.ts';
import { RuntimeConnection } from '#edge/decision/runtime/connection.ts';
import { sessionStore } from '#edge/session-store.ts';
import { FRONT, HOST, type IapLab, lets } from '../test/iap-lab.ts';
import { CLIENT_CORE, put } from './edge-load.ts';
import type { Rig } from './edge-rig.ts';

/** What happens once: a session's first request, another policy; and what many sessions take. */

const SESSIONS = 100_000;
const FIRSTS = 300;
const CHANGES = 20;

/** Clients of Node: `one(cookie)` asks once over one of some lasting connections and gives the status. */
const client = (connections: number): string => `
import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
const words = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: ${connections} });
const now = () => performance.timeOrigin + performance.now();
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const one = (cookie) => new Promise((done, fail) => {
  const headers = { host: '${HOST}', cookie, 'user-agent': 'bench', accept: '*/*' };
  request({ agent, host: '${FRONT}', servername: '${HOST}', port: 443, path: '/64', rejectUnauthorized: false, headers }, (answer) => {
    answer.resume().on('end', () => done(answer.statusCode));
  }).on('error', fail).end();
});
`;

async function ask(lab: IapLab, connections: number, source: string, ...words: string[]): Promise<unknown> {
  const argv = ['taskset', '-c', String(CLIENT_CORE), process.execPath, '--input-type=module', '-', ...words];
  const options = { namespace: 'outside', stdin: client(connections) + source, timeout: 120_000 };
  const { code, stdout, stderr } = await lab.machine.exec(argv, options);
  if (code !== 0) throw new Error(stderr.slice(-400));
  return JSON.parse(stdout);
}

const at = (values: readonly number[], share: number): string =>
  (values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN).toFixed(2);
const row = (name: string, values: readonly number[]): void =>
  console.log(
    `${name.padEnd(52)} p50 ${at(values, 0.5)}  p99 ${at(values, 0.99)}  most ${Math.max(...values).toFixed(2)} ms`,
  );

const cookieFile = async (lab: IapLab, cookies: readonly string[]): Promise<string> => {
  const path = `${lab.machine.run}/cookies`;
  await writeFile(path, cookies.join('\n'));
  return path;
};

/** Adds sessions as the sign-in would, many at once. */
function sessions(lab: IapLab, count: number): readonly string[] {
  const database = openEdgeDatabase(lab.edge.database);
  const store = sessionStore({ database, now: () => Date.now(), lifetime: () => 86_400 });
  const cookies: string[] = [];
  const authTime = Math.floor(Date.now() / 1000);
  const person = {
    subject: 'id-of-alice',
    email: 'alice@example.com',
    groups: [],
    displayName: 'A',
    provider: 'people',
  };
  while (cookies.length < count) {
    database.exec('BEGIN');
    for (let left = Math.min(5000, count - cookies.length); left > 0; left--)
      cookies.push(`${SESSION_COOKIE}=${store.create({ person, host: HOST, authTime, methods: ['pwd'] })}`);
    database.exec('COMMIT');
  }
  database.close();
  return cookies;
}

/** Each session's first request is decided by the edge service, its second by HAProxy alone. */
async function firsts({ guarded, bare }: Rig): Promise<void> {
  const script = `
    const cookies = readFileSync(words[0], 'utf8').split('\\n');
    const took = { first: [], second: [], bad: 0 };
    for (let n = 0; n < 20; n++) await one(cookies[0]);
    for (const it of cookies.slice(1)) for (const which of ['first', 'second']) {
      const began = performance.now();
      if (await one(it) !== 200) took.bad++;
      took[which].push(performance.now() - began);
      await pause(2);
    }
    console.log(JSON.stringify(took)); process.exit();`;
  type Took = { first: number[]; second: number[]; bad: number };
  const file = await cookieFile(guarded, sessions(guarded, FIRSTS + 1));
  const took = (await ask(guarded, 1, script, file)) as Took;
  const without = (await ask(bare, 1, script, file)) as Took;
  if (took.bad + without.bad > 0) throw new Error(`${took.bad + without.bad} answers were not 200`);
  row(`first request of a session (decided), ${took.first.length} of them`, took.first);
  row('its second request (remembered)', took.second);
  row('without authentication', without.second);
  const ratio = Number(at(took.first, 0.5)) / Number(at(without.second, 0.5));
  console.log(`first request: ${ratio.toFixed(2)} of one without authentication`);
}

/** From another binding being applied to the first answer that goes by it, under one client that asks without pause. */
async function changes({ guarded }: Rig): Promise<void> {
  const script = `
    const seen = []; let last = 0;
    const until = now() + Number(words[1]);
    while (now() < until) {
      const status = await one(words[0]);
      if (status !== last) seen.push([now(), status]);
      last = status;
    }
    console.log(JSON.stringify(seen)); process.exit();`;
  const asking = ask(guarded, 1, script, guarded.signIn(), String(CHANGES * 300 + 3000));
  await sleep(1500);
  const began: number[] = [];
  for (let change = 0; change < CHANGES; change++) {
    began.push(performance.timeOrigin + performance.now());
    await guarded.decide({ bindings: lets([change % 2 === 0 ? 'user:bob@example.com' : 'user:alice@example.com']) });
    await sleep(200);
  }
  const [first, ...seen] = (await asking) as [number, number][];
  const flips = seen.map(([, status]) => status).join(' ');
  const wanted = Array.from({ length: CHANGES }, (_, it) => (it % 2 === 0 ? 403 : 200)).join(' ');
  if (first?.[1] !== 200 || flips !== wanted) throw new Error(`the answers changed otherwise: ${flips}`);
  const took = seen.map(([time], it) => time - (began[it] ?? 0));
  row(
    'policy applied to first refusal',
    took.filter((_, it) => it % 2 === 0),
  );
  row(
    'policy applied to first answer that it allows',
    took.filter((_, it) => it % 2 === 1),
  );
}

/** MiB of memory that only these processes have, or their share of what they have with others. */
async function memory(lab: IapLab, program: RegExp): Promise<number> {
  const { stdout } = await lab.machine.exec(['ip', 'netns', 'pids', lab.machine.namespace('edge')]);
  let sum = 0;
  for (const pid of stdout.split('\n').filter((it) => it !== '')) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!program.test(line)) continue;
    sum += Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  }
  return sum / 1024;
}

async function known(lab: IapLab): Promise<number> {
  const connection = await RuntimeConnection.open(lab.edge.runtime, () => {});
  try {
    const answer = await connection.run('show table iap.sessions data.gpt0 lt 1' as Command);
    return Number(/used:(\d+)/.exec(answer)?.[1]);
  } finally {
    connection.close();
  }
}

const decisions = async (lab: IapLab): Promise<number> => (await lab.health()).values['lab']?.['decisions'] ?? 0;

/** Every session asks once, so that the edge service itself makes HAProxy remember it. */
async function many({ guarded, bare }: Rig): Promise<void> {
  const look = async () => ({
    haproxy: await memory(guarded, /^haproxy/),
    edge: await memory(guarded, /main\/edge\.ts/),
  });
  const empty = await look();
  const before = await known(guarded);
  const cookies = sessions(guarded, SESSIONS);
  const file = await cookieFile(guarded, cookies);
  const script = `
    const cookies = readFileSync(words[0], 'utf8').split('\\n');
    const began = performance.now();
    let good = 0, next = 0;
    const loop = async () => { while (next < cookies.length) if (await one(cookies[next++]) === 200) good++; };
    await Promise.all(Array.from({ length: 32 }, loop));
    console.log(JSON.stringify({ good, seconds: (performance.now() - began) / 1000 })); process.exit();`;
  const { good, seconds } = (await ask(guarded, 32, script, file)) as { good: number; seconds: number };
  const [held, full] = [(await known(guarded)) - before, await look()];
  if (good !== SESSIONS || held !== SESSIONS)
    throw new Error(`${good} of ${SESSIONS} sessions were answered, ${held} are remembered`);
  const grown = full.haproxy - empty.haproxy;
  const each = ((grown * 1024) / SESSIONS).toFixed(2);
  console.log(`${SESSIONS} first requests in ${seconds.toFixed(1)} s (32 connections of a client of Node)`);
  console.log(
    `HAProxy: ${empty.haproxy.toFixed(0)} MiB, with ${SESSIONS} sessions ${full.haproxy.toFixed(0)} MiB: ${each} KiB a session`,
  );
  console.log(`edge service: ${empty.edge.toFixed(0)} MiB, then ${full.edge.toFixed(0)} MiB`);
  const load = { address: FRONT, port: 443, host: HOST, path: '/64', bytes: 64, version: 'h1', seconds: 3 } as const;
  const asked = await decisions(guarded);
  const without = await put({ ...load, lab: bare, cookies });
  const own = await put({ ...load, lab: guarded, cookies });
  const again = await put({ ...load, lab: bare, cookies });
  const ratio = (2 * own.perSecond) / (without.perSecond + again.perSecond);
  const misses = (await decisions(guarded)) - asked;
  console.log(
    `all of them by turns: ${ratio.toFixed(2)} of HAProxy without (h1, 64 bytes; ${misses} were asked about anew)`,
  );
}

export async function events(rig: Rig): Promise<void> {
  console.log('');
  await firsts(rig);
  await changes(rig);
  await many(rig);
}
