import { describe, expect, test } from 'vitest';
import { RUNNING_LENGTH } from '#engines/edge/paths.ts';
import type { Question } from './question.ts';
import { RunningRequests, runningIn } from './running.ts';

const ALICE = 'a'.repeat(43);
const BOB = 'b'.repeat(43);

/** Answers as HAProxy 2.6.12 gives them. */
const keyOf = (it: { count: number; credential: string; source?: string; host?: string; uri?: string }) =>
  `${it.count}|${it.source ?? '192.0.2.7:4000'}|r${it.count}|${it.credential}|web|${it.host ?? 'app.example.com'}|${it.uri ?? '/'}`;
const row = (key: string, use = 1) => `0x55d96ed44318: key=${key} use=${use} exp=0 gpt0=0`;
const tableOf = (...rows: string[]) =>
  [`# table: iap.running, type: string, size:1048576, used:${rows.length}`, ...rows].join('\n');

function worker(streams: readonly { id: string; count: number; source: string; key: string }[]) {
  const live = new Map(streams.map((it) => [it.id, it]));
  return {
    live,
    run: async (command: string): Promise<string> => {
      const [verb, , id = ''] = command.split(' ');
      if (command.startsWith('show table')) return tableOf(...[...live.values()].map((it) => row(it.key)));
      if (command === 'show sess')
        return [...live.values()].map((it) => `${it.id}: proto=tcpv4 src=${it.source} fe=f be=web srv=s1`).join('\n');
      if (verb === 'show')
        return `${id}: [26/Nov/2026:21:26:56.680862] id=${live.get(id)?.count} proto=tcpv4 source=x\n  flags=0xc4a`;
      live.delete(id);
      return '';
    },
  };
}

const stream = (count: number, credential: string, source = '192.0.2.7:4000') => ({
  ...{ id: `0x${count}a`, count, source },
  key: keyOf({ count, credential, source }),
});

describe('what runs', () => {
  test('has the device in it where clients are asked for certificates', () => {
    const key = keyOf({ count: 1, credential: ALICE, uri: '=/x' });
    const device = 'd'.repeat(43);
    const [one, none, other] = runningIn(
      tableOf(
        ...[key.replace('=/x', `=${device}|/x`), key.replace('=/x', '=|/x'), key.replace('=/x', '/x|=')].map((it) =>
          row(it),
        ),
      ),
    ).map((it) => it.question);
    expect(one).toMatchObject({ shown: { device }, url: '/x' });
    expect([none?.shown, none?.url, other?.shown, other?.url]).toEqual([undefined, '/x', undefined, '/x|=']);
  });

  test('is read from the table: who, where, and for what', () => {
    expect(
      runningIn(tableOf(row(keyOf({ count: 7, credential: ALICE, uri: 'https://app.example.com/a?x\\=1' })))),
    ).toEqual([
      {
        ...{ count: 7, source: '192.0.2.7:4000' },
        question: expect.objectContaining({
          ...{ credential: ALICE, kind: 'cookie', service: 'web', host: 'app.example.com', url: '/a?x=1' },
          ...{ source: '192.0.2.7', sourcePort: 4000, requestId: 'r7' },
        }),
      },
    ]);
  });

  test('nobody signed in for it: it is asked about as somebody unknown', () => {
    const [it] = runningIn(tableOf(row(keyOf({ count: 7, credential: '' }))));
    expect(it?.question).toMatchObject({ credential: 'anonymous', kind: 'none', service: 'web' });
  });

  test('what has ended, and lines of another sort, are passed over', () => {
    const ended = row(keyOf({ count: 7, credential: ALICE }), 0);
    expect(runningIn(tableOf(ended, row('7|'), 'nonsense', row('x|y|z|a|web|h|/')))).toEqual([]);
  });

  test('no address that a client chooses reads as another field', () => {
    const [one, ...more] = runningIn(
      tableOf(row(keyOf({ count: 1, credential: BOB, uri: `/|x\\ use\\=1\\n0x1:\\ key\\=1|${ALICE}|/` }))),
    );
    expect(more).toEqual([]);
    expect(one?.question).toMatchObject({
      credential: BOB,
      host: 'app.example.com',
      url: `/|x use=1\n0x1: key=1|${ALICE}|/`,
    });
  });

  test('an address that was cut off is no address', () => {
    const key = keyOf({ count: 1, credential: BOB, uri: `/${'x'.repeat(RUNNING_LENGTH)}` }).slice(
      0,
      RUNNING_LENGTH - 1,
    );
    expect(runningIn(tableOf(row(key)))[0]?.question.url).toBe('');
  });
});

describe('ending it', () => {
  const never = async () => false;

  test('ends the streams of a session only, also where others share their connection', async () => {
    const it = worker([stream(1, ALICE), stream(2, BOB), stream(3, ALICE), stream(4, ALICE, '192.0.2.7:4001')]);
    const running = new RunningRequests({ workers: { all: [it] }, table: 'iap.running', isOver: never });
    await running.endSessions(new Set([ALICE]));
    expect([...it.live.values()].map(({ count }) => count)).toEqual([2]);
    expect(running.count).toBe(1);
  });

  test('asks with the token that a request came with', async () => {
    const it = worker([stream(1, ALICE)]);
    const seen: Question[] = [];
    const isOver = async (question: Question) => {
      seen.push(question);
      return false;
    };
    const running = new RunningRequests({ workers: { all: [it] }, table: 'iap.running', isOver });
    running.asked({
      ...(runningIn(tableOf(row(keyOf({ count: 1, credential: ALICE }))))[0]?.question as Question),
      kind: 'authorization',
      token: 'Bearer x',
    });
    await running.endRefused(() => true);
    expect(seen[0]).toMatchObject({ kind: 'authorization', token: 'Bearer x' });
  });

  test('one that begins to answer only after a change is judged then, and once', async () => {
    const it = worker([]);
    let asked = 0;
    const isOver = async ({ credential }: Question) => {
      asked += 1;
      return credential === ALICE;
    };
    const running = new RunningRequests({ workers: { all: [it] }, table: 'iap.running', isOver });
    await running.endRefused(() => true);
    for (const late of [stream(1, ALICE), stream(2, BOB)]) it.live.set(late.id, late);
    await running.look();
    await running.look();
    expect([...it.live.values()].map(({ count }) => count)).toEqual([2]);
    expect(asked).toBe(2);
  });

  test('a question that nobody can answer keeps no other from being ended, and is asked again', async () => {
    const it = worker([stream(1, BOB), stream(2, ALICE)]);
    let broken = true;
    const isOver = async ({ credential }: Question) => {
      if (broken && credential === BOB) throw new Error('the directory is down');
      return true;
    };
    const running = new RunningRequests({ workers: { all: [it] }, table: 'iap.running', isOver });
    await expect(running.endRefused(() => true)).rejects.toThrow('the directory is down');
    expect([...it.live.values()].map(({ count }) => count)).toEqual([1]);
    broken = false;
    await running.look();
    expect(it.live.size).toBe(0);
  });
});
