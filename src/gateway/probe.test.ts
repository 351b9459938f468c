import { expect, test } from 'vitest';
import { silentAfter } from './probe.ts';

test('an interface is blamed sooner while others answer, for then the machine is not too busy to ask', () => {
  expect(silentAfter({ suspect: false, elsewhere: 40 })).toBe(300);
  expect(silentAfter({ suspect: false, elsewhere: 101 })).toBe(400);
  expect(silentAfter({ suspect: false, elsewhere: Infinity })).toBe(400);
});

test('and soonest where the other node is not heard either, whatever else answers', () => {
  expect(silentAfter({ suspect: true, elsewhere: 40 })).toBe(200);
  expect(silentAfter({ suspect: true, elsewhere: Infinity })).toBe(200);
});
