import { expect, test } from 'vitest';
import { attemptIn } from './attempt.ts';
import { sentIn } from './password.ts';

const encoded = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const of = (env: Readonly<Record<string, string>>) =>
  attemptIn({ kind: 'client', event: 'CONNECT', cid: 0, kid: 1, env: new Map(Object.entries(env)) });

test('a password is taken as it is; with a code it comes as a static challenge', () => {
  expect(sentIn('pass:word')).toEqual({ password: 'pass:word' });
  expect(sentIn(`SCRV1:${encoded('pass:wörd')}:${encoded('123456')}`)).toEqual({
    password: 'pass:wörd',
    code: '123456',
  });
  expect(sentIn(`SCRV1:${encoded('x')}:`)).toEqual({ password: 'x' });
});

test('a challenge that is none is no password', () => {
  for (const it of ['SCRV1:', 'SCRV1:!:!', 'SCRV1:eA==', 'SCRV1:eA==:eA==:eA==', `SCRV1:/w==:eA==`])
    expect([it, sentIn(it)]).toEqual([it, undefined]);
});

test('only openvpn’s own word makes a token count', () => {
  expect(of({ password: 'SESS_ID_AT_x', session_state: 'Authenticated' }).byToken).toBe(true);
  expect(of({ password: 'SESS_ID_AT_x', IV_session_state: 'Authenticated' }).byToken).toBe(false);
  for (const state of ['Expired', 'Invalid', 'AuthenticatedEmptyUser', 'ExpiredEmptyUser'])
    expect(of({ session_state: state })).toMatchObject({ byToken: false, staleToken: true });
  expect(of({ session_state: 'Initial' })).toMatchObject({ byToken: false, staleToken: false });
});

test('a certificate that names nobody is somebody else’s, and none is none', () => {
  expect(of({}).certificate).toBe(undefined);
  expect(of({ tls_serial_hex_0: '0A:Bc' })).toMatchObject({ certificate: '', serial: '0abc' });
  expect(of({ tls_serial_hex_0: '01', X509_0_CN: 'alice@example.com' }).certificate).toBe('alice@example.com');
});
