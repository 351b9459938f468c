import { afterAll, beforeAll, expect, test } from 'vitest';
import { ACCOUNTS, ASSERTION_HEADER, EMAIL_HEADER, ID_HEADER, SESSION_COOKIE } from '#access/iap.ts';
import { parseAccess } from '#engines/haproxy/access-log.ts';
import { eventually } from '../deployment.ts';
import { FRONT, HOST, type IapLab, iapLab, lets, protectedSite, webService } from '../iap-lab.ts';
import { service } from '../proxy-lab.ts';

/** What a connection keeps of a decision serves the same session only, and nobody else who comes over it. */

let lab: IapLab;

/** The same place by another way: a second protected service on the same host. */
const second: Parameters<typeof protectedSite>[0] = {
  services: [service('web', { iap: true }), service('api', { iap: true }), service('open')],
  routes: [
    {
      ...{ id: 'lab/urlMap/site', name: 'site', otherwise: { service: 'web' }, hosts: [{ host: '*', matcher: 'all' }] },
      matchers: [
        {
          ...{ name: 'all', otherwise: { service: 'web' } },
          paths: [
            { path: '/api/*', to: { service: 'api' } },
            { path: '/open/*', to: { service: 'open' } },
          ],
        },
      ],
    },
  ],
};

const everything = {
  services: [webService(), webService({ name: 'api', id: '4712' })],
  bindings: [
    ...lets(['user:alice@example.com', 'user:bob@example.com'], { backendService: 'web' }),
    ...lets(['user:alice@example.com'], { key: 'lab/roleBinding/api-users', backendService: 'api' }),
  ],
};

