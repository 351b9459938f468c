import { expect, test } from 'vitest';
import { digestOfAll } from '#core/artifact.ts';
import type { HoldRequest, HostLink, HostStatus } from '#core/host.ts';
import { Problem } from '#core/problem.ts';
import { filterPolicy } from '#kinds/filter-policy/kind.ts';
import type { AnyKind } from '#kinds/index.ts';
import { networkObject } from '#kinds/network-object/kind.ts';
import { newSealingKeys } from '#lib/seal.ts';
import { Control } from './control.ts';
import { Operations } from './operations.ts';
import { openDatabase } from './store/database.ts';
import { sqliteStore } from './store/sqlite.ts';

const problem = (code: 'HOST_UNREACHABLE' | 'ENGINE_FAILED'): Problem =>
  new Problem(code, { at: 'test', message: 'as told', fix: 'none' });

/** A host in memory. `answer`: what becomes of the next hold. */
function imaginedHost() {
  let held: HoldRequest = { revision: 0, artifacts: [] };
  let former: HoldRequest | undefined;
  let reverted: HostStatus['reverted'];
  const host = {
    answer: 'done' as 'done' | 'failed' | 'lost before' | 'lost after',
    holds: 0,
    gone: false,
    get held(): HoldRequest {
      return held;
    },
    expire: (): void => {
      if (former === undefined) return;
      reverted = { revision: held.revision, reason: 'it was not confirmed in time' };
      held = former;
      former = undefined;
    },
    link: {
      status: async (): Promise<HostStatus> => {
        if (host.gone) throw problem('HOST_UNREACHABLE');
        const pending =
          former === undefined
            ? {}
            : { pending: { revision: held.revision, former: former.revision, deadline: 60_000 } };
        const { revision, artifacts } = held;
        const digest = digestOfAll(artifacts as never);
        const rest = { unsettled: [], mended: [], ...pending, ...(reverted === undefined ? {} : { reverted }) };
        return { deployment: 'test', revision, artifacts: artifacts.length, digest, busy: false, ...rest };
      },
      hold: async (request: HoldRequest) => {
        host.holds += 1;
        if (host.answer === 'lost before') throw problem('HOST_UNREACHABLE');
        if (host.answer === 'failed') throw problem('ENGINE_FAILED');
        if (request.confirmSeconds !== undefined) former = held;
        held = request;
        if (host.answer === 'lost after') throw problem('HOST_UNREACHABLE');
      },
      confirm: async (): Promise<void> => {
        former = undefined;
      },
      revert: async (): Promise<void> => host.expire(),
      observe: async () => [],
      renew: async () => [],
      reset: async () => {},
      steer: async () => {},
      ask: async () => undefined,
    } satisfies HostLink,
  };
  return host;
}

const site = (...networks: string[]): string =>
  `project: p\nnetworks:\n${networks.map((it) => `  ${it}: { mode: custom }\n`).join('')}`;

function setup() {
  const host = imaginedHost();
  const database = openDatabase(':memory:');
  const store = sqliteStore(database);
  let time = 0;
  const start = async (): Promise<Control> => {
    const now = (): Date => {
      time += 1000;
      return new Date(time);
    };
    const control = new Control({
      sealing: newSealingKeys().sealing,
      store,
      host: host.link,
      operations: new Operations({ now }),
      now,
      log: () => {},
      onSnapshot: () => {},
    });
    await control.start();
    return control;
  };
  return {
    host,
    store,
    database,
    start,
    pass: (milliseconds: number): void => {
      time += milliseconds;
    },
  };
}

const put = async (control: Control, text: string, more: { readonly confirmSeconds?: number } = {}) => {
  const { operation, done } = await control.apply(
    { type: 'site', files: [{ path: 'site.yaml', text }] },
    { author: 'me', ...more },
  );
  await done;
  return operation;
};
const names = (control: Control): string[] =>
  control.snapshot.resources.filter((it) => it.kind === 'network').map((it) => it.name);

