import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decidablePath } from './path.ts';

test.each([
  ['/', '/'],
  ['/a%20b/%C3%A9?x=/../y', '/a b/é'],
  ['/a.b/..c/...', '/a.b/..c/...'],
  ['/~user/@me:1,2+3', '/~user/@me:1,2+3'],
])('%s is %s', (url, path) => {
  expect(decidablePath(url)).toBe(path);
});

test.each([
  ...['/a/../b', '/a/..', '/./a', '//a', '/a//b', '/a;b', '/a\\b', '/a%2fb', '/a%2F..', '/%2e%2e/a', '/a%5cb', '/a%00'],
  ...['/a%252e', '/a%3bb', '/%ff', '/%e0%80%af', '/%zz', 'a', '', '*', 'https://host/a'],
])('%s could be read in another way', (url) => {
  expect(decidablePath(url)).toBeUndefined();
});

test('what is decidable has one spelling of its structure: decoding it changes no slash and no dot segment', () => {
  fc.assert(
    fc.property(fc.webPath(), (path) => {
      const decoded = decidablePath(path);
      if (decoded === undefined) return;
      expect(decoded.split('/').length).toBe(path.split('/').length);
      expect(new URL(path, 'http://x').pathname.split('/').length).toBe(path.split('/').length);
      expect(decoded).not.toMatch(/[\\;]|\/\/|(^|\/)\.\.?(\/|$)/);
    }),
    { numRuns: 1000 },
  );
});
