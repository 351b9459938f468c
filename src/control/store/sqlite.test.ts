import type { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import type { ProblemDocument } from '#core/problem.ts';
import type { Resource } from '#core/resource.ts';
import { canonical } from '#lib/hash.ts';
import { openDatabase } from './database.ts';
import { sqliteStore } from './sqlite.ts';
import type { ResourceStore } from './store.ts';

let database: DatabaseSync;
let store: ResourceStore;
beforeEach(() => {
  database = openDatabase(':memory:');
  store = sqliteStore(database);
});

const why: ProblemDocument = { code: 'ENGINE_FAILED', at: 'x', message: 'it broke', fix: 'mend it' };
const resource = (name: string, spec: unknown): Resource => ({
  project: 'p',
  kind: 'network',
  name,
  spec,
  assigned: undefined,
});

let clock = 0;
const begin = (put: readonly Resource[], gone: readonly string[] = []) => {
  clock += 1000;
  return store.begin({
    author: 'somebody',
    message: 'why',
    time: new Date(clock).toISOString(),
    changes: [],
    put,
    gone: gone.map((name) => ({ project: 'p', kind: 'network', name })),
    digest: 'd',
  });
};
const contents = async (revision?: number) =>
  (await store.resources(revision)).map((it) => [it.resource.name, it.resource.spec, it.revision]);

test('a revision is in force when it is committed, not when it is begun', async () => {
  const one = await begin([resource('a', { x: 1 })]);
  expect([await store.head(), await contents()]).toEqual([0, []]);
  expect(await store.begun(one)).toBe('d');
  await store.commit(one);
  expect([await store.head(), await contents()]).toEqual([1, [['a', { x: 1 }, 1]]]);
  expect(await store.begun(one)).toBeUndefined();
  await expect(store.commit(one)).rejects.toThrow('is over');
});

test('what was begun outlives the process, and can be finished by the next', async () => {
  const one = await begin([resource('a', {})]);
  await sqliteStore(database).commit(one);
  expect(await contents()).toEqual([['a', {}, 1]]);
});

test('a resource keeps its creation time when it changes, and gets a new one when it is made anew', async () => {
  await store.commit(await begin([resource('a', { x: 1 })]));
  await store.commit(await begin([resource('a', { x: 2 })]));
  const [changed] = await store.resources();
  expect(changed?.createTime).not.toBe(changed?.updateTime);
  await store.commit(await begin([], ['a']));
  await store.commit(await begin([resource('a', { x: 3 })]));
  const [anew] = await store.resources();
  expect(anew?.createTime).toBe(anew?.updateTime);
});

test('history tells newest first who, why and what became of it', async () => {
  await store.commit(await begin([]));
  await store.fail(await begin([]), why);
  const three = await begin([]);
  await store.commit(three, '2030-01-01T00:00:00.000Z');
  expect(await store.history(10)).toMatchObject([
    { number: 3, state: 'pending', confirmBefore: '2030-01-01T00:00:00.000Z', author: 'somebody', message: 'why' },
    { number: 2, state: 'failed', problem: why },
    { number: 1, state: 'applied' },
  ]);
  await store.confirm(three);
  expect((await store.revision(3))?.confirmBefore).toBeUndefined();
  expect((await store.history(1, 3)).map((it) => it.number)).toEqual([2]);
});

test('any revision can be read back as it was; taking the newest back leaves no trace in the resources', async () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.record({
    put: fc.dictionary(names, fc.nat(3)),
    gone: fc.uniqueArray(names),
    end: fc.constantFrom('commit', 'confirm', 'revert', 'fail'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      store = sqliteStore(openDatabase(':memory:'));
      let now = new Map<string, unknown>();
      const at = new Map<number, string>();
      const text = (map: ReadonlyMap<string, unknown>): string => canonical([...map].sort());
      for (const { put, gone, end } of steps) {
        const names = gone.filter((it) => !(it in put));
        const number = await begin(
          Object.entries(put).map(([name, x]) => resource(name, { x })),
          names,
        );
        const next = new Map([...now, ...Object.entries(put).map(([name, x]) => [name, { x }] as const)]);
        for (const it of names) next.delete(it);
        if (end === 'fail') await store.fail(number, why);
        else await store.commit(number, end === 'commit' ? undefined : '2030-01-01T00:00:00.000Z');
        if (end === 'confirm') await store.confirm(number);
        if (end === 'revert') await store.revert(number, why);
        if (end === 'commit' || end === 'confirm') now = next;
        at.set(number, text(now));
      }
      const asText = async (revision?: number) =>
        text(new Map((await store.resources(revision)).map((it) => [it.resource.name, it.resource.spec])));
      expect(await asText()).toBe(text(now));
      for (const [number, expected] of at) expect(await asText(number)).toBe(expected);
    }),
    { numRuns: 200 },
  );
});
