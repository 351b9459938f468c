import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { statusDetails } from '#control/logs/entries/request.ts';
import { type AccessLine, parseAccess } from '#engines/haproxy/access-log.ts';
import type { HaproxyInput } from '#engines/haproxy/input.ts';
import { eventually } from '../deployment.ts';
import { certificate, check, FRONT, hosts, type ProxyLab, proxyLab, server, service, site } from '../proxy-lab.ts';
import { ports } from '../proxy-servers.ts';

let lab: ProxyLab;

const on = (port: number, ...addresses: readonly string[]) =>
  (addresses.length > 0 ? addresses : hosts.slice(0, 1)).map((it) => server(it, port));

type Services = HaproxyInput['services'];
const hostRules = (services: Services): HaproxyInput['routes'] => [
  {
    id: 'lab/urlMap/site',
    name: 'site',
    otherwise: { service: 'web' },
    hosts: [
      ...services.map((it) => ({ host: `${it.name}.test`, matcher: it.name })),
      { host: '*.wild.test', matcher: 'paths' },
      { host: '*.very.wild.test', matcher: 'second' },
      { host: 'away.test', matcher: 'away' },
    ],
    matchers: [
      ...services.map((it) => ({ name: it.name, otherwise: { service: it.name }, paths: [] })),
      {
        name: 'paths',
        otherwise: { service: 'web' },
        paths: [
          { path: '/second/*', to: { service: 'second' } },
          { path: '/second/first', to: { service: 'web' } },
          {
            path: '/old/*',
            to: { redirect: { code: '308' as const, https: true, prefix: '/new', matched: '/old', stripQuery: false } },
          },
        ],
      },
      {
        name: 'away',
        otherwise: { redirect: { code: '302' as const, https: true, host: 'x.test', path: '/y', stripQuery: true } },
        paths: [],
      },
    ],
  },
];

/** The engine lets a connection take as long as the interval at most: TLS takes a busy machine more than the second of others. */
const calm = { interval: 10 };

const services: Services = [
  service('web', { servers: on(ports.http, hosts[0]) }),
  service('second', { servers: on(ports.http, hosts[1]) }),
  service('tls', { protocol: 'HTTPS', servers: on(ports.https), check: check({ type: 'https', ...calm }) }),
  service('h2', { protocol: 'HTTP2', servers: on(ports.h2), check: check({ type: 'http2', ...calm }) }),
  service('h2c', {
    protocol: 'H2C',
    servers: on(ports.h2c),
    check: check({ type: 'grpc', service: 'shop.Cart', ...calm }),
  }),
  service('silent', { servers: on(ports.silent), timeout: 1 }),
  service('garbage', { servers: on(ports.garbage) }),
  service('early', { servers: on(ports.early) }),
  service('halfway', { servers: on(ports.halfway) }),
  service('refusing', { servers: on(ports.refusing) }),
  service('nobody', { servers: [] }),
  service('own', { servers: on(ports.http) }),
  service('ill', { servers: on(ports.http), check: check({ path: '/status?code=500' }) }),
  service('by-cookie', { servers: on(80, ...hosts), affinity: { by: 'generated', ttl: 60 } }),
  service('by-own', { servers: on(80, ...hosts), affinity: { by: 'cookie', name: 'place', path: '/', ttl: 0 } }),
  service('by-header', { servers: on(80, ...hosts), affinity: { by: 'header', name: 'X-User' } }),
  service('by-address', { servers: on(80, ...hosts), affinity: { by: 'address' } }),
  service('least', { servers: on(80, ...hosts), policy: 'LEAST_REQUEST' }),
  service('random', { servers: on(80, ...hosts), policy: 'RANDOM' }),
  service('headers', {
    servers: on(80),
    requestHeaders: [
      { name: 'X-Client', value: '{client_ip_address} 100% {unknown} "quoted" it\'s' },
      { name: 'X-Tls', value: '{tls_version} {tls_sni_hostname} {client_encrypted} {client_protocol}' },
      { name: 'X-Rtt', value: '{client_rtt_msec}' },
    ],
    responseHeaders: [{ name: 'X-Seen', value: '{server_ip_address}:{server_port}' }],
  }),
];

