import { expect, test } from 'vitest';
import { patienceAfter, settlement } from './agreement.ts';

const applying = { number: 5, state: 'applying' } as const;
const pending = { number: 5, state: 'pending' } as const;

test.for([
  ['finished by the machine', applying, { revision: 5, digest: 'd' }, { action: 'commit' }],
  [
    'finished, and still to be confirmed',
    applying,
    { revision: 5, digest: 'd', pending: { revision: 5, former: 4, deadline: 0 } },
    { action: 'commit', before: '1970-01-01T00:00:00.000Z' },
  ],
  [
    'undone by the machine',
    applying,
    { revision: 4, digest: 'c' },
    { action: 'fail', reason: 'it was interrupted while it was being applied, and undone' },
  ],
  [
    'finished and taken back while control was dead',
    applying,
    { revision: 4, digest: 'c', reverted: { revision: 5, reason: 'late' } },
    { action: 'fail', reason: 'late' },
  ],
  [
    'of the same number, but not the same thing',
    applying,
    { revision: 5, digest: 'x' },
    { action: 'fail', reason: 'it was interrupted while it was being applied, and undone' },
  ],
  ['kept', pending, { revision: 5, digest: 'd' }, { action: 'confirm' }],
  [
    'still waiting',
    pending,
    { revision: 5, digest: 'd', pending: { revision: 5, former: 4, deadline: 0 } },
    { action: 'wait' },
  ],
  [
    'taken back',
    pending,
    { revision: 4, digest: 'c', reverted: { revision: 5, reason: 'late' } },
    { action: 'revert', reason: 'late' },
  ],
] as const)('an open revision that was %s is settled so', ([, revision, said, expected]) => {
  expect(settlement(revision, 'd', said)).toEqual(expected);
});

test('the machine is asked again soon at first, later seldom', () => {
  expect([1, 2, 3, 30].map(patienceAfter)).toEqual([1000, 2000, 4000, 300_000]);
});
