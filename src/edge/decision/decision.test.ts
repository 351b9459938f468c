import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EdgeInput } from '#engines/edge/input.ts';
import { memoryPlaces } from '#engines/edge/paths.ts';
import type { Edge } from '../edge.ts';
import { noIssuers } from '../issuers.ts';
import type { People, Person } from '../people.ts';
import { sessionKeyOf, sessionStore } from '../session-store.ts';
import { webOf } from '../web.ts';
import { type DecisionPart, startDecision } from './decision.ts';
import { keyRing } from './keys.ts';
import {
  FrameCutter,
  frameTypes,
  readActions,
  readFrame,
  writeFrame,
  writeMessages,
  writeValues,
} from './spoe/frame.ts';

/** The part as a whole, between HAProxy's two ends: what is asked, and what is sent to the runtime interface. */

const input = (members: string[]): EdgeInput =>
  EdgeInput.parse({
    project: { id: 'lab', number: '123456789012', namespace: 'edge.lab' },
    ...{ accessLevels: [], providers: [], directories: [], clients: [], serviceAccounts: [] },
    services: [
      { name: 'web', id: '1' },
      { name: 'api', id: '2' },
    ],
    bindings: [
      { key: 'lab/roleBinding/a', role: 'roles/iap.httpsResourceAccessor', members, backendService: 'web' },
      {
        key: 'lab/roleBinding/b',
        role: 'roles/iap.httpsResourceAccessor',
        members: ['allAuthenticatedUsers'],
        backendService: 'api',
      },
    ],
  });

const alice: Person = {
  subject: '1',
  email: 'alice@example.com',
  groups: ['staff@example.com'],
  displayName: '',
  provider: 'p',
};

let folder = '';
let runtime: Server;
let part: DecisionPart;
const commands: string[] = [];
const sockets: Socket[] = [];
let people: { now: Person | undefined; wait: Promise<void>; told: (change: { email?: string }) => void };
let feed: (next: EdgeInput) => void;
let edge: Edge;
/** Milliseconds by which the clock is wrong. */
let step = 0;
const now = (): number => Date.now() + step;

beforeEach(async () => {
  folder = mkdtempSync(`${tmpdir()}/vauban-decision-`);
  commands.splice(0);
  step = 0;
  runtime = createServer((socket) => {
    sockets.push(socket);
    socket
      .on('error', () => {})
      .on('data', (bytes: Buffer) => {
        for (const command of bytes
          .toString()
          .split(/\n(?=(?:add map|set map|set table|clear table|clear map|show|prompt))/)) {
          if (!/^(prompt|show info)/.test(command)) commands.push(command.trim());
          socket.write(command.startsWith('show info') ? 'Pid: 77\n\n> ' : '\n> ');
        }
      });
  });
  runtime.listen(`${folder}/runtime.sock`);
  await once(runtime, 'listening');
  let current = input(['group:staff@example.com']);
  const database = new DatabaseSync(':memory:');
  people = { now: alice, wait: Promise.resolve(), told: () => {} };
  const source: People = {
    find: async () => {
      await people.wait;
      return people.now;
    },
    groupsOf: async () => [],
    onChange: (listener) => {
      people.told = listener;
      return () => {};
    },
  };
  edge = {
    input: () => current,
    onInput: (listener) => {
      feed = (next) => {
        const before = current;
        current = next;
        listener(next, before);
      };
    },
    paths: {
      run: folder,
      spoe: `${folder}/spoe.sock`,
      web: '',
      runtime: `${folder}/runtime.sock`,
      state: folder,
      keys: '',
      vpn: '',
      portal: '',
      operator: '',
    },
    database,
    sessions: sessionStore({ database, now, lifetime: () => 86_400 }),
    people: source,
    issuers: noIssuers,
    web: webOf(() => {}),
    log: () => {},
    now,
  };
  part = await startDecision(edge, keyRing(`${folder}/keys.json`, now), memoryPlaces('/maps'));
  while (commands.length < 2) await new Promise((done) => setTimeout(done, 10));
});

afterEach(async () => {
  await part.stop();
  for (const it of sockets.splice(0)) it.destroy();
  runtime.close();
  rmSync(folder, { recursive: true });
});

const epochOf = (service: string): string =>
  commands.findLast((it) => it.startsWith(`set map /maps/iap.services ${service} `))?.split(' ')[4] ?? '';

/** Asks as HAProxy does; gives the variables. */
async function ask(cookie: string, service = 'web'): Promise<Record<string, unknown>> {
  const socket = connect(`${folder}/spoe.sock`);
  sockets.push(socket);
  const cutter = new FrameCutter(() => 16_380);
  const hello = { 'supported-versions': '2.0', 'max-frame-size': 16_380, capabilities: 'pipelining' };
  socket.write(writeFrame({ type: frameTypes.hello, stream: 0, frame: 0, payload: writeValues(hello) }));
  const args = {
    ...{ credential: sessionKeyOf(cookie), service, epoch: epochOf(service), host: 'app.example.com', url: '/' },
    ...{ method: 'GET', source: '192.0.2.1', sourcePort: 1, requestId: 'r' },
  };
  socket.write(
    writeFrame({ type: frameTypes.notify, stream: 1, frame: 1, payload: writeMessages([{ name: 'decide', args }]) }),
  );
  for await (const bytes of socket) {
    for (const frame of cutter.push(bytes as Buffer).map(readFrame)) {
      if (frame.type !== frameTypes.ack) continue;
      return Object.fromEntries(readActions(frame.payload).map((it) => [it.name, it.value]));
    }
  }
  return {};
}

