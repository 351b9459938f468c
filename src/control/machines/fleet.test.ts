import { expect, test } from 'vitest';
import { type Artifact, digestOfAll } from '#core/artifact.ts';
import { type HoldRequest, type HostLink, type HostStatus, LOCAL } from '#core/host.ts';
import { Problem } from '#core/problem.ts';
import { Fleet, type Remote } from './fleet.ts';
import type { Placed } from './placed.ts';

const artifact = (id: string): Artifact => ({ id, engine: 'plain', owners: [], needs: [], input: {} });

const problem = (code: 'HOST_UNREACHABLE' | 'ENGINE_FAILED'): Problem =>
  new Problem(code, { at: 'x', message: 'as told', fix: 'none' });

interface Imagined {
  fails: Problem | undefined;
  readonly asked: string[];
  readonly revision: number;
  readonly waits: boolean;
  readonly link: HostLink;
}

function imagined(): Imagined {
  let held: HoldRequest = { revision: 0, artifacts: [] };
  let former: HoldRequest | undefined;
  const it: Imagined = {
    fails: undefined,
    asked: [],
    get revision(): number {
      return held.revision;
    },
    get waits(): boolean {
      return former !== undefined;
    },
    link: {
      status: async (): Promise<HostStatus> => ({
        ...{ deployment: 'x', revision: held.revision, artifacts: held.artifacts.length, busy: false },
        ...{ digest: digestOfAll(held.artifacts), unsettled: [], mended: [] },
        ...(former === undefined ? {} : { pending: { revision: held.revision, former: former.revision, deadline: 0 } }),
      }),
      hold: async (request: HoldRequest) => {
        if (it.fails !== undefined) throw it.fails;
        if (request.confirmSeconds !== undefined) former = held;
        held = request;
      },
      confirm: async () => {
        former = undefined;
      },
      revert: async () => {
        held = former ?? held;
        former = undefined;
      },
      observe: async () => {
        if (it.fails !== undefined) throw it.fails;
        return held.artifacts.map(({ id }) => ({ artifact: id, state: 'ready' as const, values: {} }));
      },
      renew: async (ids) => ids.map((id) => ({ artifact: id })),
      reset: async () => {},
      steer: async () => {},
      ask: async ({ artifact: id }) => it.asked.push(id),
    },
  };
  return it;
}

const placed: Placed = new Map([
  [LOCAL, [artifact('bridge.lan'), artifact('gateway.one')]],
  ['b', [artifact('bridge.lan'), artifact('gateway.two')]],
]);

function setup(trouble?: string) {
  const [here, b] = [imagined(), imagined()];
  const remote: Remote = { name: 'b', link: b.link, ...(trouble === undefined ? {} : { trouble }) };
  let time = 0;
  const fleet = new Fleet({
    ...{ local: here.link, placed: () => placed, log: () => {} },
    remotes: () => [remote],
    now: () => {
      time += 1_000_000;
      return time;
    },
  });
  const hold = (revision: number, confirmSeconds?: number): Promise<void> =>
    fleet.hold({ revision, machines: placed, ...(confirmSeconds === undefined ? {} : { confirmSeconds }) }, () => {});
  const meant = (revision: number) => ({ revision, newest: revision, waits: false, machines: placed });
  return { here, b, fleet, hold, meant };
}

test('a change is held by all machines, and confirmed where it was held with a deadline', async () => {
  const { here, b, hold } = setup();
  await hold(1);
  expect([here.revision, b.revision, b.waits]).toEqual([1, 1, false]);
});

test('what this machine refuses, the others give back', async () => {
  const { here, b, hold } = setup();
  await hold(1);
  here.fails = problem('ENGINE_FAILED');
  await expect(hold(2)).rejects.toThrow('as told');
  expect([here.revision, b.revision, b.waits]).toEqual([1, 1, false]);
});

test('what another machine refuses, this one is not even asked for, and the machine is named', async () => {
  const { here, b, hold } = setup();
  b.fails = problem('ENGINE_FAILED');
  await expect(hold(1)).rejects.toMatchObject({ at: 'machines/b: x' });
  expect(here.revision).toBe(0);
});

test('a machine that is away holds up no change, and is brought to what is in force when it is back', async () => {
  const { here, b, fleet, hold, meant } = setup();
  b.fails = problem('HOST_UNREACHABLE');
  await hold(1);
  expect([here.revision, b.revision]).toEqual([1, 0]);
  b.fails = undefined;
  await fleet.settle(meant(1));
  expect([b.revision, b.waits]).toEqual([1, false]);
  expect(fleet.courseOf('b')).toEqual({ revision: 1 });
});

test('a change that waits here waits there, until it is confirmed or taken back', async () => {
  const { here, b, fleet, hold, meant } = setup();
  await hold(1, 60);
  await fleet.settle({ ...meant(1), waits: true });
  expect([here.waits, b.waits]).toEqual([true, true]);
  await fleet.confirm(1);
  await hold(2, 60);
  await fleet.revert(2);
  expect([here.revision, b.revision, b.waits]).toEqual([1, 1, false]);
});

test('what became of a change in the middle of which control died is decided by what is in force', async () => {
  const { b, fleet, meant } = setup();
  await b.link.hold({ revision: 1, artifacts: [], confirmSeconds: 60 }, () => {});
  await fleet.settle(meant(0));
  expect([b.revision, b.waits]).toEqual([0, false]);
  await b.link.hold({ revision: 1, artifacts: [], confirmSeconds: 60 }, () => {});
  await fleet.settle(meant(1));
  expect([b.revision, b.waits]).toEqual([1, false]);
});

test('a machine that holds what is newer than anything known here is left as it is, in words', async () => {
  const { b, fleet, meant } = setup();
  await b.link.hold({ revision: 9, artifacts: [] }, () => {});
  await fleet.settle(meant(1));
  expect(b.revision).toBe(9);
  expect(fleet.courseOf('b').trouble).toContain('revision 9, of which nothing is known here');
});

test('a machine that speaks another version of the contract is asked for nothing', async () => {
  const { here, b, fleet, hold, meant } = setup('it speaks version 2 of the contract');
  await hold(1);
  await fleet.settle(meant(1));
  expect([here.revision, b.revision]).toEqual([1, 0]);
});

test('of a machine that does not answer, each thing that stands there only says so; all else is told as ever', async () => {
  const { b, fleet, hold } = setup();
  await hold(1);
  b.fails = problem('HOST_UNREACHABLE');
  const seen = await fleet.observe();
  expect(seen.map((it) => [it.artifact, it.state, it.machine])).toEqual([
    ['bridge.lan', 'ready', undefined],
    ['gateway.one', 'ready', undefined],
    ['gateway.two', 'unheard', 'b'],
  ]);
  expect(seen[2]?.detail).toContain('machine b: ');
});

test('a question goes to the machine where the artifact stands; what stands on several is asked here', async () => {
  const { here, b, fleet } = setup();
  for (const id of ['gateway.one', 'gateway.two', 'bridge.lan']) await fleet.ask({ artifact: id, question: 'x' });
  expect([here.asked, b.asked]).toEqual([['gateway.one', 'bridge.lan'], ['gateway.two']]);
});