test('an applied site is in force and outlives control; the same site again changes nothing', async () => {
  const { host, start } = setup();
  const control = await start();
  await put(control, site('a'));
  expect([names(control), control.head]).toEqual([['a'], 1]);
  await put(control, site('a'));
  expect([host.holds, control.head]).toEqual([1, 1]);
  expect(names(await start())).toEqual(['a']);
});

test('what the machine refuses is not in force, and the history says why', async () => {
  const { host, store, start } = setup();
  const control = await start();
  host.answer = 'failed';
  await put(control, site('a'));
  expect([names(control), control.head]).toEqual([[], 0]);
  expect(await store.revision(1)).toMatchObject({ state: 'failed', problem: { message: 'as told' } });
});

test.for([
  ['lost after', ['a'], 'applied'],
  ['lost before', [], 'failed'],
] as const)('an answer that is %s the machine acted is found out afterwards', async ([answer, expected, state]) => {
  const { host, store, start } = setup();
  const control = await start();
  host.answer = answer;
  await put(control, site('a'));
  expect((await store.revision(1))?.state).toBe('applying');
  await expect(put(control, site('b'))).rejects.toMatchObject({ code: 'CHANGE_IN_PROGRESS' });
  host.answer = 'done';
  await control.agree();
  expect((await store.revision(1))?.state).toBe(state);
  expect(names(control)).toEqual(expected);
  expect(names(await start())).toEqual(expected);
});

test('a change that the machine made is finished when it could not be written down at first', async () => {
  const { database, store, start } = setup();
  const control = await start();
  database.exec("CREATE TRIGGER full BEFORE INSERT ON versions BEGIN SELECT RAISE(ABORT, 'disk full'); END");
  await put(control, site('a'));
  await expect(control.agree()).rejects.toThrow('disk full');
  expect((await store.revision(1))?.state).toBe('applying');
  database.exec('DROP TRIGGER full');
  await control.agree();
  expect(names(control)).toEqual(['a']);
});

test('a pending change blocks others until it is confirmed', async () => {
  const { store, start } = setup();
  const control = await start();
  await put(control, site('a'), { confirmSeconds: 60 });
  expect((await store.revision(1))?.state).toBe('pending');
  await expect(put(control, site('b'))).rejects.toMatchObject({ code: 'CHANGE_IN_PROGRESS' });
  expect(await control.confirm()).toBe(1);
  await put(control, site('b'));
  expect(names(control)).toEqual(['b']);
});

test('what the machine took back while control was dead is taken back here, too', async () => {
  const { host, store, start } = setup();
  const control = await start();
  await put(control, site('a'));
  await put(control, site('b'), { confirmSeconds: 60 });
  host.expire();
  const next = await start();
  await next.agree();
  expect([names(next), next.head]).toEqual([['a'], 1]);
  expect(await store.revision(2)).toMatchObject({
    state: 'reverted',
    problem: { message: 'it was not confirmed in time' },
  });
});

test('a pending change can be taken back at once', async () => {
  const { start } = setup();
  const control = await start();
  await put(control, site('a'), { confirmSeconds: 60 });
  expect(await control.revertPending()).toBe(1);
  expect(names(control)).toEqual([]);
});

