import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { forgetLogin, keepLogin, loginOf, nameOf } from './login.ts';
import { pastedAddress, type Return, startReturn } from './login-return.ts';

const folder = mkdtempSync(`${tmpdir()}/vauban-login-`);
const env = { XDG_CONFIG_HOME: folder };
const running: Return[] = [];

afterEach(() => {
  for (const it of running.splice(0)) it.stop();
  rmSync(folder, { recursive: true, force: true });
});

const tokenOf = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
const login = { issuer: 'https://a.example', clientId: 'c', idToken: tokenOf({ sub: '1', email: 'a@b.example' }) };

test('what is kept of a sign-in is for its owner alone, and goes whole', () => {
  keepLogin(env, login);
  expect(statSync(`${folder}/vauban/login.json`).mode & 0o777).toBe(0o600);
  expect(loginOf(env)).toEqual(login);
  expect(nameOf(login)).toBe('a@b.example');
  forgetLogin(env);
  expect(loginOf(env)).toBeUndefined();
});

test('a file that is no sign-in counts as none', () => {
  keepLogin(env, login);
  for (const text of ['', '{', '{}', '{"idToken":"x"}']) {
    writeFileSync(`${folder}/vauban/login.json`, text);
    expect(loginOf(env)).toBeUndefined();
  }
});

test('only the answer to this very sign-in counts, and nothing at another path', async () => {
  const back = await startReturn();
  running.push(back);
  const arrival = back.arrival('right');
  const ask = async (path: string) => (await fetch(new URL(path, back.redirectUri))).status;
  expect(await ask('/callback?code=1&state=wrong')).toBe(404);
  expect(await ask('/?code=1&state=right')).toBe(404);
  expect(await ask('/callback?code=2&state=right')).toBe(200);
  expect((await arrival).searchParams.get('code')).toBe('2');
});

test('what is pasted must be the address that leads back here', async () => {
  const uri = 'http://127.0.0.1:4000/callback';
  const pasted = (text: string) => pastedAddress(Readable.from([text]), uri);
  expect((await pasted(`\n  ${uri}?code=7&state=s \n`)).searchParams.get('code')).toBe('7');
  for (const wrong of [
    '7',
    'http://127.0.0.1:4001/callback?code=7',
    'http://127.0.0.1:4000.evil.example/callback?code=7',
  ])
    await expect(pasted(`${wrong}\n`)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
});
