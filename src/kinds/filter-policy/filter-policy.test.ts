import { describe, expect, test } from 'vitest';
import { filterPolicy } from './kind.ts';
import { meaning } from './meaning.ts';
import { numbered } from './numbers.ts';

const policy = (
  name: string,
  rules: readonly object[],
  assigned?: { numbers: Record<string, number>; last: number },
) => ({
  project: 'lab',
  kind: 'filterPolicy',
  name,
  spec: filterPolicy.spec.parse({ rules }),
  assigned,
});
const pass = (name: string, more: object = {}) => ({ name, action: 'pass', ...more });

describe('the number of a rule', () => {
  test('stays with the rule wherever it moves to', () => {
    const first = numbered(policy('a', [pass('x'), pass('y')]) as never, []);
    expect(first).toEqual({ numbers: { x: 1, y: 2 }, last: 2 });
    const moved = policy('a', [pass('z'), pass('y'), pass('x')], first as never);
    expect(numbered(moved as never, [])).toEqual({ numbers: { y: 2, x: 1, z: 3 }, last: 3 });
  });

  test('is not given again soon after its rule was deleted', () => {
    const left = policy('a', [pass('new')], { numbers: { old: 7 }, last: 7 });
    expect(numbered(left as never, [])).toEqual({ numbers: { new: 8 }, last: 8 });
  });

  test('is of one policy only', () => {
    const other = policy('b', [pass('x')], { numbers: { x: 1 }, last: 1 });
    expect(numbered(policy('a', [pass('x')]) as never, [other as never])).toEqual({ numbers: { x: 2 }, last: 2 });
  });

  test('is given to what a URL profile may refuse, too, behind those of rules', () => {
    expect(numbered(policy('a', [pass('x', { urlProfile: 'staff' }), pass('y')]) as never, [])).toEqual({
      numbers: { x: 1, y: 2, 'x/quic': 3, 'x/dot': 4, 'x/doh': 5 },
      last: 5,
    });
  });

  test('starts again at the bottom when the top is reached', () => {
    const full = policy('a', [pass('x'), pass('y')], { numbers: { x: 1 }, last: 60_000 });
    expect(numbered(full as never, [])).toEqual({ numbers: { x: 1, y: 2 }, last: 2 });
  });
});

describe('what a change means', () => {
  const says = (before: readonly object[], after: readonly object[]) =>
    meaning(policy('office', before) as never, policy('office', after) as never);

  test('is told rule by rule in words', () => {
    expect(says([pass('a')], [pass('a', { source: ['guests'], services: ['http'] })])).toEqual([
      'office: a lets http pass from guests to anywhere',
    ]);
    expect(says([pass('a')], [pass('a', { inspection: 'ips' })])).toEqual([
      'office: a lets everything pass from anywhere to anywhere, and drops attacks in it; nothing passes while nobody looks',
    ]);
    expect(says([pass('a')], [pass('a', { enabled: false })])).toEqual([
      'office: a no longer lets everything pass from anywhere to anywhere',
    ]);
  });

  test('is told when only the order changes, and nothing is told for a comment', () => {
    expect(says([pass('a'), pass('b')], [pass('b'), pass('a')])).toEqual(['office: rules are judged in another order']);
    expect(says([pass('a')], [pass('a', { comment: 'why' })])).toEqual([]);
  });
});

test('what cannot be inspected is refused', () => {
  const says = (rule: object) =>
    filterPolicy.check?.(policy('a', [rule]) as never, undefined as never).map((it) => it.path.at(-1));
  expect(says(pass('x', { inspection: 'ips', failOpen: true }))).toEqual([]);
  expect(says({ name: 'x', action: 'block', inspection: 'ids' })).toEqual(['inspection']);
  expect(says(pass('x', { inspection: 'ids', failOpen: true }))).toEqual(['failOpen']);
  expect(says(pass('x', { inspection: 'ips', urlProfile: 'staff' }))).toEqual(['inspection']);
});

test('two rules of one name are refused', () => {
  const found = filterPolicy.check?.(policy('a', [pass('x'), pass('x')]) as never, undefined as never);
  expect(found).toMatchObject([{ path: ['rules', 1, 'name'], message: 'rule 1 is called x, too' }]);
});
