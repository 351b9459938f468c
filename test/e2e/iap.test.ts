import { createPublicKey } from 'node:crypto';
import { createLocalJWKSet, importSPKI, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../deployment.ts';
import { HOST, type IapLab, iapLab, lets, protectedSite, SITE, webService, when } from '../iap-lab.ts';

let lab: IapLab;

/** `open.example.com` leads to a service that nothing stands before, and so does `/open/` of the protected host. */
const routes = {
  routes: [
    {
      id: 'lab/urlMap/site',
      name: 'site',
      otherwise: { service: 'web' },
      hosts: [
        { host: 'open.example.com', matcher: 'open' },
        { host: HOST, matcher: 'mixed' },
      ],
      matchers: [
        { name: 'open', otherwise: { service: 'open' }, paths: [] },
        { name: 'mixed', otherwise: { service: 'web' }, paths: [{ path: '/headers/open', to: { service: 'open' } }] },
      ],
    },
  ],
};

beforeAll(async () => {
  lab = await iapLab(protectedSite(routes));
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

const allowed = { services: [webService()], bindings: lets(['user:alice@example.com']), accessLevels: [] };
afterEach(() => lab.decide(allowed));

const status = (...argv: string[]) => lab.curl('-o', '/dev/null', '-w', '%{http_code}', ...argv);
const assertionIn = (text: string): string => /x-goog-iap-jwt-assertion: (\S+)/.exec(text)?.[1] ?? '';

describe('without a session', () => {
  test('a browser is sent to the sign-in and comes back to where it was going', async () => {
    for (const version of ['--http2', '--http1.1']) {
      const answer = await lab.curl(version, '-i', `${SITE}/a/b?c=d&e=%2F`);
      expect(answer).toContain(`${version === '--http2' ? 'HTTP/2' : 'HTTP/1.1'} 302`);
      expect(answer).toContain('location: /_gcp_iap/sign-in?rd=%2Fa%2Fb%3Fc%3Dd%26e%3D%252F');
      expect(answer).toContain('x-goog-iap-generated-response: true');
    }
  });

  test('what could do nothing with a page gets 401: scripts on pages, forms, uploads, programs, sockets', async () => {
    const as = (...argv: string[]) => lab.curl('-i', ...argv, `${SITE}/`);
    const key = ['-H', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==', '-H', 'sec-websocket-version: 13'];
    const refusals = [
      await as('-H', 'x-requested-with: XMLHttpRequest'),
      await as('-H', 'sec-fetch-mode: cors'),
      ...(await Promise.all(Array.from({ length: 10 }, () => as('-d', 'a=b')))),
      await as('-X', 'DELETE'),
      await as('-H', 'accept: text/event-stream'),
      await as('--http1.1', '-H', 'upgrade: websocket', '-H', 'connection: upgrade', ...key),
    ];
    for (const it of refusals) {
      expect(it).toMatch(/^HTTP\/\S+ 401/);
      expect(it).toContain('www-authenticate: Bearer');
    }
    expect(await as('-H', 'sec-fetch-mode: navigate')).toContain(' 302');
  });

  test('a cookie that nobody gave out is as good as none', async () => {
    const made = `__Host-GCP_IAP_AUTH_TOKEN=${'x'.repeat(43)}`;
    expect(await status('-b', made, `${SITE}/`)).toBe('302');
    expect(await status('-b', '__Host-GCP_IAP_AUTH_TOKEN=', `${SITE}/`)).toBe('302');
    expect(await status('-b', `__Host-GCP_IAP_AUTH_TOKEN=${'y'.repeat(9000)}`, `${SITE}/`)).toBe('302');
  });

  test('OPTIONS passes where the service says so, and nothing else does', async () => {
    expect(await status('-X', 'OPTIONS', `${SITE}/`)).toBe('401');
    await lab.decide({ services: [webService({ allowHttpOptions: true })] });
    expect(await status('-X', 'OPTIONS', `${SITE}/`)).toBe('200');
    expect(await lab.curl('-X', 'OPTIONS', `${SITE}/headers`)).not.toContain('x-goog-');
    expect(await status(`${SITE}/`)).toBe('302');
  });

  test('allUsers lets everybody in, without a name, and still tells the name of who has one', async () => {
    await lab.decide({ bindings: lets(['allUsers']) });
    expect(await lab.curl(`${SITE}/headers`)).not.toContain('x-goog-');
    expect(await lab.curl('-b', lab.signIn('eve@example.com'), `${SITE}/headers`)).toContain(':eve@example.com\n');
    await lab.decide(allowed);
    expect(await status(`${SITE}/`)).toBe('302');
  });

  test('a service that nothing stands before is open, also below a protected host, and never sees the session', async () => {
    expect(await status('https://open.example.com/')).toBe('200');
    const answer = await lab.curl('-b', `first=1; ${lab.signIn()}; last=2`, `${SITE}/headers/open`);
    expect(answer).toMatch(/^10\./);
  });
});

describe('with a session', () => {
  test('and the role, the application gets who it is, signed; the second time HAProxy knows by itself', async () => {
    const decisions = async () => (await lab.health()).values['lab']?.['decisions'] ?? 0;
    const cookie = lab.signIn();
    const ask = () => lab.curl('-b', cookie, `${SITE}/headers`);
    const before = await decisions();
    const first = await ask();
    expect(await decisions()).toBe(before + 1);
    // An answer does not wait for HAProxy to have taken up what it shall remember.
    const [second, third] = await eventually(
      async () => [await ask(), await ask()] as const,
      (it) => assertionIn(it[0]) === assertionIn(it[1]),
    );
    const known = await decisions();
    const fourth = await ask();
    expect(await decisions()).toBe(known);
    for (const answer of [first, second, third, fourth]) {
      expect(answer).toContain('x-goog-authenticated-user-email: accounts.google.com:alice@example.com\n');
      expect(answer).toContain('x-goog-authenticated-user-id: accounts.google.com:id-of-alice@example.com\n');
      expect(answer).not.toContain(cookie.split('=')[1]);
    }
    expect(assertionIn(fourth)).toBe(assertionIn(third));
  });

  test('the assertion is what Google’s verifiers ask for, under the keys that are published in both forms', async () => {
    const token = assertionIn(await lab.curl('-b', lab.signIn(), `${SITE}/headers`));
    const audience = '/projects/123456789012/global/backendServices/4711';
    const jwks = createLocalJWKSet(JSON.parse(await lab.ask('/iap/verify/public_key-jwk')));
    const { payload, protectedHeader } = await jwtVerify(token, jwks, {
      ...{ issuer: 'https://cloud.google.com/iap', audience, algorithms: ['ES256'] },
    });
    expect(payload).toMatchObject({
      sub: 'accounts.google.com:id-of-alice@example.com',
      email: 'alice@example.com',
      exp: (payload.iat ?? 0) + 600,
    });
    const pems = JSON.parse(await lab.ask('/iap/verify/public_key')) as Record<string, string>;
    const pem = pems[protectedHeader.kid ?? ''] ?? '';
    expect(createPublicKey(pem).asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
    await jwtVerify(token, await importSPKI(pem, 'ES256'), { audience });
  });

  test('only our own cookie is taken out, wherever it stands', async () => {
    const own = lab.signIn();
    const seen = async (cookie: string) =>
      /^cookie: ?(.*)$/m.exec(await lab.curl('-b', cookie, `${SITE}/headers`))?.[1]?.replace(/[; ]+$/, '');
    for (let round = 0; round < 2; round++) {
      expect(await seen(`${own}; b=2`)).toBe('b=2');
      expect(await seen(`a=1; ${own}`)).toBe('a=1');
      expect(await seen(`a=1; ${own}; b=2; c=3`)).toBe('a=1; b=2; c=3');
      expect((await seen(own)) ?? '').toBe('');
    }
  });

  test('without the role a person learns who they are, what is missing, whom to ask and the number of the request', async () => {
    const answer = await lab.curl('-i', '-b', lab.signIn('eve@example.com'), `${SITE}/`);
    expect(answer).toContain('HTTP/2 403');
    expect(answer).toContain('x-goog-iap-generated-response: true');
    expect(answer).toContain("content-security-policy: default-src 'none'");
    for (const part of ['eve@example.com', 'No role binding names you', 'mailto:help@example.com', 'Shop']) {
      expect(answer).toContain(part);
    }
    const id = /x-request-id: (\S+)/.exec(answer)?.[1] ?? '';
    expect(answer).toContain(`>${id}<`);
    expect(JSON.parse(await lab.ask(`/_vauban/refusals/${id}`))).toMatchObject({
      principal: 'eve@example.com',
      reasons: [{ code: 'no-binding' }],
    });
    const logged = await eventually(
      async () => (await lab.logged('decision')).find((it) => it['requestId'] === id),
      (it) => it !== undefined,
    );
    expect(logged).toMatchObject({ verdict: 'deny', service: 'web', principal: 'eve@example.com' });
  });

  test('a name that looks like markup stays text on the page', async () => {
    const answer = await lab.curl('-b', lab.signIn('"><script>x@example.com'), `${SITE}/`);
    expect(answer).not.toContain('<script>');
    expect(answer).toContain('&quot;&gt;&lt;script&gt;x@example.com');
  });

  test('groups and domains let in', async () => {
    await lab.decide({ bindings: lets(['group:staff@example.com', 'domain:partner.example']) });
    const person = { subject: '1', email: 'bob@example.com', displayName: 'Bob', provider: 'people' };
    const member = lab.signIn('bob@example.com', { person: { ...person, groups: ['staff@example.com'] } });
    const partner = lab.signIn('x@partner.example', {
      person: { ...person, subject: '2', email: 'x@partner.example', groups: [], domain: 'partner.example' },
    });
    expect(await status('-b', member, `${SITE}/`)).toBe('200');
    expect(await lab.curl('-b', partner, `${SITE}/headers`)).toContain('x-goog-authenticated-user-email');
    expect(await status('-b', lab.signIn('y@partner.example'), `${SITE}/`)).toBe('403');
  });

  test('a session counts on its own host only', async () => {
    expect(await status('-b', lab.signIn('alice@example.com', { host: 'other.example.com' }), `${SITE}/`)).toBe('302');
  });

  test('a fresh or a strong sign-in is asked for where the service says so', async () => {
    const cookie = lab.signIn('alice@example.com', { authTime: Math.floor(Date.now() / 1000) - 1000 });
    expect(await status('-b', cookie, `${SITE}/`)).toBe('200');
    await lab.decide({ services: [webService({ reauthSeconds: 900 })] });
    expect(await status('-b', cookie, `${SITE}/`)).toBe('302');
    expect(await status('-b', lab.signIn(), `${SITE}/`)).toBe('200');
    await lab.decide({ services: [webService({ reauthMethod: 'secureKey' })] });
    expect(await status('-b', lab.signIn(), `${SITE}/`)).toBe('302');
    expect(await status('-b', lab.signIn('alice@example.com', { methods: ['hwk'] }), `${SITE}/`)).toBe('200');
  });

  test('a large upload that has to be asked about arrives once and whole', async () => {
    await lab.machine.exec(['dd', 'if=/dev/zero', `of=${lab.machine.run}/upload`, 'bs=1M', 'count=20', 'status=none']);
    const answer = await lab.curl('-b', lab.signIn(), '--data-binary', `@${lab.machine.run}/upload`, `${SITE}/upload`);
    expect(answer).toBe(String(20 * 1024 * 1024));
  });
});

describe('conditions', () => {
  test('on the path are judged for each path', async () => {
    await lab.decide({ bindings: lets(['user:alice@example.com'], when('request.path.startsWith("/public/")')) });
    const cookie = lab.signIn();
    for (let round = 0; round < 2; round++) {
      expect(await status('-b', cookie, `${SITE}/public/x`)).toBe('200');
      expect(await status('-b', cookie, `${SITE}/private`)).toBe('403');
      expect(await status('-b', cookie, `${SITE}/public/x?y=/private`)).toBe('200');
    }
    expect((await lab.health()).values['lab']).toMatchObject({ faults: 0 });
  });

  test('on the client’s address are judged for each address', async () => {
    await lab.decide({ bindings: lets(['user:alice@example.com'], when('inIpRange(origin.ip, ["198.51.100.0/29"])')) });
    await lab.machine.exec(['ip', 'addr', 'add', '198.51.100.77/24', 'dev', 'c0'], { namespace: 'outside' });
    const cookie = lab.signIn();
    for (let round = 0; round < 2; round++) {
      expect(await status('-b', cookie, `${SITE}/`)).toBe('200');
      expect(await status('-b', cookie, '--interface', '198.51.100.77', `${SITE}/`)).toBe('403');
    }
  });

  test('on access levels: the assertion names those that are met, and the page the one that is not', async () => {
    const condition = { times: [], signIn: [], members: [], requiredAccessLevels: [], negate: false };
    const level = (range: string) => ({
      accessLevels: [
        { name: 'office', title: '', combine: 'and' as const, conditions: [{ ...condition, ipSubnetworks: [range] }] },
      ],
      bindings: lets(['user:alice@example.com'], when('"office" in request.auth.access_levels')),
    });
    await lab.decide(level('198.51.100.0/24'));
    const token = assertionIn(await lab.curl('-b', lab.signIn(), `${SITE}/headers`));
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(claims.google).toEqual({ access_levels: ['accessPolicies/123456789012/accessLevels/office'] });
    await lab.decide(level('10.0.0.0/8'));
    expect(await lab.curl('-b', lab.signIn(), `${SITE}/`)).toContain('An access level that the condition asks for');
  });

  test('one that cannot be evaluated lets nobody in', async () => {
    await lab.decide({ bindings: lets(['allUsers'], when('request.auth.claims.level > 1')) });
    expect(await status('-b', lab.signIn(), `${SITE}/`)).toBe('403');
    expect(await status('-b', lab.signIn('alice@example.com', { claims: { level: 2 } }), `${SITE}/`)).toBe('200');
  });
});

describe('our own addresses', () => {
  test('identity, also of who has no access, and on any path by the parameter', async () => {
    const cookie = lab.signIn('eve@example.com');
    const identity = { email: 'accounts.google.com:eve@example.com', sub: 'accounts.google.com:id-of-eve@example.com' };
    expect(JSON.parse(await lab.curl('-b', cookie, `${SITE}/_gcp_iap/identity`))).toEqual(identity);
    expect(JSON.parse(await lab.curl('-b', cookie, `${SITE}/any?gcp-iap-mode=IDENTITY`))).toEqual(identity);
    expect(await status(`${SITE}/_gcp_iap/identity`)).toBe('401');
  });

  test('signing out ends the session for everybody who has its cookie', async () => {
    const cookie = lab.signIn();
    expect(await status('-b', cookie, `${SITE}/`)).toBe('200');
    const answer = await lab.curl('-i', '-b', cookie, `${SITE}/x?gcp-iap-mode=CLEAR_LOGIN_COOKIE&y=1`);
    expect(answer).toMatch(
      /set-cookie: __Host-GCP_IAP_AUTH_TOKEN=; Max-Age=0; Path=\/; Secure; HttpOnly; SameSite=Lax/,
    );
    expect(answer).toContain('location: /x?y=1');
    expect(await status('-b', cookie, `${SITE}/`)).toBe('302');
  });

  test('nobody is led to another host by them', async () => {
    const answer = await lab.curl('-i', '--path-as-is', `${SITE}//evil.example/x?gcp-iap-mode=CLEAR_LOGIN_COOKIE`);
    expect(answer).toContain('location: /evil.example/x');
  });

  test('an application can be tested with assertions that it must refuse', async () => {
    const cookie = lab.signIn();
    const jwks = createLocalJWKSet(JSON.parse(await lab.ask('/iap/verify/public_key-jwk')));
    const audience = '/projects/123456789012/global/backendServices/4711';
    const judged = async (type: string) => {
      const url = `${SITE}/headers?gcp-iap-mode=SECURE_TOKEN_TEST&iap-secure-token-test-type=${type}`;
      const token = assertionIn(await lab.curl('-b', cookie, url));
      if (token === '') return 'none';
      const options = { issuer: 'https://cloud.google.com/iap', audience, maxTokenAge: 600 };
      return jwtVerify(token, jwks, options).then(
        () => 'valid',
        (error: { code: string; claim?: string }) => error.claim ?? error.code,
      );
    };
    expect(await judged('NOT_SET')).toBe('none');
    expect(await judged('SIGNATURE')).toBe('ERR_JWS_SIGNATURE_VERIFICATION_FAILED');
    expect(await judged('FUTURE_ISSUE')).toBe('iat');
    expect(await judged('PAST_EXPIRATION')).toBe('exp');
    expect(await judged('ISSUER')).toBe('iss');
    expect(await judged('AUDIENCE')).toBe('aud');
    expect(assertionIn(await lab.curl('-b', cookie, `${SITE}/headers`)).length).toBeGreaterThan(100);
    expect(await status(`${SITE}/?gcp-iap-mode=SECURE_TOKEN_TEST`)).toBe('302');
  });
});

test('HAProxy and the edge service each run as their own user, and neither can put a file in place of the other’s', async () => {
  const { stdout } = await lab.machine.exec(['stat', '-c', '%a %U %G', lab.edge.run, lab.edge.input]);
  expect(stdout.trim().split('\n')).toEqual(['3770 vauban-edge vauban-proxy', '640 root vauban-edge']);
  const pid = await lab.edgePid();
  const { stdout: who } = await lab.machine.exec(['ps', '-o', 'user:20=,supgrp:20=', '-p', String(pid)]);
  expect(who.trim().split(/\s+/)).toEqual(['vauban-edge', 'vauban-proxy']);
});
