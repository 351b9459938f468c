import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAccess } from '#engines/haproxy/access-log.ts';
import { eventually } from '../deployment.ts';
import { FRONT, HOST, type IapLab, iapLab, lets, protectedSite, SITE, webService, when } from '../iap-lab.ts';
import { hosts, server, service } from '../proxy-lab.ts';

/** Ways around the decision, tried on the real engines by somebody who has read how they are told to work. */

let lab: IapLab;

/** Behind it stands a server that agrees to everything. */
const AGREEING = 'agreeing.example.com';
/** A host of ours on the site's front end. */
const TUNNELS = 'tunnel.example.com';
const SOURCE = '198.51.100.7';

beforeAll(async () => {
  lab = await iapLab(
    protectedSite({
      edgeHosts: [TUNNELS],
      routes: [
        {
          ...{ id: 'lab/urlMap/site', name: 'site', otherwise: { service: 'web' } },
          hosts: [{ host: AGREEING, matcher: 'agreeing' }],
          matchers: [{ name: 'agreeing', otherwise: { service: 'agreeing' }, paths: [] }],
        },
      ],
      services: [
        service('web', { iap: true, servers: [server(hosts[0])] }),
        service('agreeing', { iap: true, servers: [server(hosts[0], 86)] }),
      ],
    }),
  );
  await lab.decide({ services: [webService(), webService({ name: 'agreeing', id: '4712' })] });
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

/** Sends bytes over TLS as they are, and more of them once something came back; gives what came back. */
const raw = (text: string, more = '', name = HOST) =>
  lab.script(
    `import { connect } from 'node:tls';
     const [front, name, text, more = ''] = process.argv.slice(2);
     const socket = connect({ host: front, port: 443, servername: name, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
     let said = '';
     let sent = more === '';
     const over = () => { process.stdout.write(said); process.exit(); };
     let timer = setTimeout(over, 5000);
     socket.on('data', (it) => {
       said += it;
       if (!sent) { sent = true; socket.write(Buffer.from(more, 'latin1')); }
       clearTimeout(timer);
       timer = setTimeout(over, 700);
     });
     socket.on('end', over).on('error', over);
     socket.on('secureConnect', () => socket.write(Buffer.from(text, 'latin1')));`,
    ...[FRONT, name, text, more],
  );

const request = (line: string, host: string, ...headers: readonly string[]) =>
  `${line} HTTP/1.1\r\n${[`Host: ${host}`, ...headers].map((it) => `${it}\r\n`).join('')}\r\n`;

test('what is remembered about one path counts for no other, whatever stands in the host', async () => {
  await lab.decide({ bindings: lets(['user:alice@example.com'], when('request.path.startsWith("/public/")')) });
  const cookie = `Cookie: ${lab.signIn()}`;
  const ask = (path: string, host = HOST) => raw(request(`GET ${path}`, host, cookie, 'Connection: close'));
  for (let round = 0; round < 3; round++) {
    expect(await ask(`/public/a|${SOURCE}|/headers`)).toContain('HTTP/1.1 200');
  }
  // The same text as above, when host, address and path are only written one behind the other.
  const answer = await ask('/headers', `${HOST}|${SOURCE}|/public/a`);
  await lab.decide({ bindings: lets(['user:alice@example.com']) });
  expect(answer).not.toContain('x-goog-iap-jwt-assertion');
  expect(answer).toMatch(/^HTTP\/1\.1 400/);
});

describe('connections that become something else', () => {
  const hidden = 'GET /headers HTTP/1.1\r\nx-goog-authenticated-user-email: root\r\n\r\n';
  const ask = (line: string, ...headers: string[]) =>
    raw(
      request(line, AGREEING, `Cookie: ${lab.signIn('alice@example.com', { host: AGREEING })}`, ...headers),
      hidden,
      AGREEING,
    );

  test.each(['h2c', 'TLS/1.0', 'websocket, h2c', 'h2c\r\nUpgrade: websocket', 'anything'])(
    'an upgrade to %j is none, or is one to WebSocket',
    async (token) => {
      const answer = await ask('GET /x', 'Connection: Upgrade, HTTP2-Settings', `Upgrade: ${token}`);
      expect(answer).toMatch(/^HTTP\/1\.1 (200|101|400)/);
      if (answer.includes(' 101 ')) expect(answer).toMatch(/upgrade: websocket\r\n/i);
      else expect(answer).not.toContain('heard');
    },
  );

  test.each(['h2c', 'websocket, h2c', 'h2c\r\nUpgrade: websocket', 'websocket\r\nUpgrade: h2c'])(
    'of an upgrade to %j a server sees nothing',
    async (token) => {
      const cookie = `Cookie: ${lab.signIn()}`;
      // Without a key the engine itself refuses whatever speaks of WebSocket.
      const key = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
      const headers = [cookie, ...key, 'Connection: Upgrade', `Upgrade: ${token}`];
      const answer = await raw(request('GET /headers', HOST, ...headers));
      expect(answer).toMatch(/^HTTP\/1\.1 200/);
      const [, seen = ''] = answer.split('\r\n\r\n');
      expect(seen).toMatch(/^host: /im);
      expect(seen).not.toMatch(/^(upgrade|connection): /im);
    },
  );

  test.each([`CONNECT ${AGREEING}:443`, 'CONNECT /x', 'TRACE /x'])('%s is refused', async (line) => {
    const answer = await ask(line);
    expect(answer).toMatch(/^HTTP\/1\.1 (400|405)/);
    expect(answer).not.toContain('heard');
  });

  test('the same over HTTP/2', async () => {
    const cookie = lab.signIn('alice@example.com', { host: AGREEING });
    const answer = await lab.script(
      `import { connect } from 'node:http2';
       const [front, host, cookie] = process.argv.slice(2);
       const session = connect('https://' + front, { rejectUnauthorized: false, servername: host });
       session.on('error', () => {});
       const stream = session.request({ ':method': 'CONNECT', ':authority': host + ':443', cookie });
       const over = (text) => { console.log(text); process.exit(); };
       setTimeout(() => over('silence'), 5000);
       stream.on('response', (it) => over(it[':status'])).on('error', (it) => over(it.code)).on('close', () => over('closed'));`,
      ...[FRONT, AGREEING, cookie],
    );
    expect(answer).toMatch(/^(400|405|ERR_HTTP2_STREAM_ERROR|closed)$/);
  });
});

test('identity headers whose separators some servers take for `-` or `_` never arrive', async () => {
  const cookie = `Cookie: ${lab.signIn()}`;
  for (const separator of ['.', '!', '~', '+', '|', "'"]) {
    const name = ['x', 'goog', 'authenticated', 'user', 'email'].join(separator);
    const mixed = `x-goog${separator}iap-jwt-assertion`;
    const lines = [cookie, `${name}: root`, `${mixed}: root`, 'Connection: close'];
    expect(await raw(request('GET /headers', HOST, ...lines))).not.toMatch(/: root/);
  }
});

test('over HTTP/2 the authority is the host, whatever a header says, and the path has no fragment', async () => {
  const script = `import { connect } from 'node:http2';
    const [front, cookie, path, host] = process.argv.slice(2);
    const session = connect('https://' + front, { rejectUnauthorized: false, servername: '${HOST}' });
    session.on('error', () => {});
    const stream = session.request({ ':path': path, ':authority': '${HOST}', cookie, ...(host ? { host } : {}) });
    let text = '';
    stream.on('response', (it) => { text += it[':status'] + ' '; }).on('data', (it) => { text += it; });
    const over = () => { console.log(text); process.exit(); };
    stream.on('error', (it) => { text += it.code; }).on('close', over);
    setTimeout(over, 5000);`;
  const cookie = lab.signIn();
  const answer = await lab.script(script, FRONT, cookie, '/headers', AGREEING);
  expect(answer).not.toContain(`host: ${AGREEING}`);
  expect(await lab.script(script, FRONT, cookie, '/public/#/../headers')).toMatch(/^(400|ERR_)/);
});

test('what the edge service tells its own machine, no client is told', async () => {
  for (const path of ['/_vauban/refusals/x', '/_vauban/health']) {
    const text = await raw(request(`GET ${path}?y=gcp-iap-mode=IDENTITY`, 'edge', 'Connection: close'));
    expect(text).toMatch(/^HTTP\/1\.1 404/);
    expect(text).toContain('There is nothing here.');
  }
  expect(await lab.ask('/_vauban/refusals/x')).toContain('no such refusal');
});

test('an assertion that an application has seen opens nothing', async () => {
  const seen = await lab.curl('-b', lab.signIn(), `${SITE}/headers`);
  const [, assertion = ''] = /x-goog-iap-jwt-assertion: (\S+)/.exec(seen) ?? [];
  expect(assertion).toMatch(/^ey/);
  for (const header of ['authorization', 'proxy-authorization']) {
    const answer = await lab.curl('-i', '-H', `${header}: Bearer ${assertion}`, `${SITE}/headers`);
    expect(answer).toContain(' 401');
    expect(answer).toContain('token-issuer');
  }
  expect(await lab.curl('-i', '-b', `__Host-GCP_IAP_AUTH_TOKEN=${assertion}`, `${SITE}/headers`)).toContain(' 302');
});

test('the log has no query of our own addresses: codes and states of sign-ins stand there', async () => {
  await lab.curl(`${SITE}/_gcp_iap/callback?code=very-secret-code&state=very-secret-state`);
  await lab.curl('--http2', `${SITE}/_gcp_iap/callback?state=x&code=very-secret-code`);
  for (const host of [TUNNELS, `${TUNNELS.toUpperCase()}:443`])
    await lab.curl('-H', `host: ${host}`, `${SITE}/v4/reconnect?sid=very-secret-session&ack=0`);
  await lab.curl(`${SITE}/elsewhere?page=2`);
  const text = await eventually(
    () => readFile(lab.paths.log, 'utf8'),
    (it) => it.includes('elsewhere'),
  );
  expect(text).toContain('/_gcp_iap/callback - ');
  expect(text).toContain('/v4/reconnect - ');
  const lines = text.split('\n').map(parseAccess);
  expect(lines.some((it) => it?.uri.endsWith('/elsewhere?page=2'))).toBe(true);
  expect(JSON.stringify(lines)).not.toContain('very-secret');
  expect(text).not.toContain('very-secret');
});
