import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safeTarget } from './target.ts';

test.each(['/', '/app', '/app?a=b&c=%2F', '/a/b/../c?x=//evil.example', '/%2f%2fevil.example'])(
  '%s stays where it is',
  (path) => {
    const url = new URL(safeTarget(path), 'https://shop.example');
    expect(url.origin).toBe('https://shop.example');
    expect(safeTarget(path)).not.toBe(path === '/' ? '' : '/');
  },
);

test.each([
  'https://evil.example/',
  '//evil.example/',
  '///evil.example/',
  '/\\evil.example/',
  '\\\\evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '/ /evil.example',
  '\u0000//evil.example',
  '/.//evil.example',
  '/..//evil.example',
  '/a/..//evil.example',
  'javascript:alert(1)',
  'data:text/html,x',
  'evil.example',
  '@evil.example',
  '?x',
  '#x',
  '',
  '/_gcp_iap/sign-in?rd=/',
  '/_gcp_iap/sign-out',
  `/${'x'.repeat(3000)}`,
  null,
  undefined,
])('%j leads to the front page', (wanted) => {
  expect(safeTarget(wanted)).toBe('/');
});

test('whatever is asked for, a browser stays on the same origin', () => {
  const piece = fc.constantFrom(
    '/',
    '\\',
    '//',
    '.',
    '..',
    '%2f',
    '%5c',
    '@',
    ':',
    'evil.example',
    'https:',
    '\t',
    ' ',
    '?',
    '#',
    'a',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const target = safeTarget(pieces.join(''));
      expect(target.startsWith('/')).toBe(true);
      expect(new URL(target, 'https://shop.example').origin).toBe('https://shop.example');
    }),
  );
});
