import { expect, test } from 'vitest';
import type { SessionGrants } from '#engines/filter/granting.ts';
import type { Told } from './edge.ts';
import { neighboursIn } from './neighbours.ts';
import { Portal, type Session } from './portal.ts';

const grants = [{ set: 'staff', networks: ['0.0.0.0/0'] }];
const alice: Told = { address: '10.200.0.70', email: 'alice@example.com', since: 1, until: 1000, grants };

function service(sessions: readonly Session[] = []) {
  const world = {
    told: [alice] as readonly Told[] | undefined,
    neighbours: new Map<string, string>(),
    now: 10,
    ended: [] as object[],
    kept: [] as readonly Session[],
    held: new Map() as ReadonlyMap<string, SessionGrants>,
  };
  const portal = new Portal({
    edge: {
      sessions: async () => world.told,
      end: async (it) => (world.told === undefined ? undefined : world.ended.push(it)),
    },
    rights: {
      replace: async (all) => {
        world.held = all;
      },
    },
    sessions,
    keep: (all) => {
      world.kept = all;
    },
    neighbours: async () => world.neighbours,
    now: () => world.now,
  });
  return { world, portal };
}

test('whoever the edge service says is signed in has rights at their address, until it says otherwise', async () => {
  const { world, portal } = service();
  await portal.refresh();
  expect([...world.held.values()]).toEqual([{ address: alice.address, person: alice.email, grants }]);
  world.told = [];
  await portal.refresh();
  expect(world.held.size).toBe(0);
});

test('while the edge service is away everybody stays as they were, also over a restart, until their time is over', async () => {
  const { world, portal } = service();
  await portal.refresh();
  const next = service(world.kept);
  next.world.told = undefined;
  await next.portal.refresh();
  expect(next.world.held.size).toBe(1);
  next.world.now = 1000;
  await next.portal.look();
  expect(next.world.held.size).toBe(0);
  // A directory that does not answer takes nothing from who is in.
  const { grants: _, ...unsure } = alice;
  world.told = [unsure];
  await portal.refresh();
  expect([...world.held.values()][0]?.grants).toEqual(grants);
  expect(portal.sessions).toHaveLength(1);
});

test('a device that comes to have the address of somebody else has none of their rights, and they are signed out', async () => {
  const { world, portal } = service();
  await portal.refresh();
  world.neighbours.set(alice.address, '52:54:00:00:00:01');
  await portal.look();
  expect(world.held.size).toBe(1);
  // Silent for a while, and there again.
  world.neighbours.clear();
  await portal.look();
  expect(world.held.size).toBe(1);
  world.neighbours.set(alice.address, '52:54:00:00:00:02');
  await portal.look();
  expect(world.held.size).toBe(0);
  expect(world.ended).toEqual([{ address: alice.address, since: 1, reason: 'another device has the address now' }]);
});

test('what has ended while the edge service was away does not come back with it, not for the other device either', async () => {
  const { world, portal } = service();
  await portal.refresh();
  world.neighbours.set(alice.address, '52:54:00:00:00:01');
  await portal.look();
  world.told = undefined;
  world.neighbours.set(alice.address, '52:54:00:00:00:02');
  await portal.look();
  expect([world.held.size, portal.sessions.length, world.ended.length]).toEqual([0, 0, 0]);
  // The service begins anew meanwhile, and the edge service still takes alice for signed in.
  const next = service(world.kept);
  next.world.neighbours = world.neighbours;
  next.world.told = undefined;
  await next.portal.refresh();
  next.world.told = [alice];
  await next.portal.refresh();
  expect(next.world.held.size).toBe(0);
  expect(next.world.ended).toHaveLength(1);
  // Whoever signs in there now is somebody else.
  next.world.told = [{ ...alice, since: 2 }];
  await next.portal.refresh();
  await next.portal.look();
  expect(next.world.held.size).toBe(1);
  expect(next.world.ended).toHaveLength(1);
});

test('neighbours are read from what ip says; what is no list of them says nothing', () => {
  const text = JSON.stringify([
    { dst: '10.0.0.5', dev: 'lan', lladdr: '52:54:00:00:00:05', state: ['REACHABLE'] },
    { dst: '10.0.0.6', dev: 'lan', state: ['FAILED'] },
  ]);
  expect([...neighboursIn(text)]).toEqual([['10.0.0.5', '52:54:00:00:00:05']]);
  expect(neighboursIn('').size).toBe(0);
});
