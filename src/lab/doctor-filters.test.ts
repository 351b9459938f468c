import { expect, test } from 'vitest';
import { otherFilters } from './doctor.ts';

test('other packet filters of the machine are named, our own are not', () => {
  expect(
    otherFilters('table ip gw {\n\tchain input {\n\t\ttype filter hook input priority filter;\n\t}\n}\n').state,
  ).toBe('ok');
  const docker =
    'table ip nat {\n\tchain DOCKER {\n\t}\n\tchain OUTPUT {\n\t\ttype nat hook output priority -100;\n\t}\n}\n';
  expect(otherFilters(docker)).toEqual({
    state: 'warning',
    text: expect.stringMatching(/^ip nat \(Docker\): .* stays dropped/),
  });
});
