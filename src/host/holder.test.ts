import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { digestOfAll } from '#core/artifact.ts';
import type { HoldEvent } from '#core/host.ts';
import { canonical } from '#lib/hash.ts';
import { type Fault, imaginedWorld, isTrue, type World } from './world.fixture.ts';

interface Thing {
  readonly id: string;
  readonly engine: string;
  readonly owners: string[];
  readonly needs: string[];
  readonly input: { readonly text: string; readonly place: string };
}

const thing = (id: string, text: string, more: Partial<Thing> & { readonly place?: string } = {}): Thing => {
  const { place = '', ...rest } = more;
  return { id, engine: 'plain', owners: [], needs: [], ...rest, input: { text, place } };
};

const mute = (): void => {};
const stateOf = (list: readonly Thing[]): string => canonical(list.map((it) => [it.id, canonical(it.input)]).sort());
const really = (world: World): string => canonical([...world.things].sort());

async function holding(list: readonly Thing[], revision = 1) {
  const world = imaginedWorld();
  const agent = world.agent();
  await agent.start();
  await agent.hold({ revision, artifacts: [...list] }, mute);
  world.log.length = 0;
  world.operations = 0;
  return { world, agent };
}

/** Sets of things that need each other: each may need those before it. */
const things: fc.Arbitrary<Thing[]> = fc
  .uniqueArray(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
      engine: fc.constantFrom('plain', 'liar', 'disk', 'port'),
      text: fc.constantFrom('1', '2', '3'),
      place: fc.constantFrom('x', 'y'),
      needs: fc.array(fc.nat(6), { maxLength: 3 }),
    }),
    { selector: (it) => it.id, maxLength: 7 },
  )
  .map((list) =>
    list.map(({ needs, id, ...it }, index) => ({
      // The engine belongs to the name, as in life.
      id: `${it.engine}/${id}`,
      engine: it.engine,
      owners: [],
      needs: [...new Set(needs.filter((n) => n < index).map((n) => `${list[n]?.engine}/${list[n]?.id}`))],
      input: { text: it.text, place: it.place },
    })),
  );

const faults: fc.Arbitrary<Fault> = fc.record({
  at: fc.integer({ min: 1, max: 40 }),
  how: fc.constantFrom('die before', 'die after', 'fail', 'half'),
});

test('whatever fails or dies, after a restart the machine holds wholly the old or wholly the new, and knows which', async () => {
  await fc.assert(
    fc.asyncProperty(things, things, faults, fc.option(faults), async (old, wanted, first, second) => {
      const { world, agent } = await holding(old);
      world.fault = first;
      const done = await agent.hold({ revision: 2, artifacts: wanted }, mute).then(
        () => true,
        () => false,
      );
      if (second !== null) world.fault = { ...second, at: second.at + world.operations };
      await world.agent().start().catch(mute);
      world.fault = undefined;
      const last = world.agent();
      await last.start();
      expect(isTrue(world, last)).toBe(true);
      expect([stateOf(old), stateOf(wanted)]).toContain(really(world));
      // A change that was reported as done stays done.
      if (done) expect(really(world)).toBe(stateOf(wanted));
      expect(last.status()).toMatchObject({ busy: false, unsettled: [], digest: digestOfAll(last.artifacts) });
    }),
    { numRuns: 1500 },
  );
});

test('a change that failed without a death leaves the old, without a restart', async () => {
  await fc.assert(
    fc.asyncProperty(things, things, fc.integer({ min: 1, max: 30 }), fc.boolean(), async (old, wanted, at, half) => {
      const { world, agent } = await holding(old);
      world.fault = { at, how: half ? 'half' : 'fail' };
      const done = await agent.hold({ revision: 2, artifacts: wanted }, mute).then(
        () => true,
        () => false,
      );
      await agent.repair();
      expect(isTrue(world, agent)).toBe(true);
      expect(really(world)).toBe(stateOf(done ? wanted : old));
    }),
    { numRuns: 500 },
  );
});

