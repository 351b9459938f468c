import { expect, test } from 'vitest';
import { Problem } from '#core/problem.ts';
import { meantBy } from './netns.ts';

const names = ['vm.lab.office', 'vm.lab.web', 'gw.lab.edge', 'vm.other.web', 'net.lab.inside', 'internet'];

test('a network is meant by the name of its host, with its project, or as it stands on the machine', () => {
  expect(meantBy('office', names)).toBe('vm.lab.office');
  expect(meantBy('lab.web', names)).toBe('vm.lab.web');
  expect(meantBy('gw.lab.edge', names)).toBe('gw.lab.edge');
  expect(meantBy('internet', names)).toBe('internet');
});

test('a name that several have is refused with all of them, and a part of a name is none', () => {
  const refusal = (what: string): string => {
    try {
      return meantBy(what, names);
    } catch (error) {
      return error instanceof Problem ? `${error.code}: ${error.message}` : String(error);
    }
  };
  expect(refusal('web')).toBe('CONFLICTING: several networks go by that name: vm.lab.web, vm.other.web');
  expect(refusal('ffice')).toMatch(/^NOT_FOUND/);
});