beforeAll(async () => {
  lab = await iapLab(protectedSite(second));
  await lab.decide(everything);
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

/** Asks over one HTTP/2 connection, so many at once; gives the status and what the server was told, for each. */
const overOne = `
import { connect } from 'node:http2';
const [front, host, width, asked] = process.argv.slice(2);
const session = connect('https://' + front, { rejectUnauthorized: false, servername: host });
const one = ({ path, ...headers }) => new Promise((done, fail) => {
  const stream = session.request({ ':path': path ?? '/headers', ':authority': host, ...headers });
  let status; let text = '';
  stream.on('response', (it) => { status = it[':status']; });
  stream.setEncoding('utf8').on('data', (it) => { text += it; }).on('end', () => done({ status, text })).on('error', fail);
  stream.end();
});
const list = JSON.parse(asked); const answers = [];
while (list.length > 0) answers.push(...await Promise.all(list.splice(0, Number(width)).map(one)));
console.log(JSON.stringify(answers));
session.close();`;

/** The same over one HTTP/1.1 connection, with header lines as they are. */
const overOneOld = `
import { connect } from 'node:tls';
const [front, host, , asked] = process.argv.slice(2);
const socket = connect({ host: front, port: 443, servername: host, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
let text = ''; let wake = () => {};
socket.setEncoding('utf8').on('data', (it) => { text += it; wake(); });
const answers = [];
for (const { path, lines } of JSON.parse(asked)) {
  socket.write(['GET ' + (path ?? '/headers') + ' HTTP/1.1', 'host: ' + host, ...lines, '', ''].join('\\r\\n'));
  let head;
  for (;;) {
    head = /^HTTP.1.1 (\\d+)[^]*?\\r\\n\\r\\n/.exec(text);
    const length = Number(/content-length: (\\d+)/i.exec(head?.[0] ?? '')?.[1] ?? NaN);
    const chunked = /transfer-encoding: chunked/i.test(head?.[0] ?? '');
    if (head && (chunked ? text.includes('\\r\\n0\\r\\n\\r\\n') : text.length >= head[0].length + length)) break;
    await new Promise((done) => { wake = done; });
  }
  answers.push({ status: Number(head[1]), text });
  text = '';
}
console.log(JSON.stringify(answers));
socket.destroy();`;

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function asked(script: string, list: readonly object[], width = 1): Promise<readonly Answer[]> {
  return JSON.parse(await lab.script(script, FRONT, HOST, String(width), JSON.stringify(list)));
}

const told = (name: string, { text }: Answer): string | undefined =>
  new RegExp(`^${name}: (.*)$`, 'im').exec(text)?.[1]?.trimEnd();

const subjectOf = (answer: Answer): unknown =>
  JSON.parse(Buffer.from(told(ASSERTION_HEADER, answer)?.split('.')[1] ?? '', 'base64url').toString() || '{}');

const repeated = <T>(list: readonly T[], times: number): T[] => Array.from({ length: times }, () => list).flat();

test('people who share one connection are each told to the server as who they are, one by one and at once', async () => {
  const people = ['alice@example.com', 'bob@example.com'];
  const list = people.map((it) => ({ cookie: lab.signIn(it) }));
  for (const [width, of] of [
    [1, repeated(list, 10)],
    [1, [...repeated(list.slice(0, 1), 4), ...repeated(list.slice(1), 4), ...repeated(list.slice(0, 1), 4)]],
    [16, repeated(list, 40)],
  ] as const) {
    const answers = await asked(overOne, of, width);
    for (const [at, answer] of answers.entries()) {
      const email = people[list.findIndex((it) => it.cookie === of[at]?.cookie)];
      expect(answer.status).toBe(200);
      expect(told(EMAIL_HEADER, answer)).toBe(`${ACCOUNTS}:${email}`);
      expect(told(ID_HEADER, answer)).toBe(`${ACCOUNTS}:id-of-${email}`);
      expect(subjectOf(answer)).toMatchObject({ email, aud: '/projects/123456789012/global/backendServices/4711' });
    }
  }
});

test('who is known to one service over a connection is not known to another by that', async () => {
  const [alice, bob] = [lab.signIn(), lab.signIn('bob@example.com')];
  const paths = ['/headers', '/headers', '/headers', '/api/headers', '/headers', '/open/headers'];
  const answers = await asked(
    overOne,
    repeated(paths, 3).map((path) => ({ path, cookie: bob })),
  );
  expect(answers.map((it) => it.status)).toEqual(repeated([200, 200, 200, 403, 200, 200], 3));
  for (const it of answers) expect(it.text).not.toContain(SESSION_COOKIE);
  const both = await asked(
    overOne,
    repeated(['/headers', '/api/headers'], 4).map((path) => ({ path, cookie: alice })),
  );
  expect(both.map((it) => it.status)).toEqual(repeated([200], 8));
});

test('without the cookie, with another or with a second one, what the connection has kept is for nobody', async () => {
  const cookie = lab.signIn();
  const known = { lines: [`cookie: ${cookie}`] };
  const forged = `${cookie.slice(0, -4)}AAAA`;
  const others = [
    [],
    [`cookie: ${forged}`],
    [`cookie: ${cookie}x`],
    [`cookie: ${cookie}; ${cookie}`],
    [`cookie: ${cookie}`, `cookie: ${forged}`],
    [`cookie: ${forged}`, `cookie: ${cookie}`],
  ];
  const answers = await asked(
    overOneOld,
    others.flatMap((lines) => [known, known, known, { lines }]),
  );
  const given = answers.map((it) => it.status);
  expect(given.filter((_, at) => at % 4 !== 3)).toEqual(repeated([200], 18));
  expect(given.filter((_, at) => at % 4 === 3)).toEqual([302, 302, 302, 400, 400, 400]);
});

test('over HTTP/2 cookies may come in several fields: all arrive but ours, and two of ours are refused', async () => {
  const cookie = lab.signIn();
  const forged = `${cookie.slice(0, -4)}AAAA`;
  const known = repeated([{ cookie }], 4);
  const fields = [
    [cookie, 'a=1'],
    ['a=1', cookie],
    [cookie, cookie],
    [cookie, forged],
    [forged, cookie],
  ];
  const answers = await asked(overOne, [...known, ...fields.map((it) => ({ cookie: it })), ...known]);
  expect(answers.map((it) => it.status)).toEqual([...repeated([200], 6), 400, 400, 400, ...repeated([200], 4)]);
  expect(answers.slice(4, 6).map((it) => told('cookie', it))).toEqual(['a=1', 'a=1']);
});

test('identity headers that come along are gone, and other cookies arrive as they were sent', async () => {
  const cookie = lab.signIn();
  const forged = [EMAIL_HEADER, ID_HEADER, ASSERTION_HEADER, 'X_Goog_Authenticated_User_Email', 'x.goog.iap-x'];
  const lines = (cookies: string) => [`cookie: ${cookies}`, ...forged.map((it) => `${it}: forged`)];
  const cookies = [`a=1; ${cookie}; b="2 | {3}#é"`, `${cookie}; a=1`, `a=1; ${cookie}`, cookie];
  const answers = await asked(
    overOneOld,
    cookies.flatMap((it) => repeated([{ lines: lines(it) }], 4)),
  );
  expect(answers.map((it) => it.status)).toEqual(repeated([200], 16));
  for (const it of answers) {
    expect(it.text).not.toContain('forged');
    expect(it.text).not.toContain(SESSION_COOKIE);
    expect(it.text.match(new RegExp(`^${EMAIL_HEADER}:`, 'gim'))).toHaveLength(1);
  }
  const arrived = answers.map((it) => told('cookie', it) ?? '');
  expect(arrived.slice(4)).toEqual([...repeated(['a=1'], 8), ...repeated([''], 4)]);
  expect(new Set(arrived.slice(0, 4)).size).toBe(1);
  expect(arrived[0]).toMatch(/^a=1; b="2 \| \{3\}#/);
});

/** Asks again and again over one connection until the answer is another. */
const untilOther = `
import { connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
const [front, host, cookie, path] = process.argv.slice(2);
const session = connect('https://' + front, { rejectUnauthorized: false, servername: host });
const one = () => new Promise((done, fail) => {
  const stream = session.request({ ':path': path, ':authority': host, cookie });
  let status;
  stream.on('response', (it) => { status = it[':status']; }).on('end', () => done(status)).on('error', fail);
  stream.resume().end();
});
let status = 200;
for (let at = 0; at < 5000 && status === 200; at++) { status = await one(); await sleep(5); }
console.log(status);
session.close();`;

const hasKnown = (path: string) =>
  eventually(
    async () =>
      (await lab.machine.exec(['cat', lab.paths.log])).stdout.split('\n').flatMap((it) => parseAccess(it) ?? []),
    (lines) => lines.filter((it) => it.uri.endsWith(path) && it.backend === 'web').length > 3,
  );

test('what is taken away is taken away on the connection that knew it: a role, a session, a service', async () => {
  const bob = 'user:bob@example.com';
  const ways: Readonly<Record<string, (cookie: string) => Promise<unknown>>> = {
    '/role-taken': () => lab.decide({ bindings: lets([bob]) }),
    '/session-ended': (cookie) => lab.curl('-b', cookie, `https://${HOST}/_gcp_iap/clear_login_cookie`),
    '/service-renamed': () => lab.decide({ services: [webService({ name: 'other' })] }),
  };
  const expected: Readonly<Record<string, string>> = { '/session-ended': '302' };
  for (const [path, take] of Object.entries(ways)) {
    await lab.decide(everything);
    const cookie = lab.signIn();
    const refused = lab.script(untilOther, FRONT, HOST, cookie, path);
    await hasKnown(path);
    await take(cookie);
    expect(await refused, path).toBe(expected[path] ?? '403');
  }
  await lab.decide(everything);
});

test('the log tells who it was, and for each request the service and its server', async () => {
  const cookie = lab.signIn('bob@example.com');
  await asked(overOne, repeated([{ cookie, path: '/headers?log' }], 10));
  const lines = await eventually(
    async () =>
      (await lab.machine.exec(['cat', lab.paths.log])).stdout
        .split('\n')
        .flatMap((it) => parseAccess(it) ?? [])
        .filter((it) => it.uri.endsWith('/headers?log')),
    (it) => it.length === 10,
  );
  expect(lines.map((it) => it.user)).toEqual(repeated(['bob@example.com'], 10));
  expect(lines.map((it) => it.backend.replace(/\.ask$/, ''))).toEqual(repeated(['web'], 10));
  // The last one was not asked about, nor looked up.
  expect(lines.at(-1)?.backend).toBe('web');
  for (const it of lines) expect(it.serverAddress).toMatch(/^10\.1\.0\.1[12]$/);
});