const signIn = () => edge.sessions.create({ person: alice, host: 'app.example.com', authTime: 1, methods: ['pwd'] });
const settled = () => new Promise((done) => setTimeout(done, 50));
const remembered = () =>
  commands.filter((it) => it.startsWith('add map /maps/iap.even') || it.startsWith('add map /maps/iap.odd'));

test('who is allowed is remembered: name first, then the session, then the decision', async () => {
  const cookie = signIn();
  expect(await ask(cookie)).toMatchObject({ verdict: 'allow', email: 'alice@example.com', subject: '1' });
  await settled();
  const key = sessionKeyOf(cookie);
  const own = commands.filter((it) => it.includes(key)).map((it) => it.split(' ').slice(0, 2).join(' '));
  expect(own).toEqual(['add map', 'set table', 'add map']);
  expect(remembered()[0]).toContain(`${key}|${epochOf('web')}|`);
});

test('somebody who leaves a group is refused at once, and what was decided about them is forgotten', async () => {
  const cookie = signIn();
  await ask(cookie);
  people.now = { ...alice, groups: [] };
  people.told({ email: 'Alice@example.com' });
  await settled();
  expect(commands).toContain(`clear table iap.sessions key ${sessionKeyOf(cookie)}`);
  expect(await ask(cookie)).toMatchObject({ verdict: 'deny', reason: 'no-binding' });
});

test('a change that may concern everybody renews every service', async () => {
  const before = [epochOf('web'), epochOf('api')];
  people.told({});
  await settled();
  expect([epochOf('web'), epochOf('api')].filter((it) => before.includes(it))).toEqual([]);
});

test('another policy renews the services that it concerns, and no other', async () => {
  const before = { web: epochOf('web'), api: epochOf('api') };
  feed(input(['user:alice@example.com']));
  await settled();
  expect(epochOf('web')).not.toBe(before.web);
  expect(epochOf('api')).toBe(before.api);
});

test('a session that ends while its groups are looked up is let in nowhere, and not remembered', async () => {
  const cookie = signIn();
  let go = (): void => {};
  people.wait = new Promise((done) => {
    go = done;
  });
  const answer = ask(cookie);
  await settled();
  edge.sessions.revoke({ key: sessionKeyOf(cookie) });
  go();
  expect(await answer).toMatchObject({ verdict: 'login', reason: 'session-unknown' });
  await settled();
  expect(remembered()).toEqual([]);
});

test('a decision that was under way while somebody’s rights changed is not remembered', async () => {
  const cookie = signIn();
  let go = (): void => {};
  people.wait = new Promise((done) => {
    go = done;
  });
  const answer = ask(cookie);
  await settled();
  people.told({ email: 'alice@example.com' });
  go();
  await answer;
  await settled();
  expect(remembered()).toEqual([]);
});

test('a service that nobody declared, and a question about none, let nobody in', async () => {
  expect(await ask(signIn(), 'other')).toMatchObject({ verdict: 'deny', reason: 'service-unknown' });
  expect(await ask(signIn(), '')).toMatchObject({ verdict: 'deny' });
});

const HOUR = 3_600_000;
/** The clock is looked at every second. */
async function noticed(): Promise<void> {
  const [before, since] = [epochOf('web'), commands.length];
  for (let tries = 0; tries < 1000 && epochOf('web') === before; tries++)
    await new Promise((done) => setTimeout(done, 10));
  expect(commands.slice(since).some((it) => it.startsWith('clear map /maps/iap.even'))).toBe(true);
}

test('a clock that goes back makes nothing last longer: what was decided is forgotten, and sessions end when they would have', async () => {
  const signed = { person: alice, host: 'app.example.com', authTime: Math.floor(now() / 1000), methods: ['pwd'] };
  const [short, long] = [edge.sessions.create({ ...signed, seconds: 600 }), edge.sessions.create(signed)];
  expect(await ask(short)).toMatchObject({ verdict: 'allow' });
  step -= 5 * HOUR;
  await noticed();
  expect(await ask(short)).toMatchObject({ verdict: 'allow' });
  // How long ago somebody has signed in is as long ago as before.
  expect(now() / 1000 - (edge.sessions.find(long)?.authTime ?? 0)).toBeLessThan(60);
  step += 601_000;
  expect(await ask(short)).toMatchObject({ verdict: 'login', reason: 'session-unknown' });
  expect(await ask(long)).toMatchObject({ verdict: 'allow' });
  step += 24 * HOUR;
  expect(await ask(long)).toMatchObject({ verdict: 'login', reason: 'session-unknown' });
}, 30_000);

test('a clock that goes forward ends what is over by it, and its way back brings nothing back for longer', async () => {
  const cookie = signIn();
  expect(await ask(cookie)).toMatchObject({ verdict: 'allow' });
  step += 25 * HOUR;
  expect(await ask(cookie)).toMatchObject({ verdict: 'login', reason: 'session-unknown' });
  // Two looks, so that the step forward is the past.
  await new Promise((done) => setTimeout(done, 2100));
  const during = signIn();
  step -= 25 * HOUR;
  await noticed();
  expect(await ask(cookie)).toMatchObject({ verdict: 'login' });
  // Who signed in while the clock was ahead has their day, and no more.
  expect(await ask(during)).toMatchObject({ verdict: 'allow' });
  step += 24 * HOUR + 1000;
  expect(await ask(during)).toMatchObject({ verdict: 'login' });
}, 30_000);
