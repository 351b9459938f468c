import { expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { HostLink } from '#core/host.ts';
import { Observer, statuses } from './observations.ts';

const cluster = 'lab/gatewayCluster/pair';
const rule = 'lab/filterPolicy/office/web';
const of = (engine: string, member: string): Artifact => ({
  id: `${engine}/gw.lab.${member}`,
  engine,
  owners: [cluster],
  needs: [],
  input: {},
});
const seen = (artifact: string, it: Partial<Observation>): Observation => ({
  artifact,
  state: 'ready',
  values: {},
  ...it,
});

test('members of a cluster say what is theirs, and count together what rules met', () => {
  const statusOf = statuses([of('keepalived', 'one'), of('keepalived', 'two')], {
    at: 0,
    list: [
      seen('keepalived/gw.lab.one', { values: { [cluster]: { active: 1 } }, details: { [cluster]: 'active' } }),
      seen('keepalived/gw.lab.two', { values: { [cluster]: { active: 0 } }, details: { [cluster]: 'standby' } }),
      seen('filter/gw.lab.one', { values: { [rule]: { hits: 3 } } }),
      seen('filter/gw.lab.two', { values: { [rule]: { hits: 4, bytes: 5 } } }),
    ],
  });
  expect(statusOf(cluster)).toEqual({
    state: 'READY',
    detail: 'one: active; two: standby',
    values: { 'one.active': 1, 'two.active': 0 },
  });
  expect(statusOf(rule).values).toEqual({ hits: 7, bytes: 5 });
});

test('who asks for a fresh look is not told what was seen before they asked', async () => {
  const begun: ((list: readonly Observation[]) => void)[] = [];
  const host = { observe: () => new Promise<readonly Observation[]>((done) => begun.push(done)) };
  const observer = new Observer({ host: host as unknown as HostLink, now: () => 0 });
  const early = observer.latest();
  const fresh = observer.fresh();
  begun[0]?.([seen('a/1', {})]);
  expect((await early).list).toHaveLength(1);
  await expect.poll(() => begun.length).toBe(2);
  begun[1]?.([seen('a/1', {}), seen('a/2', {})]);
  expect((await fresh).list).toHaveLength(2);
  expect((await observer.latest()).list).toHaveLength(2);
});
