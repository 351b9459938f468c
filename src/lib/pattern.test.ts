import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern } from './pattern.ts';

function matches(pattern: string, text: string): boolean {
  const compiled = compilePattern(pattern);
  if ('mistake' in compiled) throw new Error(`${pattern}: ${compiled.mistake.message}`);
  return compiled.matcher.test(text);
}

const refusal = (pattern: string): string => {
  const compiled = compilePattern(pattern);
  return 'mistake' in compiled ? `${compiled.mistake.offset}: ${compiled.mistake.message}` : 'accepted';
};

describe('a pattern in RE2 syntax', () => {
  test.each([
    ['threat', 'a threat here', true],
    ['^threat$', 'a threat', false],
    ['(?i)THREAT', 'threat', true],
    ['10\\.0\\.(0|1)\\.\\d{1,3}', 'from 10.0.1.254 to', true],
    ['^a.c$', 'a\nc', false],
    ['(?s)^a.c$', 'a\nc', true],
    ['^b$', 'a\nb\nc', false],
    ['(?m)^b$', 'a\nb\nc', true],
    ['\\bcat\\b', 'concat', false],
    ['\\bcat\\b', 'a cat!', true],
    ['\\Bcat', 'concat', true],
    ['[^a-c]', 'abc', false],
    ['[[:alpha:]-]+$', '12-ab', true],
    ['[]a]', ']', true],
    ['\\Qa.b*\\E$', 'xa.b*', true],
    ['\\x{1F600}\\pL', '😀é', true],
    ['\\p{Greek}', 'λ', true],
    ['(?P<name>a+)b{2,}', 'aabbb', true],
    ['a{2}', 'a', false],
    ['a{,2}', 'a{,2}', true],
    ['(?i:A)b', 'aB', false],
    ['a|', 'zzz', true],
    ['(a*)*b', 'aaab', true],
    ['\\A\\z', '', true],
  ])('%s on %j is %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  test.each([
    ['(?=a)', '0: invalid or unsupported Perl syntax: (?='],
    ['(a)\\1', '3: invalid escape sequence: \\1'],
    ['a**', '1: invalid nested repetition operator: **'],
    ['*a', '0: missing argument to repetition operator: *'],
    ['(a', '0: missing closing ): (a'],
    ['a)', '0: unexpected ): a)'],
    ['[a', '0: missing closing ]: [a'],
    ['a{1001}', '1: invalid repeat count: {1001}'],
    ['((a{100}){100})', '3: invalid repeat count: {100}'],
    ['a{900}b{900}c{900}', '0: the pattern unfolds to too many steps'],
    ['x'.repeat(1001), '1000: the pattern is longer than 1000 characters'],
    ['\\y', '0: invalid escape sequence: \\y'],
    ['('.repeat(200), `0: missing closing ): ${'('.repeat(40)}`],
  ])('%s is refused', (pattern, expected) => {
    expect(refusal(pattern)).toBe(expected);
  });

  test('agrees with the engine of JavaScript where both have the syntax', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      '(a|bc)',
      '(?:ab)',
      '\\w',
      '\\d',
      '^',
      '$',
      '\\b',
      'c',
    );
    const suffix = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}', '*?');
    const bound = (text: string) => /^[\^$]|^\\b/.test(text);
    const pattern = fc
      .array(
        fc.tuple(piece, suffix).map(([a, b]) => (bound(a) ? a : a + b)),
        { maxLength: 6 },
      )
      .map((parts) => parts.join(''));
    const text = fc.array(fc.constantFrom('a', 'b', 'c', '1', ' '), { maxLength: 10 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, text, (source, subject) => {
        expect(matches(source, subject)).toBe(new RegExp(source).test(subject));
      }),
      { numRuns: 1000 },
    );
  });

  test('a pattern that makes a backtracking engine hang is answered', () => {
    expect(matches('(a+)+$', `${'a'.repeat(20_000)}b`)).toBe(false);
    expect(matches('(.*)(.*)(.*)(.*)(.*)x$', 'y'.repeat(20_000))).toBe(false);
    expect(matches(`${'a?'.repeat(200)}${'a'.repeat(200)}`, 'a'.repeat(200))).toBe(true);
  });

  test('any text is either a pattern or refused with a place inside it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.string(), (source, subject) => {
        const compiled = compilePattern(source);
        if ('mistake' in compiled) expect(compiled.mistake.offset).toBeLessThanOrEqual(source.length);
        else expect(typeof compiled.matcher.test(subject)).toBe('boolean');
      }),
      { numRuns: 1000 },
    );
  });
});
