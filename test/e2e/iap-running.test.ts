import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '#engines/haproxy/runtime.ts';
import { eventually } from '../deployment.ts';
import { goingOn, socketClient } from '../going-on.ts';
import { type IapLab, iapLab, lets, protectedSite, SITE, webService } from '../iap-lab.ts';
import { hosts, server, service } from '../proxy-lab.ts';
import { ports } from '../proxy-servers.ts';

/** What still runs when somebody signs out or loses a role: WebSockets, event streams, gRPC, downloads. */

let lab: IapLab;

beforeAll(async () => {
  lab = await iapLab();
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

const everything = { services: [webService()], bindings: lets(['user:alice@example.com', 'user:bob@example.com']) };
const { client, stop } = goingOn(() => lab);
beforeAll(() => lab.decide(everything));
afterEach(async () => {
  stop();
  await lab.hold(protectedSite());
  await lab.decide(everything);
});

const KEY = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';

const status = (...argv: string[]) => lab.curl('-o', '/dev/null', '-w', '%{http_code}', ...argv);
const grpcService = service('web', {
  iap: true,
  protocol: 'H2C',
  servers: hosts.slice(0, 2).map((it) => server(it, ports.h2c)),
});

/** Reads what has no end, over HTTP/1.1; slowly, if it has a length. */
const readingClient = `
import { request } from 'node:https';
const [host, name, cookie, path, accept] = process.argv.slice(2);
const asked = request({ host, servername: name, port: 443, path, rejectUnauthorized: false, headers: { host: name, cookie, accept } }, (it) => {
  console.log('answered ' + it.statusCode);
  it.once('data', () => console.log('open')).on('data', () => { it.pause(); setTimeout(() => it.resume(), 20); });
  it.on('error', () => {}).on('close', () => { console.log('closed'); process.exit(); });
});
asked.on('error', (it) => console.log('error ' + it.message));
asked.end();`;

/** Several streams over one HTTP/2 connection: one for each cookie. */
const sharingClient = `
import { connect } from 'node:http2';
const [host, name, path, type, ...cookies] = process.argv.slice(2);
const session = connect('https://' + host, { servername: name, rejectUnauthorized: false });
session.on('close', () => console.log('connection closed'));
cookies.forEach((cookie, at) => {
  const grpc = type === 'application/grpc';
  const stream = session.request({ ':method': grpc ? 'POST' : 'GET', ':path': path, ':authority': name, cookie, ...(grpc ? { 'content-type': type, te: 'trailers' } : { accept: type }) });
  let seen = 0;
  stream.once('data', () => console.log('open ' + at));
  stream.on('data', () => { if (++seen % 10 === 0) console.log('alive ' + at + ' ' + seen); });
  stream.on('error', () => {}).on('close', () => console.log('closed ' + at));
  if (grpc) stream.write(Buffer.from('0000000000', 'hex'));
});`;

/** Asks a few times over one HTTP/1.1 connection, so that the connection knows whose it is, and then for what has no end. */
const knownClient = `
import { connect } from 'node:tls';
const [host, name, cookie, path, ...more] = process.argv.slice(2);
const socket = connect({ host, port: 443, servername: name, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
let text = ''; let wake = () => {};
socket.setEncoding('latin1').on('data', (it) => { text += it; wake(); }).on('error', () => {}).on('close', () => console.log('closed'));
const until = async (isThere) => { while (!isThere()) await new Promise((done) => { wake = done; }); };
const send = (path, lines) => { text = ''; socket.write(['GET ' + path + ' HTTP/1.1', 'host: ' + name, 'cookie: ' + cookie, ...lines, '', ''].join('\\r\\n')); };
for (let at = 0; at < 20; at++) { await new Promise((done) => setTimeout(done, 20)); send('/headers?before', []); await until(() => text.endsWith('\\r\\n0\\r\\n\\r\\n')); }
send(path, more);
await until(() => / 101 |data: /.test(text));
console.log('open');`;

describe('ends within a second', () => {
  test('a WebSocket is closed when its session ends, and others stay', async () => {
    const [one, other] = [lab.signIn(), lab.signIn()];
    const [first, second] = [client(socketClient, one), client(socketClient, other)];
    await Promise.all([first.said('open'), second.said('open')]);
    await lab.curl('-b', one, `${SITE}/_gcp_iap/clear_login_cookie`);
    await first.said('closed');
    expect(second.lines()).toEqual(['open']);
    expect(await lab.health()).toMatchObject({ values: { lab: { running: 1 } } });
  });

  test('a WebSocket is closed when the role is taken away, and one of somebody else stays', async () => {
    const [first, second] = [client(socketClient, lab.signIn()), client(socketClient, lab.signIn('bob@example.com'))];
    await Promise.all([first.said('open'), second.said('open')]);
    await lab.decide({ bindings: lets(['user:bob@example.com']) });
    await first.said('closed');
    expect(second.lines()).toEqual(['open']);
  });

  test.each([
    ['an event stream', '/events?count=1000', 'text/event-stream'],
    ['an event stream that nobody announced', '/events?count=1000', '*/*'],
    ['a long download', '/big?bytes=1000000000', '*/*'],
  ])('%s ends with its session, and the same of somebody else goes on', async (_, path, accept) => {
    const [one, other] = [lab.signIn(), lab.signIn('bob@example.com')];
    // What HAProxy remembers it does not ask about.
    expect([await status('-b', one, `${SITE}/`), await status('-b', other, `${SITE}/`)]).toEqual(['200', '200']);
    const streams = [one, other].map((cookie) => client(readingClient, cookie, path, accept));
    await Promise.all(streams.map((it) => it.said('open')));
    await lab.curl('-b', one, `${SITE}/_gcp_iap/clear_login_cookie`);
    await streams[0]?.said('closed');
    expect(streams[1]?.lines()).toEqual(['answered 200', 'open']);
  });

  test.each([
    ['event streams', '/events?count=1000', '*/*'],
    ['gRPC streams', '/shop.Cart/Watch', 'application/grpc'],
  ])('%s of several people over one HTTP/2 connection: only those of who lost the role end', async (_, path, type) => {
    await lab.hold(protectedSite({ services: [grpcService, service('open')] }));
    const cookies = [lab.signIn(), lab.signIn('bob@example.com'), lab.signIn()];
    const shared = client(sharingClient, path, type, ...cookies);
    await Promise.all([0, 1, 2].map((it) => shared.said(`open ${it}`)));
    await lab.decide({ bindings: lets(['user:bob@example.com']) });
    await Promise.all([shared.said('closed 0'), shared.said('closed 2')]);
    const alive = () => shared.lines().filter((it) => it.startsWith('alive 1')).length;
    const before = alive();
    await eventually(
      async () => alive(),
      (it) => it > before + 1,
    );
    expect(
      shared
        .lines()
        .filter((it) => it.includes('closed'))
        .sort(),
    ).toEqual(['closed 0', 'closed 2']);
  });

  test.each([
    ['WebSocket', '/socket', ['connection: upgrade', 'upgrade: websocket', 'sec-websocket-version: 13', KEY]],
    ['event stream', '/events?count=1000', []],
  ])('an open %s that nobody was asked about, as the connection knew whose it is', async (_, path, more) => {
    const stream = client(knownClient, lab.signIn(), path, ...more);
    await stream.said('open');
    // What is asked about, or looked up, goes by its twin.
    expect(await ask(lab.paths.runtime, 'show sess')).toMatch(/ be=web /);
    await lab.decide({ bindings: lets(['user:bob@example.com']) });
    await stream.said('closed');
  });

  test('a WebSocket that nobody signed in for ends when it would not be opened any more', async () => {
    await lab.decide({ bindings: lets(['allUsers']) });
    const socket = client(socketClient, '');
    await socket.said('open');
    await lab.decide(everything);
    await socket.said('closed');
  });

  test('a stream that was asked for before a role is taken away, and begins after it, ends', async () => {
    const cookie = lab.signIn();
    expect(await status('-b', cookie, `${SITE}/`)).toBe('200');
    const stream = client(readingClient, cookie, '/events?count=1000&after=2500', '*/*');
    await eventually(
      () => ask(lab.paths.runtime, 'show sess'),
      (it) => / be=web(?:\.ask)? /.test(it),
    );
    await lab.decide({ bindings: lets(['user:bob@example.com']) });
    await stream.said('answered 200');
    await stream.said('closed');
  });

  test('what was taken away while the decision service was down ends when it is back', async () => {
    const [first, second] = [client(socketClient, lab.signIn()), client(socketClient, lab.signIn('bob@example.com'))];
    await Promise.all([first.said('open'), second.said('open')]);
    await lab.machine.supervisor.remove('edge.lab');
    expect(first.lines()).toEqual(['open']);
    await lab.decide({ bindings: lets(['user:bob@example.com']) });
    await first.said('closed');
    expect(second.lines()).toEqual(['open']);
  });
});
