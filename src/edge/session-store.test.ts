import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { NewSession } from './session.ts';
import { sessionKeyOf, sessionStore } from './session-store.ts';

const alice: NewSession = {
  person: { subject: 's-1', email: 'alice@example.com', groups: [], displayName: 'Alice', provider: 'people' },
  host: 'app.example.com',
  authTime: 1000,
  methods: ['pwd'],
};

function store(database = new DatabaseSync(':memory:')) {
  let now = 1_000_000;
  const sessions = sessionStore({ database, now: () => now, lifetime: () => 600 });
  return {
    sessions,
    database,
    wait: (seconds: number) => {
      now += seconds * 1000;
    },
  };
}

test('a session is found by its cookie, and the store holds nothing that a cookie could be made of', () => {
  const { sessions, database } = store();
  const cookie = sessions.create(alice);
  expect(cookie).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(sessions.find(cookie)).toMatchObject({ ...alice, key: sessionKeyOf(cookie), expiresAt: 1600 });
  expect(JSON.stringify(database.prepare('SELECT * FROM sessions').all())).not.toContain(cookie);
  expect(sessions.find('x'.repeat(43))).toBeUndefined();
  expect(sessions.find("' OR 1=1 --")).toBeUndefined();
});

test('a session ends with its time, also when its maker wanted longer', () => {
  const { sessions, wait } = store();
  const short = sessions.create({ ...alice, seconds: 60 });
  const long = sessions.create({ ...alice, seconds: 1_000_000 });
  wait(60);
  expect(sessions.find(short)).toBeUndefined();
  expect(sessions.find(long)).toBeDefined();
  wait(540);
  expect(sessions.find(long)).toBeUndefined();
});

test('revoking tells who ended, touches nobody else, and an empty filter revokes nothing', () => {
  const { sessions } = store();
  const [one, other] = [sessions.create(alice), sessions.create({ ...alice, host: 'b.example.com', parent: 'p' })];
  const bob = sessions.create({ ...alice, person: { ...alice.person, subject: 's-2', email: 'bob@example.com' } });
  const ended: string[] = [];
  sessions.onRevoked((list) => ended.push(...list.map((it) => it.key)));
  expect(sessions.revoke({})).toBe(0);
  expect(sessions.revoke({ parent: 'p' })).toBe(1);
  expect(sessions.revoke({ email: 'alice@example.com' })).toBe(1);
  expect(ended).toEqual([sessionKeyOf(other), sessionKeyOf(one)]);
  expect(sessions.find(bob)).toBeDefined();
  expect(sessions.count()).toBe(1);
});

test('sessions outlive the process', () => {
  const { sessions, database } = store();
  const cookie = sessions.create(alice);
  expect(store(database).sessions.find(cookie)?.person.email).toBe('alice@example.com');
});
