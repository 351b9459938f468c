import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitrate, fresh, isAble, type Memory, type Reason, type Report, type View } from './arbitration.ts';
import { type Fault, runPair } from './pair.fixture.ts';

const setting = { heartbeatMs: 50, interface: 'lan' };
const report = (changes: Partial<Report> = {}): Report => ({
  role: 'standby',
  priority: 100,
  yielding: false,
  able: true,
  wants: false,
  forced: 'automatic',
  maintenance: false,
  reach: { lan: 'good', ext: 'unknown' },
  lately: [],
  ...changes,
});
const view = (changes: Partial<View> = {}): View => ({
  now: 10_000,
  own: report(),
  switching: false,
  traffic: { at: 9_990, number: 100 },
  link: { at: 9_990, number: 100 },
  peer: report({ role: 'active' }),
  ...changes,
});
const decide = (changes: Partial<View>, memory: Memory = fresh): Reason | undefined =>
  arbitrate(memory, view(changes), setting).hold;

test('a standby that hears the active node only over the link is held back; one that hears nothing is not', () => {
  expect(decide({})).toBe(undefined);
  expect(decide({ traffic: { at: 9_800, number: 97 } })).toBe('the other node is active and well');
  expect(decide({ traffic: undefined })).toBe('the other node is active and well');
  const gone = { at: 9_700, number: 94 };
  expect(decide({ traffic: gone, link: gone })).toBe(undefined);
});

test('members that do not understand each other keep their roles: nobody is held back, nobody gives way, VRRP alone decides', () => {
  const nothing = { traffic: undefined, link: undefined, peer: undefined };
  for (const role of ['active', 'standby'] as const) {
    for (const reach of ['good', 'unknown'] as const) {
      const own = report({ role, reach: { lan: reach, ext: 'unknown' } });
      expect(arbitrate(fresh, view({ ...nothing, own }), setting)).toEqual({ hold: undefined });
    }
  }
});

test('a standby waits for what an active node that nothing answers will say, shortly, and only when it is answered itself', () => {
  const cut = (missing: number, quietMs: number | undefined, ownMs: number | undefined): Reason | undefined =>
    decide({
      traffic: { at: 9_990 - 50 * missing, number: 100 - missing },
      own: report({ quietMs: ownMs }),
      peer: report({ role: 'active', quietMs }),
    });
  expect([cut(3, 130, 20), cut(4, 180, 20), cut(5, 230, 20)]).toEqual([undefined, undefined, undefined]);
  const held = 'the other node is active and well';
  // It is answered; it has been silent for longer than it would need to notice; this node is cut off as well; it does not say.
  expect([cut(3, 40, 20), cut(6, 280, 20), cut(3, 130, 180), cut(3, undefined, 20)]).toEqual([held, held, held, held]);
});

test('power loss looks the same on both ways, however far apart the last heartbeats were heard', () => {
  for (const now of [10_000, 10_100, 10_200, 10_300]) {
    expect(decide({ now, traffic: { at: 9_990, number: 100 }, link: { at: 10_000, number: 101 } })).toBe(undefined);
  }
});

test('a standby does not wait for an active node that is giving its role away, or says that it is not well', () => {
  const traffic = undefined;
  expect(decide({ traffic, peer: report({ role: 'active', yielding: true }) })).toBe(undefined);
  expect(decide({ traffic, peer: report({ role: 'fault' }) })).toBe(undefined);
});

test('an active node whose network is silent gives way to one whose network is not, and to no other', () => {
  const own = report({ role: 'active', reach: { lan: 'bad', ext: 'good' } });
  expect(decide({ own, peer: report() })).toBe('nothing answers on an interface');
  expect(decide({ own, peer: report({ reach: { lan: 'bad', ext: 'unknown' } }) })).toBe(undefined);
  expect(decide({ own, peer: report({ able: false }) })).toBe(undefined);
});

test('a dead router does not make the role go to and fro', () => {
  const own = report({ role: 'active', reach: { lan: 'good', ext: 'bad' } });
  expect(decide({ own, peer: report() })).toBe('nothing answers on an interface');
  expect(decide({ own, peer: report({ lately: ['ext'] }) })).toBe(undefined);
});

test('the role comes back when nobody has taken it, and is not given away again at once', () => {
  const own = report({ role: 'active', reach: { lan: 'bad', ext: 'good' } });
  const given = arbitrate(fresh, view({ own, peer: report() }), setting);
  const late = view({
    now: 13_000,
    own: report({ role: 'fault' }),
    peer: report(),
    traffic: { at: 12_990, number: 160 },
    link: { at: 12_990, number: 160 },
  });
  const back = arbitrate(given, late, setting);
  expect(back.hold).toBe(undefined);
  expect(arbitrate(back, { ...late, own, now: 13_010 }, setting).hold).toBe(undefined);
});

test('nobody is active in maintenance, and nobody who is cut off from everything', () => {
  expect(decide({ own: report({ role: 'active', maintenance: true }) })).toBe('in maintenance');
  const alone = { traffic: undefined, link: undefined, peer: undefined };
  expect(decide({ ...alone, own: report({ role: 'active', reach: { lan: 'bad' } }) })).toBe('cut off from everything');
  expect(decide({ ...alone, own: report({ role: 'active', reach: { lan: 'good' } }) })).toBe(undefined);
  expect(decide({ ...alone, own: report({ role: 'active', reach: { lan: 'unknown' } }) })).toBe(undefined);
});

test('a node that is held back because the other is well says that it could take over; others do not', () => {
  const is = (role: Report['role'], hold: Reason | undefined, maintenance = false): boolean =>
    isAble({ role, maintenance, forced: 'automatic' }, hold);
  expect(is('standby', undefined)).toBe(true);
  expect(is('fault', 'the other node is active and well')).toBe(true);
  expect(is('fault', undefined)).toBe(false);
  expect(is('stopped', undefined)).toBe(false);
  expect(is('standby', undefined, true)).toBe(false);
});

/** What is broken, from when to when, of a pair that is watched for twenty seconds. */
const faults: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constantFrom('lan', 'link', 'power', 'service', 'keepalived', 'deaf', 'switch') as fc.Arbitrary<
    Fault['kind']
  >,
  node: fc.constantFrom(0, 1),
  from: fc.integer({ min: 2000, max: 12_000 }),
  lasts: fc.integer({ min: 50, max: 8000 }),
});

test('whatever is lost, delayed, cut or killed: two are never active for longer than the window, and one is at the end', () => {
  fc.assert(
    fc.property(
      fc.array(faults, { maxLength: 4 }),
      fc.integer({ min: 0, max: 2 ** 30 }),
      fc.double({ min: 0, max: 0.2, noNaN: true }),
      (broken, seed, loss) => {
        const seen = runPair({ broken, seed, loss, delayMs: 60 });
        // A service that is dead cannot make its node give way; that is a second fault besides the one that parted them.
        const dead = broken.reduce((sum, it) => sum + (it.kind === 'service' ? it.lasts : 0), 0);
        expect(seen.longestDouble, JSON.stringify(seen.story)).toBeLessThanOrEqual(1500 + dead);
        expect(seen.atEnd, JSON.stringify(seen.story)).toBe(1);
      },
    ),
    { numRuns: 150 },
  );
});
