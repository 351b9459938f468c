import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FilterFragment } from './assemble.ts';
import { assembleFilters } from './assemble.ts';
import { FilterInput } from './input.ts';
import { office } from './office.fixture.ts';

const issues = (change: Partial<FilterInput>): readonly string[] => {
  const { error } = FilterInput.safeParse({ ...office, ...change });
  return error?.issues.map((it) => `${it.path.join('.')}: ${it.message}`) ?? [];
};

describe('an input', () => {
  test('that makes sense is taken as it is', () => {
    expect(FilterInput.parse(office)).toEqual(office);
  });

  test('names nothing that is not there, and nothing twice', () => {
    const [rule] = office.rules;
    if (rule === undefined) throw new Error('the office has rules');
    const side = { sets: ['lab/networkObject/nobody'], negated: false };
    expect(issues({ rules: [{ ...rule, source: side }] })).toEqual([
      'rules.0: there is no addressSet lab/networkObject/nobody',
    ]);
    expect(issues({ rules: [{ ...rule, inInterfaces: ['dmz'] }] })).toEqual(['rules.0: there is no interface dmz']);
    expect(issues({ rules: [{ ...rule, people: 'lab/vpn' }] })).toEqual(['rules.0: there is no people lab/vpn']);
    expect(issues({ rules: [rule, { ...rule, id: 'lab/filterPolicy/office/other' }] })).toEqual([
      `rules.1: number ${rule.number} is there twice`,
    ]);
    expect(issues({ rules: [rule, { ...rule, number: 999 }] })).toEqual([`ids.1: ${rule.id} is there twice`]);
  });

  test('gives no address to two hosts, and translates no port that is not there', () => {
    const pair = (id: string, outside: string, inside: string) => ({
      kind: 'bidirectional' as const,
      id,
      interfaces: ['ext'],
      outside,
      inside,
    });
    const [first, second] = [
      pair('lab/natPolicy/office/one', '147.135.161.156/32', '10.200.0.20/32'),
      pair('lab/natPolicy/office/two', '147.135.161.156/31', '10.200.1.20/31'),
    ];
    expect(issues({ nat: [first, second] })).toEqual(['nat.1: it overlaps with lab/natPolicy/office/one']);
    const publish = office.nat.find((it) => it.kind === 'publish');
    if (publish === undefined) throw new Error('the office publishes');
    expect(issues({ nat: [{ ...publish, services: [], port: 8080 }] })).toEqual([
      'nat.0.port: a port needs services of tcp, udp or sctp alone',
    ]);
  });

  test('lets no text through that could end a quoted one', () => {
    const [rule] = office.rules;
    const hostile = fc
      .string({ minLength: 1 })
      .filter((it) => !/^[A-Za-z0-9][A-Za-z0-9._:-]*(\/[A-Za-z0-9][A-Za-z0-9._:-]*)*$/.test(it));
    fc.assert(
      fc.property(hostile, (text) => {
        for (const place of ['id', 'people'] as const) {
          expect(FilterInput.safeParse({ ...office, rules: [{ ...rule, [place]: text }] }).success).toBe(false);
        }
        for (const place of ['owner', 'namespace'] as const) {
          expect(FilterInput.safeParse({ ...office, [place]: text }).success).toBe(false);
        }
        const [network] = office.interfaces;
        expect(FilterInput.safeParse({ ...office, interfaces: [{ ...network, name: text }] }).success).toBe(false);
        const set = { key: 'lab/networkObject/x', ranges: [text] };
        expect(FilterInput.safeParse({ ...office, addressSets: [...office.addressSets, set] }).success).toBe(false);
      }),
    );
  });
});

test('fragments come together in whatever order they are given, rules in their own', () => {
  const { namespace, owner, logGroup, logLimit, logImplicit, cut, ...lists } = office;
  const of = (fragment: object, by = 'lab/gateway/gw') => ({
    owner: by,
    fragment: { namespace, ...fragment } as FilterFragment,
  });
  const fragments = [
    of({ base: { owner, logGroup, logLimit, logImplicit, cut } }),
    ...lists.interfaces.map((it) => of({ interface: it })),
    ...lists.addressSets.flatMap((it) => [of({ addressSet: it }), of({ addressSet: it }, 'lab/filterPolicy/office')]),
    ...lists.serviceSets.map((it) => of({ serviceSet: it })),
    ...lists.people.map((it) => of({ people: it })),
    ...lists.local.map((it) => of({ local: it })),
    ...lists.guards.map((it) => of({ guard: it })),
    of({ rules: lists.rules }),
    of({ nat: lists.nat }),
  ];
  const [artifact, ...others] = assembleFilters(fragments);
  expect(others).toEqual([]);
  expect(artifact).toMatchObject({ id: 'filter/gw.lab.office', engine: 'filter', needs: ['namespace/gw.lab.office'] });
  expect(FilterInput.parse(artifact?.input)).toEqual(office);
  fc.assert(
    fc.property(fc.shuffledSubarray(fragments, { minLength: fragments.length }), (shuffled) => {
      expect(assembleFilters(shuffled)).toEqual([artifact]);
    }),
    { numRuns: 20 },
  );
});
