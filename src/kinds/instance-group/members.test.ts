import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InstanceTemplateSpec } from '../instance-template/spec.ts';
import { versionId, versionOf } from '../instance-template/version.ts';
import { replaced, type Settling, settled } from './members.ts';
import { dueOf } from './roll.ts';
import { type InstanceGroupAssigned, InstanceGroupSpec } from './spec.ts';

const template = (more: object = {}) =>
  versionOf('host', InstanceTemplateSpec.parse({ interfaces: [{ subnet: 'a' }], ...more }));

const zones = ['us-east1-b', 'us-east1-c', 'us-east1-d'];

const settling = (targetSize: number, more: Partial<Settling> = {}): Settling => ({
  project: 'lab',
  name: 'web',
  spec: InstanceGroupSpec.parse({ template: 'host', region: 'us-east1', targetSize }),
  before: undefined,
  template: template(),
  taken: new Set(),
  unwell: new Set(),
  ...more,
});

const group = (size: number): InstanceGroupAssigned => settled(settling(size));
const staying = ({ members }: InstanceGroupAssigned) => members.filter((it) => it.leaving !== true);
const perZone = (it: InstanceGroupAssigned): number[] =>
  zones.map((zone) => staying(it).filter((member) => member.zone === zone).length);

/** What the keeper does once a host is out of service. */
const departed = (it: InstanceGroupAssigned): InstanceGroupAssigned => ({ ...it, members: staying(it) });

describe('settling', () => {
  test('hosts are spread evenly over the zones, under names that begin with that of the group', () => {
    const { members } = group(5);
    expect(perZone(group(5))).toEqual([2, 2, 1]);
    expect(members.map((it) => it.name).every((it) => /^web-[a-z2-7]{4}$/.test(it))).toBe(true);
    expect(members.map((it) => it.name)).toEqual(members.map((it) => it.name).toSorted());
  });

  test('growing and shrinking keep everybody else as they are, whatever the sizes; done twice it is the same', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 8 }), (sizes) => {
        let now: InstanceGroupAssigned | undefined;
        for (const size of sizes) {
          const next = settled(settling(size, { before: now }));
          expect(settled(settling(size, { before: next }))).toEqual(next);
          expect(staying(next)).toHaveLength(size);
          expect(Math.max(...perZone(next)) - Math.min(...perZone(next))).toBeLessThanOrEqual(1);
          const kept = new Map(next.members.map((it) => [it.name, it]));
          for (const { leaving: _, ...old } of now?.members ?? []) expect(kept.get(old.name)).toMatchObject(old);
          now = departed(next);
        }
      }),
    );
  });

  test('who does not work goes first, then the youngest of the fullest zone', () => {
    const five = group(5);
    const [youngest] = five.members.toSorted((a, b) => b.serial - a.serial);
    const leaving = (size: number, unwell: string[] = []) =>
      settled(settling(size, { before: five, unwell: new Set(unwell.map((it) => `lab/instance/${it}`)) }))
        .members.filter((it) => it.leaving === true)
        .map((it) => it.name);
    expect(leaving(4)).toEqual([youngest?.name]);
    const oldest = five.members.find((it) => it.serial === 1)?.name ?? '';
    expect(leaving(4, [oldest])).toEqual([oldest]);
  });

  test('who is still on the way out comes back when the group grows again', () => {
    const shrunk = settled(settling(2, { before: group(3) }));
    expect(settled(settling(3, { before: shrunk }))).toEqual({ ...group(3), serial: 3 });
  });

  test('names of other hosts are left alone', () => {
    const names = group(3).members.map((it) => it.name);
    const others = settled(settling(3, { taken: new Set(names) })).members.map((it) => it.name);
    expect(others.filter((it) => names.includes(it))).toEqual([]);
  });

  test('a changed template is a version beside the old one; nobody changes by it, and unused ones are forgotten', () => {
    const newer = template({ startupScript: 'echo' });
    const before = group(2);
    const after = settled(settling(2, { before, template: newer }));
    expect(after.members).toEqual(before.members);
    expect(Object.keys(after.versions).toSorted()).toEqual([versionId(template()), versionId(newer)].toSorted());
    const [first = before.members[0]] = after.members;
    const swapped = replaced(after, settling(2), { member: first?.name ?? '', version: after.version });
    expect(swapped.members.map((it) => it.name)).not.toContain(first?.name);
    expect(swapped.members.find((it) => it.serial === 3)).toMatchObject({ zone: first?.zone, version: after.version });
    const back = settled(settling(2, { before: after }));
    expect(back).toEqual(before);
  });
});

describe('what is due', () => {
  const policy = (more: object, before = group(1), now = template({ startupScript: 'echo' })) => {
    const spec = InstanceGroupSpec.parse({ template: 'host', region: 'us-east1', targetSize: 1, ...more });
    const assigned = settled(settling(1, { before, template: now }));
    const [member] = assigned.members;
    return member === undefined ? undefined : dueOf({ spec, assigned }, member);
  };

  test.each([
    ['a proactive group replaces', {}, undefined, 'REPLACE'],
    ['or restarts', { updatePolicy: { minimalAction: 'RESTART' } }, undefined, 'RESTART'],
    ['but not for another image', { updatePolicy: { minimalAction: 'RESTART' } }, { image: 'debian-11' }, 'REPLACE'],
    ['an opportunistic one waits', { updatePolicy: { type: 'OPPORTUNISTIC' } }, undefined, undefined],
    ['nothing changed', {}, {}, undefined],
    ['another zone is another host', { distributionPolicy: { zones: ['us-east1-c'] } }, {}, 'REPLACE'],
  ])('%s', (_, more, changed, expected) => {
    expect(policy(more, group(1), changed === undefined ? undefined : template(changed))).toBe(expected);
  });

  test('a roll that was asked for counts for everybody who has not been through it', () => {
    const rolling = { ...group(1), roll: { name: 'r1', action: 'RESTART' as const } };
    expect(policy({ updatePolicy: { type: 'OPPORTUNISTIC' } }, rolling, template())).toBe('RESTART');
    const through = { ...rolling, members: rolling.members.map((it) => ({ ...it, roll: 'r1' })) };
    expect(policy({}, through, template())).toBe(undefined);
  });
});
