import { expect, test } from 'vitest';
import { Problem } from '#core/problem.ts';
import { allMistakes } from './mistakes.ts';

const at = (place: string, code: 'INVALID_DOCUMENT' | 'REFERENCE_DANGLING' = 'INVALID_DOCUMENT') =>
  new Problem(code, { at: place, message: 'wrong', fix: 'Mend it.' }).toJSON();
const own = at('base.csv:3 x');

test('mistakes that only a plan finds are told with those of the file itself', async () => {
  const refused = () => Promise.reject(Problem.all([at('base.csv:7 networkObjects/web host'), at('base.csv:9 y')]));
  const all = await allMistakes([own], 'base.csv', refused);
  expect(all.map((it) => it.at)).toEqual(['base.csv:3 x', 'base.csv:7 networkObjects/web host', 'base.csv:9 y']);
  const one = await allMistakes([own], 'base.csv', () => Promise.reject(Problem.from(at('base.csv:7 z'))));
  expect(one).toHaveLength(2);
});

test('what follows from a mistake that is told, or has nothing to do with the file, is not', async () => {
  const missing = at('base.csv:8 group[0]', 'REFERENCE_DANGLING');
  const refused = () => Promise.reject(Problem.all([missing, at('site.yaml:1:1')]));
  expect(await allMistakes([own], 'base.csv', refused)).toEqual([own]);
  expect(await allMistakes([own], 'base.csv', () => Promise.reject(new Error('no control')))).toEqual([own]);
  expect(await allMistakes([own], 'base.csv', () => Promise.resolve({}))).toEqual([own]);
});
