import { createHmac, createSign, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FRONT, HOST, type IapLab, iapLab, lets, SITE, webService, when } from '../iap-lab.ts';

/** What clients try in order to get in, or to be taken for somebody else. All of it stays between our own namespaces. */

let lab: IapLab;

const robot = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ACCOUNT = 'ci@lab.iam.gserviceaccount.com';

beforeAll(async () => {
  lab = await iapLab();
  await lab.decide({
    bindings: lets(['user:alice@example.com', `serviceAccount:${ACCOUNT}`]),
    services: [webService({ oauthClient: 'shop', hosts: [HOST] })],
    clients: [
      { name: 'shop', id: 'shop.apps', displayName: '', redirectUris: [], programmatic: false },
      { name: 'other', id: 'other.apps', displayName: '', redirectUris: [], programmatic: false },
    ],
    serviceAccounts: [
      {
        ...{ name: 'ci', email: ACCOUNT, uniqueId: '108', disabled: false },
        keys: [{ id: 'k1', publicKey: robot.publicKey.export({ format: 'pem', type: 'spki' }).toString() }],
      },
    ],
  });
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

const status = (...argv: string[]) => lab.curl('-o', '/dev/null', '-w', '%{http_code}', ...argv);

/** Sends bytes over TLS as they are; gives what comes back within a second of silence. */
const raw = (text: string) =>
  lab.script(
    `import { connect } from 'node:tls';
     const socket = connect({ host: process.argv[2], port: 443, servername: '${HOST}', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
     let said = '';
     const over = () => { process.stdout.write(said); process.exit(); };
     let timer = setTimeout(over, 5000);
     socket.on('data', (it) => { said += it; clearTimeout(timer); timer = setTimeout(over, 700); });
     socket.on('end', over).on('error', over);
     socket.on('secureConnect', () => socket.write(Buffer.from(process.argv[3], 'latin1')));`,
    FRONT,
    text,
  );

const ask = (lines: readonly string[], path = '/headers', body = '') =>
  raw(
    `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${closing(lines)
      .map((it) => `${it}\r\n`)
      .join('')}\r\n${body}`,
  );

/** So that the end of the answer need not be guessed. */
const closing = (lines: readonly string[]): readonly string[] =>
  lines.some((it) => /^connection:/i.test(it)) ? lines : [...lines, 'Connection: close'];

describe('identity headers that a client sends', () => {
  const forged = [
    'X-Goog-Authenticated-User-Email: accounts.google.com:root@example.com',
    'x-goog-authenticated-user-email: accounts.google.com:root@example.com',
    'X-GOOG-IAP-JWT-ASSERTION: forged-root',
    'x_goog_iap_jwt_assertion: forged-root',
    'x-goog_authenticated-user_email: accounts.google.com:root@example.com',
    'X_Goog_Authenticated_User_Id: accounts.google.com:root',
    'x-goog-anything-else: root',
    'x-goog-authenticated-user-email : root@example.com',
  ];

  test('never arrive, in whatever spelling, and however often', async () => {
    const cookie = `Cookie: ${lab.signIn()}`;
    for (const header of forged.slice(0, -1)) {
      for (let round = 0; round < 2; round++) {
        const answer = await ask([cookie, header, header]);
        expect(answer).toContain('HTTP/1.1 200');
        expect(answer).not.toContain('root');
        expect(answer.match(/x-goog-authenticated-user-email/gi)).toHaveLength(1);
        expect(answer).toContain('accounts.google.com:alice@example.com');
      }
    }
    expect(await ask([cookie, forged.at(-1) ?? ''])).toContain('HTTP/1.1 400');
  });

  test('do not arrive over HTTP/2, nor for services that let everybody in', async () => {
    const headers = forged.slice(0, -1).flatMap((it) => ['-H', it]);
    expect(await lab.curl('--http2', '-b', lab.signIn(), ...headers, `${SITE}/headers`)).not.toContain('root');
    await lab.decide({ bindings: lets(['allUsers', 'user:alice@example.com', `serviceAccount:${ACCOUNT}`]) });
    const answer = await lab.curl('--http2', ...headers, `${SITE}/headers`);
    await lab.decide({ bindings: lets(['user:alice@example.com', `serviceAccount:${ACCOUNT}`]) });
    expect(answer).toContain('GET /headers');
    expect(answer).not.toMatch(/root|goog/i);
  });

  test('do not arrive as trailers', async () => {
    const body = '5\r\nhello\r\n0\r\nx-goog-authenticated-user-email: root@example.com\r\n\r\n';
    const lines = [`Cookie: ${lab.signIn()}`, 'Transfer-Encoding: chunked', 'Trailer: x-goog-authenticated-user-email'];
    const answer = await raw(
      `POST /headers HTTP/1.1\r\nHost: ${HOST}\r\n${lines.map((it) => `${it}\r\n`).join('')}\r\n${body}`,
    );
    expect(answer).toContain('HTTP/1.1 200');
    expect(answer).not.toContain('root@');
  });

  test('cannot be made to be dropped on the way by naming them in Connection', async () => {
    const lines = [`Cookie: ${lab.signIn()}`, 'Connection: x-goog-iap-jwt-assertion, x-goog-authenticated-user-email'];
    for (let round = 0; round < 2; round++) {
      const answer = await ask(lines);
      expect(answer).toMatch(/x-goog-iap-jwt-assertion: ey/);
      expect(answer).not.toMatch(/^connection:.*x-goog/im);
    }
  });

  test('of the proxy’s own make do not reach the edge service either', async () => {
    const answer = await lab.curl(
      ...['-i', '-H', 'x-vauban-service: other', '-H', 'x-vauban-client-address: 127.0.0.1'],
      `${SITE}/_gcp_iap/identity`,
    );
    expect(answer).toContain('401');
  });
});

describe('cookies', () => {
  test('two of ours are refused, in one header or in two', async () => {
    const [one, other] = [lab.signIn(), lab.signIn('eve@example.com')];
    expect(await status('-b', `${one}; ${other}`, `${SITE}/`)).toBe('400');
    expect(await ask([`Cookie: ${one}`, `Cookie: ${other}`])).toContain('HTTP/1.1 400');
    expect(await status('--http2', '-H', `cookie: ${one}`, '-H', `cookie: ${other}`, `${SITE}/`)).toBe('400');
  });

  test('a name that only looks like ours is another cookie', async () => {
    const value = lab.signIn().split('=')[1] ?? '';
    for (const name of [
      'GCP_IAP_AUTH_TOKEN',
      '__host-gcp_iap_auth_token',
      ' __Host-GCP_IAP_AUTH_TOKENX',
      '__Host-GCP_IAP_AUTH_TOKEN_1',
    ]) {
      expect(await status('-b', `${name}=${value}`, `${SITE}/`)).toBe('302');
    }
  });

  test('quotes, blanks and digests of a session are no session', async () => {
    const cookie = lab.signIn();
    const [name = '', value = ''] = cookie.split('=');
    const { stdout } = await lab.machine.exec(['sh', '-c', `printf %s '${value}' | sha256sum`]);
    const digest = Buffer.from(stdout.slice(0, 64), 'hex').toString('base64url');
    for (const it of [`"${value}"`, `${value}x`, value.slice(1), digest, `${value}%20`, value.toUpperCase()]) {
      expect(await status('-b', `${name}=${it}`, `${SITE}/`)).toBe('302');
    }
    expect(await status('-b', cookie, `${SITE}/`)).toBe('200');
  });
});

describe('paths that could be read in two ways', () => {
  const tricks = [
    ...['/public/../private', '/public/%2e%2e/private', '/public/..%2fprivate', '/public//../private', '//private'],
    ...['/public/..;/private', '/public/;x/../private', '/public/.%2e/private', '/public/%2E%2E%2Fprivate'],
    ...['/public\\..\\private', '/public/%5c..%5cprivate', '/public/./../private', '/public/%252e%252e/private'],
    ...['/public/%00/private', '/public/..', '/public/.', '/public/x%3b/..'],
  ];

  test('are refused for services whose policy looks at the path, before the application sees them', async () => {
    await lab.decide({ bindings: lets(['user:alice@example.com'], when('request.path.startsWith("/public/")')) });
    const cookie = lab.signIn();
    expect(await status('-b', cookie, `${SITE}/public/x`)).toBe('200');
    for (const path of tricks) {
      const answer = await ask([`Cookie: ${cookie}`], path);
      expect([path, /^HTTP\/1\.1 (400|403)/.test(answer)]).toEqual([path, true]);
    }
    await lab.decide({ bindings: lets(['user:alice@example.com', `serviceAccount:${ACCOUNT}`]) });
  });

  test('an absolute form names the same host and path, and another host in it is refused', async () => {
    const cookie = `Cookie: ${lab.signIn()}`;
    const same = await ask([cookie], `https://${HOST}/headers`);
    expect(same).toContain('HTTP/1.1 200');
    expect(await ask([cookie], 'https://open.example.com/headers')).toContain('HTTP/1.1 400');
    expect(await raw(`GET /headers HTTP/1.1\r\nHost: ${HOST}\r\nHost: open.example.com\r\n\r\n`)).toContain(' 400');
  });
});

describe('requests that hide another', () => {
  const hidden = `GET /headers HTTP/1.1\r\nHost: ${HOST}\r\nX-Hidden: yes\r\n\r\n`;
  const shapes: readonly (readonly [string, readonly string[], string])[] = [
    ['two lengths', ['Content-Length: 0', `Content-Length: ${hidden.length}`], hidden],
    ['an unknown coding', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${hidden}`],
    ['chunks that are not last', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${hidden}`],
    ['a blank before the colon', ['Transfer-Encoding : chunked', 'Content-Length: 0'], `0\r\n\r\n${hidden}`],
    ['a length with a sign', ['Content-Length: +0'], hidden],
  ];

  test.each(shapes)('%s: refused, and nothing of it reaches the application', async (_, headers, body) => {
    const lines = [`Cookie: ${lab.signIn()}`, ...headers].map((it) => `${it}\r\n`).join('');
    const answer = await raw(`POST /headers HTTP/1.1\r\nHost: ${HOST}\r\n${lines}\r\n${body}`);
    expect(answer).toMatch(/^HTTP\/1\.1 (400|501)/);
    expect(answer).not.toMatch(/x-hidden/i);
  });

  test('a length beside chunks: the chunks count, and the connection ends behind them', async () => {
    const lines = [`Cookie: ${lab.signIn()}`, 'Content-Length: 4', 'Transfer-Encoding: chunked'];
    const answer = await raw(
      `POST /headers HTTP/1.1\r\nHost: ${HOST}\r\n${lines.map((it) => `${it}\r\n`).join('')}\r\n0\r\n\r\n${hidden}`,
    );
    expect(answer.match(/HTTP\/1\.1 \d{3} /g)).toEqual(['HTTP/1.1 200 ']);
    expect(answer).toContain('connection: close');
    expect(answer).not.toMatch(/x-hidden|content-length: 4/i);
  });

  test('what follows a request on the same connection is judged by itself', async () => {
    const cookie = `Cookie: ${lab.signIn()}`;
    const two = await raw(
      `GET /headers HTTP/1.1\r\nHost: ${HOST}\r\n${cookie}\r\n\r\nGET /headers HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
    );
    expect(two.match(/HTTP\/1\.1 \d{3} /g)).toEqual(['HTTP/1.1 200 ', 'HTTP/1.1 302 ']);
  });
});

describe('tokens', () => {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: ACCOUNT, sub: ACCOUNT, aud: `${SITE}/*`, iat: now, exp: now + 600 };
  const signed = (head: object, body: object, key: KeyObject = robot.privateKey) => {
    const text = `${part(head)}.${part(body)}`;
    return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
  };
  const head = { alg: 'RS256', kid: 'k1', typ: 'JWT' };
  const bearer = (token: string, header = 'authorization') => ['-H', `${header}: Bearer ${token}`];
  const tell = async (token: string) => {
    const answer = await lab.curl('-i', ...bearer(token), `${SITE}/headers`);
    return /^HTTP\/\S+ 200/.test(answer)
      ? 'in'
      : (/error_description="([^"]*)"/.exec(answer)?.[1] ?? answer.slice(0, 40));
  };

  test('one that a service account signed lets it in, under either header, and is for us alone', async () => {
    for (const header of ['authorization', 'proxy-authorization']) {
      const token = signed(head, { ...claims, jti: header });
      for (let round = 0; round < 2; round++) {
        const answer = await lab.curl(...bearer(token, header), `${SITE}/headers`);
        expect(answer).toContain(`x-goog-authenticated-user-email: accounts.google.com:${ACCOUNT}`);
        expect(answer).not.toContain(token);
      }
    }
    expect(await tell(signed(head, { ...claims, aud: 'shop.apps' }))).toBe('in');
  });

  test('an Authorization that is the application’s passes beside a session, and beside Proxy-Authorization', async () => {
    const own = ['-H', 'authorization: Bearer the-applications-own'];
    expect(await lab.curl('-b', lab.signIn(), ...own, `${SITE}/headers`)).toContain(
      'authorization: Bearer the-applications-own',
    );
    const both = await lab.curl(...bearer(signed(head, claims), 'proxy-authorization'), ...own, `${SITE}/headers`);
    expect(both).toContain('authorization: Bearer the-applications-own');
    expect(both).not.toContain('proxy-authorization');
  });

  const publicPem = robot.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const mac = (body: object) => {
    const text = `${part({ ...head, alg: 'HS256' })}.${part(body)}`;
    return `${text}.${createHmac('sha256', publicPem).update(text).digest('base64url')}`;
  };

  const attacks: readonly (readonly [string, string, string])[] = [
    ['no algorithm', `${part({ ...head, alg: 'none' })}.${part(claims)}.`, 'token-algorithm'],
    ['the public key as a shared secret', mac(claims), 'token-algorithm'],
    ['another algorithm than the key’s', signed({ ...head, alg: 'ES256' }, claims), 'token-algorithm'],
    ['a stranger’s key', signed(head, claims, stranger.privateKey), 'token-signature'],
    ['a key id that leads elsewhere', signed({ ...head, kid: '../../etc/passwd' }, claims), 'token-key-unknown'],
    ['a key id that is no text', signed({ ...head, kid: { $ne: 1 } }, claims), 'token-key-unknown'],
    [
      'a key of its own in the header',
      signed({ alg: 'RS256', jwk: stranger.publicKey.export({ format: 'jwk' }) }, claims, stranger.privateKey),
      'token-key-unknown',
    ],
    [
      'a key from an address',
      signed({ ...head, kid: 'x', jku: 'https://evil.example/keys' }, claims),
      'token-key-unknown',
    ],
    ['another audience', signed(head, { ...claims, aud: 'other.apps' }), 'token-audience'],
    ['another host', signed(head, { ...claims, aud: 'https://other.example.com/*' }), 'token-audience'],
    ['another issuer', signed(head, { ...claims, iss: 'https://accounts.google.com' }), 'token-issuer'],
    ['somebody else as its subject', signed(head, { ...claims, sub: 'alice@example.com' }), 'token-issuer'],
    ['an end that is over', signed(head, { ...claims, iat: now - 1000, exp: now - 100 }), 'token-expired'],
    ['a beginning that is to come', signed(head, { ...claims, iat: now + 500, exp: now + 900 }), 'token-not-yet'],
    ['no end', signed(head, { ...claims, exp: undefined }), 'token-malformed'],
    ['a life that is too long', signed(head, { ...claims, exp: now + 86_400 }), 'token-too-long'],
    ['a critical extension', signed({ ...head, crit: ['b64'], b64: false }, claims), 'token-malformed'],
    ['something that is no token', 'x.y.z', 'token-malformed'],
    ['a session’s cookie', 'A'.repeat(43), 'token-malformed'],
  ];

  test.each(attacks)('%s: refused', async (_, token, reason) => {
    expect(await tell(token)).toContain(reason);
  });

  test('a signature that was tampered with, and one for other words', async () => {
    const token = signed(head, claims);
    const other = signed(head, { ...claims, aud: 'other.apps' });
    const [a, , c] = other.split('.');
    expect(await tell(`${a}.${token.split('.')[1]}.${c}`)).toBe('token-signature');
    const broken = createSign('sha256').update('x').sign(stranger.privateKey).toString('base64url');
    expect(await tell(`${token.split('.').slice(0, 2).join('.')}.${broken}`)).toBe('token-signature');
  });

  test('one of an account that was disabled meanwhile', async () => {
    const token = signed(head, { ...claims, jti: 'disabled' });
    expect(await tell(token)).toBe('in');
    const account = {
      name: 'ci',
      email: ACCOUNT,
      uniqueId: '108',
      disabled: true,
      keys: [{ id: 'k1', publicKey: publicPem }],
    };
    await lab.decide({ serviceAccounts: [account] });
    expect(await tell(token)).toBe('person-disabled');
    await lab.decide({ serviceAccounts: [{ ...account, disabled: false }] });
  });
});

test('words in a name do not become commands for HAProxy', async () => {
  const names = [
    'a;shutdown frontend x@example.com',
    'a\nclear map x@example.com',
    'a|b@example.com',
    'é@example.com',
    'a\\b@example.com',
  ];
  await lab.decide({ bindings: lets(['allAuthenticatedUsers']) });
  for (const name of names) {
    const cookie = lab.signIn(name);
    for (let round = 0; round < 2; round++) expect(await status('-b', cookie, `${SITE}/`)).toBe('200');
  }
  expect((await lab.health()).values['lab']).toMatchObject({ faults: 0 });
});
