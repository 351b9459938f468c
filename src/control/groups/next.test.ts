import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InstanceGroup } from '#kinds/instance-group/kind.ts';
import { replaced, settled, stays, surged } from '#kinds/instance-group/members.ts';
import { type InstanceGroupAssigned, InstanceGroupSpec } from '#kinds/instance-group/spec.ts';
import { InstanceTemplateSpec } from '#kinds/instance-template/spec.ts';
import { versionOf } from '#kinds/instance-template/version.ts';
import { type Begin, isAvailable, type Life, nextDeeds, type Standing } from './next.ts';

const naming = { project: 'lab', name: 'web', taken: new Set<string>() };
const template = (startupScript: string) =>
  versionOf('host', InstanceTemplateSpec.parse({ interfaces: [{ subnet: 'a' }], startupScript }));
const specOf = (targetSize: number, updatePolicy: object) =>
  InstanceGroupSpec.parse({ template: 'host', region: 'us-east1', targetSize, updatePolicy });
const settling = (spec: InstanceGroupSpec, before: InstanceGroupAssigned | undefined, script: string) =>
  settled({ ...naming, spec, before, template: template(script), unwell: new Set() });

/** A group whose hosts all serve, or only those that are named. */
function standing(spec: InstanceGroupSpec, assigned: InstanceGroupAssigned, well?: ReadonlySet<string>): Standing {
  const group = { project: 'lab', kind: 'instanceGroup', name: 'web', spec, assigned } as unknown as InstanceGroup;
  const up = (name: string): boolean => well?.has(name) ?? true;
  const status = { state: 'RUNNING', values: {} } as const;
  return {
    group,
    works: new Map(),
    lives: new Map(
      assigned.members.map(({ name }): [string, Life] => [
        name,
        { begun: 0, ...(up(name) ? { servingSince: 0 } : {}) },
      ]),
    ),
    sights: new Map(
      assigned.members.map(({ name }) => [
        name,
        { at: 0, status, running: true, health: up(name) ? ('HEALTHY' as const) : ('UNHEALTHY' as const), servers: [] },
      ]),
    ),
    now: 0,
  };
}

/** What the keeper makes of it at once. */
function done(spec: InstanceGroupSpec, now: InstanceGroupAssigned, { member, deed }: Begin): InstanceGroupAssigned {
  const change = { member, version: now.version };
  if (deed === 'SURGE') return surged(now, { ...naming, spec }, change);
  if (deed === 'REMOVE') return { ...now, members: now.members.filter((it) => it.name !== member) };
  return replaced(now, { ...naming, spec }, change);
}

const deeds = (it: Standing): string[] => nextDeeds(it).map((one) => one.deed);

describe('a roll with extra hosts', () => {
  const spec = specOf(3, { maxUnavailable: 0, maxSurge: 1 });
  const behind = settling(spec, settling(spec, undefined, 'one'), 'two');

  test('makes one first, and takes the old one away only when the new one serves', () => {
    const [begin, ...rest] = nextDeeds(standing(spec, behind));
    expect([begin?.deed, rest]).toEqual(['SURGE', []]);
    if (begin === undefined) return;
    const extra = done(spec, behind, begin);
    expect([extra.members.length, extra.members.filter(stays).length]).toEqual([4, 3]);
    const [old, others] = [begin.member, extra.members.filter((it) => behind.members.some((o) => o.name === it.name))];
    expect(deeds(standing(spec, extra, new Set(others.map((it) => it.name))))).toEqual([]);
    expect(nextDeeds(standing(spec, extra))).toEqual([
      { member: old, deed: 'REMOVE', reason: expect.stringContaining('has taken its place') },
    ]);
  });

  test('whoever does not serve is replaced at once, and costs no extra host', () => {
    const [sick, ...others] = behind.members.map((it) => it.name);
    expect(nextDeeds(standing(spec, behind, new Set(others))).slice(0, 1)).toEqual([{ member: sick, deed: 'REPLACE' }]);
  });

  test('a host of which nothing is known just now is not taken away when none may be out of service', () => {
    const it = standing(spec, behind, new Set());
    const unknown = new Map([...it.sights].map(([name, sight]) => [name, { ...sight, health: 'UNKNOWN' as const }]));
    expect(deeds({ ...it, sights: unknown })).toEqual(['SURGE']);
  });

  test('the site applied again in the middle, larger or smaller, counts no host twice', () => {
    const [begin] = nextDeeds(standing(spec, behind));
    const extra = done(spec, behind, begin ?? { member: '', deed: 'SURGE' });
    expect(settling(spec, extra, 'two')).toEqual(extra);
    for (const size of [2, 5]) {
      const resized = settling(specOf(size, spec.updatePolicy), extra, 'two');
      expect(resized.members.filter(stays)).toHaveLength(size);
    }
  });

  test('a successor that is replaced itself hands its place on', () => {
    const [begin] = nextDeeds(standing(spec, behind));
    const extra = done(spec, behind, begin ?? { member: '', deed: 'SURGE' });
    const successor = extra.members.find((it) => it.successor !== undefined)?.successor ?? '';
    const healed = replaced(extra, { ...naming, spec }, { member: successor, version: extra.version });
    const heir = healed.members.find((it) => it.successor !== undefined)?.successor;
    expect(healed.members.map((it) => it.name)).toContain(heir);
    expect(heir).not.toBe(successor);
  });

  test('never has fewer hosts in service or more hosts than is allowed, and ends with every host updated', () => {
    const policy = fc
      .record({ maxUnavailable: fc.integer({ min: 0, max: 3 }), maxSurge: fc.integer({ min: 0, max: 3 }) })
      .filter((it) => it.maxUnavailable + it.maxSurge > 0);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), policy, fc.infiniteStream(fc.nat()), (size, pace, chance) => {
        const rolled = specOf(size, pace);
        let now = settling(rolled, settling(rolled, undefined, 'one'), 'two');
        const up = new Set(now.members.map((it) => it.name));
        for (let step = 0; step < 60; step++) {
          const it = standing(rolled, now, up);
          const available = now.members.filter((member) => isAvailable(it, member)).length;
          expect(available).toBeGreaterThanOrEqual(size - pace.maxUnavailable);
          expect(now.members.length).toBeLessThanOrEqual(size + pace.maxSurge);
          for (const begin of nextDeeds(it)) now = done(rolled, now, begin);
          const waiting = now.members.filter((member) => !up.has(member.name));
          const next = waiting[(chance.next().value ?? 0) % Math.max(1, waiting.length)];
          if (next !== undefined) up.add(next.name);
        }
        expect(now.members.map((it) => it.version)).toEqual(Array(size).fill(now.version));
      }),
    );
  });
});
