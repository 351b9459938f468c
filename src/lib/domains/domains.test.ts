import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileList, decodeList, encodeList, holds } from './compiled.ts';
import { suffixHashes } from './hash.ts';
import { domainOf, hostOf } from './name.ts';
import { mostWarnings, parseList } from './parse.ts';

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const domain = fc.array(label, { minLength: 2, maxLength: 5 }).map((it) => it.join('.'));
const holdsName = (list: Parameters<typeof holds>[0], name: string) => holds(list, suffixHashes(name));

test('a list holds exactly its domains and what lies below them, but no exception', () => {
  const naive = (names: readonly string[], it: string) => names.some((one) => it === one || it.endsWith(`.${one}`));
  fc.assert(
    fc.property(fc.array(domain), fc.array(domain), fc.array(domain), label, (listed, except, strangers, below) => {
      const list = compileList(listed, except);
      const asked = [...listed, ...except, ...strangers].flatMap((it) => [it, `${below}.${it}`, `x${it}`]);
      for (const it of asked) expect(holdsName(list, it)).toBe(naive(listed, it) && !naive(except, it));
    }),
  );
});

test('a compiled list is read back as it was; one sign less or another, and it is refused', () => {
  const file = encodeList(compileList(['a.example', 'b.example'], ['c.a.example']));
  expect(decodeList(file)).toEqual(compileList(['a.example', 'b.example'], ['c.a.example']));
  expect(decodeList(file.subarray(0, file.length - 1))).toBeUndefined();
  for (let at = 0; at < file.length; at++) {
    if (at >= 16 && at < 32) continue;
    const broken = Uint8Array.from(file);
    broken[at] = (broken[at] ?? 0) ^ 1;
    expect(decodeList(broken)).toBeUndefined();
  }
  expect(decodeList(new Uint8Array())).toBeUndefined();
});

test('the order and repetition of domains change no byte of a compiled list', () => {
  fc.assert(
    fc.property(fc.array(domain), (names) => {
      expect(encodeList(compileList([...names, ...names].reverse()))).toEqual(encodeList(compileList(names)));
    }),
  );
});

test('a hundred thousand domains share no hash', () => {
  const names = Array.from({ length: 100_000 }, (_, index) => `site-${index}.example${index % 97}.com`);
  expect(compileList(names).domains.length).toBe(names.length);
});

test('a plain list: comments, dots and stars in front, other alphabets, doubles, and what is too broad', () => {
  const text =
    '# games\nPlay.Example.\n*.bad.example\n.dot.example # sub\nbücher.example\n\nplay.example\ncom\nco.uk\n1.2.3.4\ntwo words\nhttp://x.example/\n';
  const { domains, warnings } = parseList(text, 'plain');
  expect([...domains]).toEqual(['play.example', 'bad.example', 'dot.example', 'xn--bcher-kva.example']);
  expect(warnings.map((it) => `${it.line}: ${it.message}`)).toEqual([
    '7: play.example is there twice',
    '8: com is too broad: everything that ends in it would be held',
    '9: co.uk is too broad: strangers share it',
    '10: 1.2.3.4 is not a domain',
    '11: two words is more than one word',
    '12: http://x.example/ is not a domain',
  ]);
});

test('a hosts file: several names on a line, and its own entries are no sites', () => {
  const text =
    '127.0.0.1 localhost\n::1 ip6-localhost\n0.0.0.0 0.0.0.0\n0.0.0.0 ads.example track.example # both\r\nads.example\n0.0.0.0\n';
  const { domains, warnings } = parseList(text, 'hosts');
  expect([...domains]).toEqual(['ads.example', 'track.example']);
  expect(warnings.map((it) => it.line)).toEqual([5, 6]);
});

test('an ad blocker’s list: whole domains and exceptions; what holds on some pages only is left out', () => {
  const text =
    '[Adblock Plus 2.0]\n! title\n||ads.example^\n@@||good.ads.example^\n||t.example^$third-party\n||v.example^$domain=x.example\n##.banner\n||p.example/ad.js\n/regex/\n';
  const { domains, exceptions, warnings } = parseList(text, 'adblock');
  expect([...domains]).toEqual(['ads.example', 't.example']);
  expect([...exceptions]).toEqual(['good.ads.example']);
  expect(warnings.map((it) => it.line)).toEqual([6, 8, 9]);
});

test('warnings are counted all and kept few; no text makes a parser fail', () => {
  const { warnings, warned } = parseList('com\n'.repeat(mostWarnings + 50), 'plain');
  expect([warnings.length, warned]).toEqual([mostWarnings, mostWarnings + 50]);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('plain', 'hosts', 'adblock'), (text, format) => {
      for (const it of parseList(text, format).domains) expect(domainOf(it)).toBe(it);
    }),
  );
});

test('whatever a browser takes for an address is one, and never a name', () => {
  for (const it of ['10.0.0.1', '10.0.0.1.', '2130706433', '0x7f.1', '0x7f000001', '[::1]', '::1', '127.1'])
    expect(hostOf(it).kind, it).toBe('address');
  for (const it of ['', '-', 'a b', 'a..b', '-']) expect(hostOf(it).kind, it).toBe('none');
  expect(hostOf('WWW.Example.COM.')).toEqual({ kind: 'name', name: 'www.example.com' });
});