test('any revision that was in force can be brought back; one that failed cannot', async () => {
  const { host, start } = setup();
  const control = await start();
  await put(control, site('a'));
  await put(control, site('b'));
  const { done } = await control.apply({ type: 'rollback', revision: 1 }, { author: 'me' });
  await done;
  expect(names(control)).toEqual(['a']);
  host.answer = 'failed';
  await put(control, site('c'));
  await expect(control.apply({ type: 'rollback', revision: 4 }, { author: 'me' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('two changes at once: the second is refused, nothing is lost', async () => {
  const { start } = setup();
  const control = await start();
  const [first, second] = await Promise.allSettled([put(control, site('a')), put(control, site('b'))]);
  expect([first.status, second.status]).toEqual(['fulfilled', 'rejected']);
  expect(names(control)).toEqual(['a']);
});

test('a machine that holds something else is brought to what is in force', async () => {
  const { host, start } = setup();
  const control = await start();
  await put(control, site('a'));
  await host.link.hold({ revision: 0, artifacts: [] });
  await control.agree();
  expect(host.held.artifacts.map((it) => it.id)).toEqual(control.artifacts.map((it) => it.id));
  expect(control.trouble).toBeUndefined();
});

test('a machine that knows more than control does is left as it is', async () => {
  const { host, start } = setup();
  const control = await start();
  await host.link.hold({
    revision: 7,
    artifacts: [{ id: 'namespace/x', engine: 'namespace', owners: [], needs: [], input: {} }],
  });
  await control.agree();
  expect([host.holds, control.trouble]).toEqual([1, expect.stringContaining('revision 7')]);
});

test('a machine that refuses what is in force is asked again later, not all the time', async () => {
  const { host, start, pass } = setup();
  const control = await start();
  await put(control, site('a'));
  await host.link.hold({ revision: 0, artifacts: [] });
  host.answer = 'failed';
  for (let n = 0; n < 3; n++) await control.agree().catch(() => {});
  expect(control.trouble).toContain('as told');
  const before = host.holds;
  pass(3_600_000);
  host.answer = 'done';
  await control.agree();
  expect([host.holds, control.trouble]).toEqual([before + 1, undefined]);
});

test('an object gets another name everywhere at once, and what was chosen for it stays', async () => {
  const { start } = setup();
  const control = await start();
  await put(
    control,
    `project: p
networkObjects: { web: { host: 10.0.0.1 } }
filterPolicies:
  office: { rules: [{ name: first, action: pass, destination: [web] }, { name: second, action: block }] }
`,
  );
  const rename = async (kind: AnyKind, name: string, to: string): Promise<void> => {
    const { done } = await control.apply({ type: 'rename', project: 'p', kind, name, to }, { author: 'me' });
    await done;
  };
  await rename(networkObject, 'web', 'shop');
  await rename(filterPolicy, 'office', 'main');
  const policy = control.snapshot.get(filterPolicy, 'p', 'main');
  expect(policy.spec.rules[0]?.destination).toEqual(['shop']);
  expect(policy.assigned.numbers).toEqual({ first: 1, second: 2 });
  await expect(rename(networkObject, 'web', 'other')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(rename(networkObject, 'shop', 'any')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
});

test('many objects come in one revision or not at all; what is there is replaced, others are kept', async () => {
  const control = await setup().start();
  await put(control, 'project: p\nnetworkObjects:\n  web: { host: 10.0.0.1 }\n  db: { host: 10.0.0.2 }\n');
  const one = (name: string, value: unknown, line: number) => ({
    kind: networkObject as AnyKind,
    name,
    value,
    place: `objects.csv:${line}`,
  });
  const bring = (...resources: ReturnType<typeof one>[]) => ({ type: 'put-many', project: 'p', resources }) as const;
  const bad = bring(one('web', { host: '10.0.0.300' }, 1), one('all', { group: ['web', 'gone'] }, 2));
  const refused: unknown = await control.plan(bad).catch((error: unknown) => error);
  expect((refused as Problem).details.map((it) => it.at)).toEqual([
    'objects.csv:1 networkObjects/web host',
    'objects.csv:2 networkObjects/all group[1]',
  ]);
  const good = bring(one('web', { host: '10.0.0.9' }, 1), one('all', { group: ['web', 'db'] }, 2));
  expect((await control.plan(good)).resources.map((it) => `${it.action} ${it.name}`)).toEqual([
    'create all',
    'update web',
  ]);
  await (await control.apply(good, { author: 'me' })).done;
  expect(control.head).toBe(2);
  expect(control.snapshot.all(networkObject).map((it) => it.name)).toEqual(['all', 'db', 'web']);
  expect((await control.plan(good)).resources).toEqual([]);
});