test('no disk is deleted as long as its owner may come back, and none is left for good', async () => {
  await fc.assert(
    fc.asyncProperty(things, things, faults, async (old, wanted, fault) => {
      const { world, agent } = await holding(old);
      const before = new Set(world.disks);
      world.fault = fault;
      await agent.hold({ revision: 2, artifacts: wanted }, mute).catch(mute);
      world.fault = undefined;
      const next = world.agent();
      await next.start();
      await next.repair();
      const kept = next.artifacts.filter((it) => it.engine === 'disk').map((it) => it.id);
      expect([...world.disks].sort()).toEqual(kept.sort());
      expect(
        world.log
          .filter((it) => it.startsWith('discard'))
          .filter((it) => kept.includes(it.slice(8)) && before.has(it.slice(8))),
      ).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('at no moment of a change, nor of its undoing, can a host be reached that neither the old nor the new allows', async () => {
  const site = fc.record({
    hosts: fc.dictionary(fc.constantFrom('h1', 'h2', 'h3'), fc.constantFrom('a1', 'a2', 'a3')),
    rules: fc.dictionary(fc.constantFrom('a1', 'a2', 'a3'), fc.subarray(['22', '80'])),
  });
  const artifactsOf = ({
    hosts,
    rules,
  }: {
    hosts: Record<string, string>;
    rules: Record<string, string[]>;
  }): Thing[] => [
    thing('firewall', JSON.stringify(rules)),
    ...Object.entries(hosts).map(([host, place]) =>
      thing(`port/${host}`, host, { engine: 'port', needs: ['firewall'], place }),
    ),
  ];
  const reachable = (things: ReadonlyMap<string, string>): Set<string> => {
    const { text } = JSON.parse(things.get('firewall') ?? '{"text":"{}"}') as { text: string };
    const rules = JSON.parse(text) as Record<string, string[]>;
    const ports = [...things]
      .filter(([id]) => id.startsWith('port/'))
      .map(([, it]) => JSON.parse(it) as { text: string; place: string });
    return new Set(ports.flatMap((it) => (rules[it.place] ?? []).map((port) => `${it.text}:${port}`)));
  };
  await fc.assert(
    fc.asyncProperty(site, site, fc.option(faults), async (before, after, fault) => {
      const [old, wanted] = [artifactsOf(before), artifactsOf(after)];
      const { world, agent } = await holding(old);
      const allowed = (list: readonly Thing[]) => reachable(new Map(list.map((it) => [it.id, canonical(it.input)])));
      const either = new Set([...allowed(old), ...allowed(wanted)]);
      const wider: string[] = [];
      world.watch = () => {
        wider.push(...[...reachable(world.things)].filter((it) => !either.has(it)));
      };
      world.fault = fault?.how === 'half' ? undefined : (fault ?? undefined);
      await agent.hold({ revision: 2, artifacts: wanted }, mute).catch(mute);
      world.fault = undefined;
      await world.agent().start();
      expect(wider).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test('steps are undone in reverse', async () => {
  const { world, agent } = await holding([thing('old', '1'), thing('both', '1')]);
  const wanted = [thing('both', '2'), thing('new', '1', { needs: ['both'] }), thing('newer', '1', { needs: ['new'] })];
  world.stubborn.add('newer');
  const events: HoldEvent[] = [];
  await expect(agent.hold({ revision: 2, artifacts: wanted }, (it) => events.push(it))).rejects.toThrow('stubborn');
  const engineWork = world.log.filter((it) => /^(apply|remove)/.test(it));
  expect(engineWork).toEqual([
    'remove old',
    'apply both 2',
    'apply new 1',
    'remove new',
    'apply both 1',
    'apply old 1',
  ]);
  expect(events.at(-1)).toMatchObject({ event: 'failed', restored: false });
  // What could not even be removed is tried again until it can be.
  expect(agent.status().unsettled).toEqual(['newer']);
  world.stubborn.clear();
  await agent.repair();
  expect(agent.status().unsettled).toEqual([]);
});

test('before the agent has read back what it holds it is busy and takes no change', async () => {
  const { world } = await holding([thing('a', '1')]);
  const next = world.agent();
  expect(next.status().busy).toBe(true);
  await expect(next.hold({ revision: 9, artifacts: [] }, mute)).rejects.toMatchObject({ code: 'CHANGE_IN_PROGRESS' });
  await next.start();
  expect(next.status()).toMatchObject({ busy: false, revision: 1, artifacts: 1 });
});

test('what is applied once more on demand is told apart: what was as it should be, and what was not', async () => {
  const list = [thing('a', '1'), thing('b', '1', { needs: ['a'] }), thing('c', '1')];
  const { world, agent } = await holding(list);
  world.things.delete('b');
  const renewals = await agent.renew(['b', 'a']);
  expect(renewals.map((it) => [it.artifact, it.reason === undefined])).toEqual([
    ['a', true],
    ['b', false],
  ]);
  expect(world.log.filter((it) => it.startsWith('apply'))).toEqual(['apply a 1', 'apply b 1']);
  expect(isTrue(world, agent)).toBe(true);
  await expect(agent.renew(['d'])).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect((await agent.renew(['b'])).map((it) => it.reason)).toEqual([undefined]);
});

test('everything that a reboot took comes back, in order of need', async () => {
  const list = [thing('a', '1'), thing('b', '1', { needs: ['a'] }), thing('c', '1', { needs: ['b'], engine: 'disk' })];
  const { world } = await holding(list);
  world.things.clear();
  const next = world.agent();
  await next.start();
  expect(world.log.filter((it) => it.startsWith('apply'))).toEqual(['apply a 1', 'apply b 1', 'apply c 1']);
  expect(isTrue(world, next)).toBe(true);
  expect(
    next
      .status()
      .mended.map((it) => it.artifact)
      .sort(),
  ).toEqual(['a', 'b', 'c']);
});

test('what is soon over is made anew by the agent alone, and nothing else is touched', async () => {
  const { world, agent } = await holding([thing('a', '1'), thing('b', '1')]);
  world.due.add('b');
  // It steps aside for what still goes on after the change.
  for (let turns = 0; turns < 100; turns++) await agent.repair();
  expect(world.log.filter((it) => it.startsWith('apply'))).toEqual(['apply b 1']);
  expect(agent.status()).toMatchObject({ revision: 1, mended: [{ artifact: 'b', reason: 'it is soon over' }] });
});

test('a change comes before mending: mending steps aside', async () => {
  const { world, agent } = await holding([thing('a', '1'), thing('b', '1')]);
  world.things.clear();
  const mending = agent.repair();
  await agent.hold({ revision: 2, artifacts: [thing('c', '1')] }, mute);
  await mending;
  expect(really(world)).toBe(stateOf([thing('c', '1')]));
});

test('two changes at once: the second is refused', async () => {
  const { agent } = await holding([]);
  const first = agent.hold({ revision: 2, artifacts: [thing('a', '1')] }, mute);
  await expect(agent.hold({ revision: 3, artifacts: [] }, mute)).rejects.toMatchObject({ code: 'CHANGE_IN_PROGRESS' });
  await first;
  expect(agent.status().revision).toBe(2);
});

test('artifacts of an engine that this machine does not know change nothing', async () => {
  const { world, agent } = await holding([thing('a', '1')]);
  const unknown = { ...thing('b', '1'), engine: 'magic' };
  await expect(agent.hold({ revision: 2, artifacts: [unknown] }, mute)).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
  });
  expect(world.log).toEqual([]);
});

test('a full disk: a change is refused or undone, and what is held is still known', async () => {
  const { world, agent } = await holding([thing('a', '1')]);
  world.stubborn.add('journal');
  await expect(agent.hold({ revision: 2, artifacts: [thing('b', '1')] }, mute)).rejects.toThrow('stubborn');
  expect(really(world)).toBe(stateOf([thing('a', '1')]));
  world.stubborn.clear();
  const next = world.agent();
  await next.start();
  expect(next.status().revision).toBe(1);
});

test.for([1, 2, 3, 4, 5, 6, 7, 8])('a disk that is full from operation %i on leaves the old in force', async (from) => {
  const { world, agent } = await holding([thing('a', '1')]);
  world.watch = () => {
    if (world.operations >= from) world.stubborn.add('journal');
  };
  const done = await agent.hold({ revision: 2, artifacts: [thing('b', '1')] }, mute).then(
    () => true,
    () => false,
  );
  expect(really(world)).toBe(stateOf([done ? thing('b', '1') : thing('a', '1')]));
  world.stubborn.clear();
  world.watch = mute;
  const next = world.agent();
  await next.start();
  expect(isTrue(world, next)).toBe(true);
  expect(next.status().revision).toBe(done ? 2 : 1);
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('what is not confirmed is taken back by the agent alone, in its time', async () => {
  const { world, agent } = await holding([thing('a', '1')]);
  await agent.hold({ revision: 2, artifacts: [thing('b', '1')], confirmSeconds: 60 }, mute);
  expect(agent.status().pending).toEqual({ revision: 2, former: 1, deadline: world.time + 60_000 });
  await expect(agent.hold({ revision: 3, artifacts: [] }, mute)).rejects.toMatchObject({ code: 'CHANGE_IN_PROGRESS' });
  world.time += 59_999;
  await vi.advanceTimersByTimeAsync(59_999);
  expect(agent.status().revision).toBe(2);
  world.time += 1;
  await vi.advanceTimersByTimeAsync(1);
  expect(agent.status()).toMatchObject({
    revision: 1,
    reverted: { revision: 2, reason: 'it was not confirmed in time' },
  });
  expect(really(world)).toBe(stateOf([thing('a', '1')]));
});

test('a clock that is set back does not keep an unconfirmed change in force', async () => {
  const { world, agent } = await holding([thing('a', '1')]);
  await agent.hold({ revision: 2, artifacts: [], confirmSeconds: 60 }, mute);
  world.time -= 86_400_000;
  agent.stop();
  const next = world.agent();
  await next.start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(next.status().revision).toBe(1);
});

test('an agent that was dead at the deadline takes the change back as soon as it lives', async () => {
  const { world, agent } = await holding([thing('a', '1')]);
  await agent.hold({ revision: 2, artifacts: [thing('b', '1')], confirmSeconds: 60 }, mute);
  agent.stop();
  world.time += 3_600_000;
  const next = world.agent();
  await next.start();
  expect(next.status().revision).toBe(1);
  expect(really(world)).toBe(stateOf([thing('a', '1')]));
});

test('what is confirmed stays, and only then are the disks of what it deleted gone', async () => {
  const { world, agent } = await holding([thing('d', '1', { engine: 'disk' })]);
  await agent.hold({ revision: 2, artifacts: [], confirmSeconds: 60 }, mute);
  expect([...world.disks]).toEqual(['d']);
  await agent.confirm(2);
  expect([...world.disks]).toEqual([]);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(agent.status().revision).toBe(2);
  await expect(agent.confirm(2)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('taking back goes to its end, whatever fails or dies on the way', async () => {
  await fc.assert(
    fc.asyncProperty(things, things, faults, fc.option(faults), async (old, wanted, first, second) => {
      const { world, agent } = await holding(old);
      await agent.hold({ revision: 2, artifacts: wanted, confirmSeconds: 60 }, mute);
      world.fault = { ...first, at: first.at + world.operations };
      await agent.revert(2).catch(mute);
      agent.stop();
      if (second !== null) world.fault = { ...second, at: second.at + world.operations };
      const middle = world.agent();
      await middle.start().catch(mute);
      middle.stop();
      world.fault = undefined;
      world.time += 60_000;
      const last = world.agent();
      await last.start();
      expect(last.status()).toMatchObject({ revision: 1, unsettled: [] });
      expect(isTrue(world, last)).toBe(true);
      expect(really(world)).toBe(stateOf(old));
    }),
    { numRuns: 500 },
  );
});