const wanted = () =>
  site({
    services,
    routes: hostRules(services),
    certificates: [certificate('example', ['example.com']), certificate('wild', ['*.wild.test', 'one.test'])],
    frontends: [
      ...site().frontends.map((it) => ({
        ...it,
        tls: { target: 'lab/targetHttpsProxy/site', certificates: ['example', 'wild'], minVersion: 'TLSv1.2' as const },
      })),
      { id: 'lab/forwardingRule/plain', name: 'plain', address: FRONT, port: 80, routes: 'site' },
    ],
  });

beforeAll(async () => {
  lab = await proxyLab();
  await lab.hold(wanted());
  await eventually(
    () => lab.look(),
    (it) => ['tls', 'h2', 'h2c'].every((name) => it.values[`lab/backendService/${name}`]?.['healthy'] === 1),
  );
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

const status = (url: string, ...more: string[]) => lab.curl('-o', '/dev/null', '-w', '%{http_code}', ...more, url);

/** The access log's last line with that text in it. */
const logged = (text: string): Promise<AccessLine | undefined> =>
  eventually(
    async () =>
      readFileSync(lab.paths.log, 'utf8')
        .split('\n')
        .findLast((it) => it.includes(text)),
    (it) => it !== undefined,
  ).then((it) => parseAccess(it ?? ''));

test('hosts and paths lead where the URL map says; the longest decides', async () => {
  expect(await lab.curl('https://a.wild.test/')).toBe(hosts[0]);
  expect(await lab.curl('https://a.wild.test/second/x')).toBe(hosts[1]);
  expect(await lab.curl('https://a.wild.test/second')).toBe(hosts[0]);
  expect(await lab.curl('https://a.wild.test/second/first')).toBe(hosts[0]);
  expect(await lab.curl('http://a.very.wild.test/')).toBe(hosts[1]);
  expect(await lab.curl('http://SECOND.test:80/')).toBe(hosts[1]);
  expect(await lab.curl('https://unknown.test/')).toBe(hosts[0]);
  expect(await lab.curl('-w', '%{http_code} %{redirect_url}', '-o', '/dev/null', 'https://a.wild.test/old/a?b=c')).toBe(
    '308 https://a.wild.test/new/a?b=c',
  );
  expect(await lab.curl('-w', '%{http_code} %{redirect_url}', '-o', '/dev/null', 'http://away.test/q?b=c')).toBe(
    '302 https://x.test/y',
  );
});

test('the server sees who asked: addresses are appended, what cannot be trusted is gone', async () => {
  const told = [
    '-H',
    'X-Forwarded-For: 1.2.3.4',
    '-H',
    'X-Goog-Iap-Jwt-Assertion: forged',
    '-H',
    'x_goog_user: forged',
  ];
  const more = [
    '-H',
    'Connection: X-Keep-Me, close',
    '-H',
    'X-Request-Id: forged',
    '-H',
    'X-GOOG-AUTHENTICATED-USER-EMAIL: me',
  ];
  const seen = await lab.curl('--http1.1', ...told, ...more, 'https://web.test/headers');
  expect(seen).toMatch(new RegExp(`^x-forwarded-for: 1\\.2\\.3\\.4,198\\.51\\.100\\.7,${FRONT}$`, 'im'));
  expect(seen).toMatch(/^x-forwarded-proto: https$/im);
  expect(seen).toMatch(/^via: 1\.1 vauban$/im);
  expect(seen).toMatch(/^x-request-id: [0-9a-f]{32}$/im);
  expect(seen).toMatch(/^x-cloud-trace-context: [0-9a-f]{32}\/1;o=0$/im);
  expect(seen).not.toMatch(/goog|forged|^connection/im);
  expect(await lab.curl('http://web.test/headers')).toMatch(
    new RegExp(`^x-forwarded-for: 198\\.51\\.100\\.7,${FRONT}$`, 'im'),
  );
  // Other headers of that sort bring no empty place before the client, and of several lines the last one counts.
  const forwarded = async (...headers: string[]) =>
    /^x-forwarded-for: (.*)$/im.exec(await lab.curl(...headers, 'https://web.test/headers'))?.[1];
  expect(await forwarded('-H', 'X-Requested-With: me')).toBe(`198.51.100.7,${FRONT}`);
  expect(await forwarded('-H', 'X-Forwarded-For: 1.1.1.1', '-H', 'X-Forwarded-For: 2.2.2.2')).toBe(
    `2.2.2.2,198.51.100.7,${FRONT}`,
  );
  const trace = ['-H', 'X-Cloud-Trace-Context: 105445aa7843bc8bf206b12000100000/1;o=1'];
  expect(await lab.curl(...trace, 'https://web.test/headers')).toContain('105445aa7843bc8bf206b12000100000/1;o=1');
});

test('custom headers carry the variables of the cloud, and everything else as it stands', async () => {
  const answer = await lab.curl('-i', 'http://headers.test/headers');
  expect(answer).toContain('x-client: 198.51.100.7 100% {unknown} "quoted" it\'s');
  expect(answer).toContain(`x-seen: ${FRONT}:80`);
  expect(answer).toMatch(/^x-rtt: \d+$/m);
  expect(await lab.curl('--http2', 'https://headers.test/headers')).toContain(
    'x-tls: TLSv1.3 headers.test true HTTP/2.0',
  );
});

test('servers are spoken to in HTTP/1.1, in TLS, in HTTP/2 with and without TLS', async () => {
  expect(await lab.curl('https://web.test/headers')).toContain('HTTP/1.1');
  expect(await lab.curl('https://tls.test/headers')).toContain('HTTP/1.1');
  expect(await lab.curl('https://h2.test/headers')).toContain('HTTP/2.0');
  expect(await lab.curl('https://h2c.test/headers')).toContain('HTTP/2.0');
});

test('gRPC passes with its trailers, over TLS and without', async () => {
  const call = `
import { connect } from 'node:http2';
const session = connect('https://${FRONT}', { rejectUnauthorized: false, servername: process.argv[2] });
const stream = session.request({ ':method': 'POST', ':path': '/shop.Cart/Add', ':authority': process.argv[2], 'content-type': 'application/grpc', te: 'trailers' });
stream.on('response', (h) => console.log(h[':status'], h['content-type']));
stream.on('trailers', (h) => console.log(h['grpc-status'], h['grpc-message']));
stream.on('data', (d) => console.log(d.toString('hex')));
stream.on('close', () => session.close());
stream.end(Buffer.from('0000000000', 'hex'));`;
  for (const name of ['h2c.test', 'h2.test']) {
    expect((await lab.script(call, name)).split('\n').toSorted()).toEqual([
      '0 fine',
      '0000000000',
      '200 application/grpc',
    ]);
  }
});

test('a WebSocket passes over HTTP/1.1, and over HTTP/2 (RFC 8441)', async () => {
  const one = `
import WebSocket from '${new URL('../../node_modules/ws/wrapper.mjs', import.meta.url).pathname}';
const socket = new WebSocket('wss://${FRONT}/socket', { rejectUnauthorized: false, headers: { host: 'web.test' }, servername: 'web.test' });
socket.on('open', () => socket.send('hello')).on('message', (text) => { console.log(String(text)); socket.close(); }).on('error', (e) => console.log(e.message));`;
  expect(await lab.script(one)).toBe(`${hosts[0]} hello`);
  const two = `
import { connect } from 'node:http2';
const session = connect('https://${FRONT}', { rejectUnauthorized: false, servername: 'web.test' });
session.on('remoteSettings', (settings) => {
  console.log(settings.enableConnectProtocol);
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':path': '/socket', ':authority': 'web.test', 'sec-websocket-version': '13' });
  stream.on('response', (h) => { console.log(h[':status']); const text = Buffer.from('hi'); const mask = Buffer.alloc(4); stream.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length]), mask, text])); });
  stream.on('data', (d) => { console.log(d.subarray(2).toString()); stream.close(); session.close(); });
  stream.on('error', () => {});
});
session.on('error', (e) => console.log(e.message));`;
  expect(await lab.script(two)).toBe(`true\n200\n${hosts[0]} hi`);
});

test('server-sent events come one by one, as they are sent', async () => {
  const lag = `
import { request } from 'node:https';
request({ host: '${FRONT}', path: '/events?count=3', rejectUnauthorized: false, headers: { host: 'web.test' } }, (answer) => {
  let chunks = 0;
  answer.on('data', () => { chunks += 1; }).on('end', () => console.log(chunks));
}).end();`;
  expect(Number(await lab.script(lag))).toBeGreaterThanOrEqual(3);
});

test('a body of 1 GB goes through in both directions, without being held', async () => {
  const size = 1 << 30;
  const before = await memory();
  expect(
    await lab.curl('-m', '120', '-w', '%{size_download}', '-o', '/dev/null', `https://web.test/big?bytes=${size}`),
  ).toBe(String(size));
  const upload = `head -c ${size} /dev/zero | curl -sk -m 120 --noproxy '*' --resolve web.test:443:${FRONT} -T - https://web.test/upload`;
  expect((await lab.outside(['sh', '-c', upload])).stdout).toBe(String(size));
  expect((await memory()) - before).toBeLessThan(64 * 1024);
}, 300_000);

/** KiB that the worker holds. */
async function memory(): Promise<number> {
  const { ask } = await import('#engines/haproxy/runtime.ts');
  const pid = /^Pid: (\d+)$/m.exec(await ask(lab.paths.runtime, 'show info'))?.[1];
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

test('bad servers are answered for: 502, 503 and 504, and the log says why', async () => {
  const cases = {
    silent: ['504', 'backend_timeout'],
    garbage: ['502', 'backend_response_invalid'],
    early: ['502', 'backend_connection_closed_before_data_sent_to_client'],
    refusing: ['502', 'failed_to_connect_to_backend'],
    nobody: ['503', 'failed_to_pick_backend'],
    own: ['503', 'response_sent_by_backend'],
  } as const;
  for (const [name, [code, words]] of Object.entries(cases)) {
    const path = name === 'own' ? '/status?code=503&for=own' : `/for-${name}`;
    expect(await status(`https://${name}.test${path}`, '--http1.1'), name).toBe(code);
    const line = await logged(path);
    expect(line === undefined ? [] : [String(line.status), statusDetails(line)], name).toEqual([code, words]);
  }
  // Over HTTP/2 clients are left to ask once more.
  expect(await status('https://early.test/over-http2', '--http2')).toMatch(/^000/);
  await status('https://halfway.test/for-halfway');
  const line = await logged('/for-halfway ');
  expect(line && statusDetails(line)).toBe('backend_connection_closed_after_partial_response_sent');
  await eventually(
    () => status('https://ill.test/'),
    (it) => it === '503',
  );
  expect((await lab.look()).details?.['lab/backendService/ill']).toBe('0 of 1 healthy. s11: wrong status 500');
});

test('pages of our own name the request, by which the log is found', async () => {
  const page = await lab.curl('-i', 'https://nobody.test/a-page');
  const id = /^x-request-id: (\S+)/im.exec(page)?.[1];
  expect(page).toMatch(/^HTTP\/2 503/);
  expect(page).toContain(`Request <code>${id}</code>`);
  expect((await logged('/a-page '))?.id).toBe(id);
});

test('affinity leads a client to the same server, by cookie, header and address', async () => {
  const jar = `/tmp/${lab.machine.deployment}.jar`;
  const four = (url: string, ...more: string[]) => lab.curl(...more, '-w', '\n', ...Array(6).fill(url));
  const servers = async (...asked: Parameters<typeof four>) =>
    new Set((await four(...asked)).split('\n').filter((it) => it !== ''));
  expect((await servers('https://by-cookie.test/', '-b', jar, '-c', jar)).size).toBe(1);
  expect((await servers('https://by-cookie.test/')).size).toBeGreaterThan(1);
  expect((await servers('https://by-own.test/', '-b', jar, '-c', jar)).size).toBe(1);
  expect((await servers('https://by-own.test/', '-H', 'Cookie: place=mine')).size).toBe(1);
  expect((await servers('https://by-header.test/', '-H', 'X-User: anna')).size).toBe(1);
  expect((await servers('https://by-address.test/')).size).toBe(1);
  const many = await Promise.all(
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((it) => lab.curl('-H', `X-User: ${it}`, 'https://by-header.test/')),
  );
  expect(new Set(many).size).toBeGreaterThan(1);
  expect((await servers('https://least.test/')).size).toBeGreaterThan(1);
  expect((await servers('https://random.test/')).size).toBeGreaterThan(1);
  await lab.outside(['rm', '-f', jar]);
});

test('the certificate is that of the name; without a name, or with another, it is the first', async () => {
  const subject = async (...name: string[]) =>
    (
      await lab.outside([
        'sh',
        '-c',
        `openssl s_client -connect ${FRONT}:443 ${name.join(' ')} </dev/null 2>/dev/null | openssl x509 -noout -subject`,
      ])
    ).stdout.trim();
  expect(await subject('-servername', 'example.com')).toContain('CN = example.com');
  expect(await subject('-servername', 'x.wild.test')).toContain('CN = *.wild.test');
  expect(await subject('-servername', 'other.test')).toContain('CN = example.com');
  expect(await subject('-noservername')).toContain('CN = example.com');
});

test('an older TLS than allowed is refused', async () => {
  const offer = async (version: string) =>
    (
      await lab.outside([
        'sh',
        '-c',
        `openssl s_client -connect ${FRONT}:443 -${version} -cipher DEFAULT@SECLEVEL=0 </dev/null 2>&1 | grep -c "BEGIN CERTIFICATE" || true`,
      ])
    ).stdout.trim();
  expect(await offer('tls1_1')).toBe('0');
  expect(await offer('tls1_2')).toBe('1');
  expect(await offer('tls1_3')).toBe('1');
});

test('a request for a name of another certificate than the connection’s is misdirected', async () => {
  const asked = (sni: string, host: string) => status(`https://${sni}/`, '--http2', '-H', `Host: ${host}`);
  expect(await asked('one.test', 'one.test')).toBe('200');
  expect(await asked('one.test', 'x.wild.test')).toBe('200');
  expect(await asked('one.test', 'example.com')).toBe('421');
  expect(await asked('example.com', 'x.wild.test')).toBe('421');
  expect(await asked('other.test', 'another.test')).toBe('200');
});

test('requests that look like two are refused, or reach the server as one', async () => {
  const raw = async (...lines: string[]) => {
    const script = `
import { connect } from 'node:net';
const socket = connect(80, '${FRONT}', () => socket.end(process.argv[2].replaceAll('|', '\\r\\n').replaceAll('~', '\\0')));
let text = '';
socket.on('data', (d) => { text += d; }).on('close', () => console.log([...text.matchAll(/^HTTP\\/1.1 (\\d+)/gm)].map((it) => it[1]).join()));
setTimeout(() => socket.destroy(), 700);`;
    return lab.script(script, lines.join('|'));
  };
  const head = ['POST /upload HTTP/1.1', 'Host: web.test'];
  const inner = ['0', '', 'GET /second HTTP/1.1', 'Host: web.test', '', ''];
  for (const lines of [
    [...head, 'Content-Length: 4', 'Content-Length: 5', '', 'abcd'],
    [...head, 'Transfer-Encoding: xchunked', '', ...inner],
    [...head, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity', '', ...inner],
    [...head, 'Content-Length : 4', '', 'abcd'],
    [...head, 'Content-Length: +4', '', 'abcd'],
    ['GET / HTTP/1.1', 'Host: web.test', 'Host: second.test', '', ''],
    ['GET http://second.test/ HTTP/1.1', 'Host: web.test', '', ''],
    ['GET /a#b HTTP/1.1', 'Host: web.test', '', ''],
    ['GET / HTTP/1.1', 'Host: web.test', 'X: a~b', '', ''],
  ]) {
    expect(await raw(...lines), lines.join('|')).toMatch(/^400/);
  }
  // A length beside chunks: the chunks count, the length goes no further, and the connection ends with the answer.
  expect(await raw(...head, 'Content-Length: 6', 'Transfer-Encoding: chunked', '', ...inner)).toBe('200');
});

test('the log never holds up a request', async () => {
  const lines = readFileSync(lab.paths.log, 'utf8')
    .split('\n')
    .filter((it) => /^\d+ /.test(it));
  for (const line of lines) expect(parseAccess(line), line).toBeDefined();
  const long = 'x'.repeat(6000);
  expect(await status(`https://web.test/long?${long}`, '-A', `"${'ü'.repeat(400)}`)).toBe('200');
  const found = await logged('/long?');
  expect(found?.uri.length).toBeGreaterThan(1000);
});
