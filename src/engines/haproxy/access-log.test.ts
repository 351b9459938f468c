import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accessLogFormat, parseAccess } from './access-log.ts';

const code = (text: string): string => Buffer.from(text).toString('base64url');

/** A line as the engine writes it; `more` stands in the place of words by their number. */
function line(more: Readonly<Record<number, string>> = {}): string {
  const words = [
    ...[
      '1767225600000000',
      '0123456789abcdef',
      'front.web',
      '192.0.2.7',
      '40000',
      'TLSv1.3',
      'GET',
      '/a',
      '-',
      'HTTP/2.0',
    ],
    ...[
      '-',
      '200',
      '512',
      '900',
      'web',
      'web-1_10.1.0.11_8080',
      '-',
      '-',
      '130.211.0.1',
      '50000',
      '--',
      '1',
      '4',
      '6',
      '0',
    ],
  ];
  return `${words.map((it, at) => more[at] ?? it).join(' ')} {curl||app.example.com|}`;
}
const [QUERY, USER, BACKEND, SERVER, ADDRESS, PORT] = [8, 10, 14, 15, 16, 17];

test('a line has a word for each field of the format, with the headers in braces', () => {
  const format = accessLogFormat('no sign-ins', '130.211.0.1').replace('%[var(sess.peer)]', 'a b c d');
  expect(line().split(' ')).toHaveLength(format.split(' ').length);
});

test('what servers are called tells where they are', () => {
  expect(parseAccess(line())).toMatchObject({ server: 'web-1', serverAddress: '10.1.0.11', serverPort: '8080' });
  const outside = { [SERVER]: 'api.example.com:443', [ADDRESS]: '192.0.2.9', [PORT]: '443' };
  expect(parseAccess(line(outside))).toMatchObject({
    ...{ server: 'api.example.com:443', serverAddress: '192.0.2.9', serverPort: '443' },
  });
  expect(parseAccess(line({ [SERVER]: '<NOSRV>' }))).toMatchObject({ server: '<NOSRV>', serverAddress: '' });
});

test('one word tells who it was and what was decided, either of which may be missing', () => {
  const [alice, reason] = ['alice@example.com', 'no role, "here"'];
  const said = (user: string) => parseAccess(line({ [USER]: user }));
  expect(said(code(alice))).toMatchObject({ user: alice, decision: '' });
  expect(said(`${code(alice)}.${code(reason)}`)).toMatchObject({ user: alice, decision: reason });
  expect(said(`.${code(reason)}`)).toMatchObject({ user: '', decision: reason });
  expect(said('-')).toMatchObject({ user: '', decision: '' });
});

test('a query is told behind its path', () => {
  expect(parseAccess(line({ [QUERY]: code('q=a b') }))?.uri).toBe('/a?q=a b');
});

test('what is no such line is none', () => {
  expect(parseAccess(line({ [BACKEND]: 'web more' }))).toBeUndefined();
  fc.assert(fc.property(fc.string(), (text) => void parseAccess(text)));
});
