import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../deployment.ts';
import { goingOn, socketClient } from '../going-on.ts';
import { type IapLab, iapLab, lets, protectedSite, SITE, webService } from '../iap-lab.ts';
import { service } from '../proxy-lab.ts';

/** What changes while people are at work, and what breaks. */

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
  await lab.decide(everything);
});

const status = (...argv: string[]) => lab.curl('-o', '/dev/null', '-w', '%{http_code}', ...argv);

/** Asks again and again over one connection; says each status that differs from the one before, and counts. */
const steadyClient = `
import { Agent, request } from 'node:https';
const [host, name, cookie] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let last = ''; let failed = 0; let done = 0;
const ask = () => new Promise((over) => {
  const it = request({ agent, host, servername: name, port: 443, path: '/', rejectUnauthorized: false, headers: { host: name, cookie } }, (answer) => {
    answer.resume().on('end', () => over(String(answer.statusCode))).on('error', () => over('broken'));
  });
  it.on('error', (error) => over('failed ' + error.code));
  it.end();
});
process.on('SIGTERM', () => { console.log('asked ' + done + ' failed ' + failed); process.exit(); });
for (;;) {
  const said = await ask();
  done += 1;
  if (!/^\\d/.test(said)) failed += 1;
  if (said !== last) console.log(said);
  last = said;
}`;

const grpcClient = `
import { connect } from 'node:http2';
const [host, name, cookie] = process.argv.slice(2);
const session = connect('https://' + host, { servername: name, rejectUnauthorized: false });
const stream = session.request({ ':method': 'POST', ':path': '/shop.Cart/Add', ':authority': name, cookie, 'content-type': 'application/grpc', te: 'trailers' });
stream.on('response', (it) => console.log('answered ' + it[':status'])).resume().on('close', () => process.exit());
stream.end(Buffer.from('0000000000', 'hex'));`;

describe('a change is in force on sessions that live, within a second', () => {
  test('a role taken away, and given back', async () => {
    const cookie = lab.signIn();
    const other = lab.signIn('bob@example.com');
    expect([await status('-b', cookie, `${SITE}/`), await status('-b', other, `${SITE}/`)]).toEqual(['200', '200']);
    await lab.decide({ bindings: lets(['user:bob@example.com']) });
    expect([await status('-b', cookie, `${SITE}/`), await status('-b', other, `${SITE}/`)]).toEqual(['403', '200']);
    await lab.decide(everything);
    expect(await status('-b', cookie, `${SITE}/`)).toBe('200');
  });

  test('a service that is none any more', async () => {
    const cookie = lab.signIn();
    expect(await status('-b', cookie, `${SITE}/`)).toBe('200');
    await lab.decide({ services: [webService({ name: 'another' })] });
    expect(await status('-b', cookie, `${SITE}/`)).not.toBe('200');
  });

  test('a session that ended: nobody who has its cookie gets in, and no other session is touched', async () => {
    const [one, other] = [lab.signIn(), lab.signIn()];
    const steady = client(steadyClient, one);
    await steady.said('200');
    expect(await status('-b', other, `${SITE}/`)).toBe('200');
    const before = (await lab.health()).values['lab']?.['decisions'] ?? 0;
    await lab.curl('-b', one, `${SITE}/_gcp_iap/clear_login_cookie`);
    await steady.said('302');
    expect(steady.lines()).toEqual(['200', '302']);
    steady.child.kill('SIGKILL');
    expect(await status('-b', other, `${SITE}/`)).toBe('200');
    const asked = (await lab.logged('decision')).slice(before).filter((it) => it['verdict'] === 'allow');
    expect(asked).toEqual([]);
  });

  test('gRPC calls pass, and each is asked about', async () => {
    const before = (await lab.health()).values['lab']?.['decisions'] ?? 0;
    const cookie = lab.signIn();
    const calls = [client(grpcClient, cookie), client(grpcClient, cookie)];
    await Promise.all(calls.map((it) => it.said('answered 200')));
    expect((await lab.health()).values['lab']?.['decisions']).toBe(before + 2);
  });
});

describe('the decision service', () => {
  test('when it is down, nobody new gets in, and who is known goes on; when it is back, nobody has to sign in again', async () => {
    const [known, fresh] = [lab.signIn(), lab.signIn('bob@example.com')];
    expect(await status('-b', known, `${SITE}/`)).toBe('200');
    const space = await stopEdge();
    expect(await status('-b', known, `${SITE}/`)).toBe('200');
    const answer = await lab.curl('-i', '-b', fresh, `${SITE}/`);
    expect(answer).toContain('HTTP/2 503');
    expect(answer).toContain('x-goog-iap-generated-response: true');
    expect(await status(`${SITE}/`)).toBe('302');
    await space.start();
    await eventually(
      () => status('-b', fresh, `${SITE}/`),
      (it) => it === '200',
    );
    expect(await status('-b', known, `${SITE}/`)).toBe('200');
  });

  test('killed under load it is back by itself: known sessions lose no request', async () => {
    const cookie = lab.signIn();
    const steady = client(steadyClient, cookie);
    await steady.said('200');
    const pid = await lab.edgePid();
    process.kill(pid, 'SIGKILL');
    await eventually(
      () => lab.edgePid(),
      (it) => it !== 0 && it !== pid,
    );
    await eventually(
      () => lab.health().catch(() => undefined),
      (it) => (it?.values['lab']?.['workers'] ?? 0) > 0,
    );
    await sleep(500);
    steady.child.kill('SIGTERM');
    await eventually(
      async () => steady.lines(),
      (it) => it.some((line) => line.startsWith('asked')),
    );
    // A request that had to be asked about in that very moment is told to come back.
    const said = steady.lines();
    expect(said.at(-1)).toMatch(/^asked \d+ failed 0$/);
    expect(said.slice(0, -1).filter((it) => it !== '200' && it !== '503')).toEqual([]);
  });
});

describe('a reload of HAProxy', () => {
  const services = (timeout: number) =>
    protectedSite({ services: [service('web', { iap: true, timeout }), service('open')] });

  test('under load fails no request, and what is decided afterwards holds in every worker', async () => {
    const cookies = [lab.signIn(), lab.signIn(), lab.signIn('bob@example.com')];
    const steady = cookies.map((it) => client(steadyClient, it));
    await Promise.all(steady.map((it) => it.said('200')));
    for (const timeout of [6, 7, 8]) {
      await lab.hold(services(timeout));
      await sleep(300);
    }
    await eventually(
      () => lab.health(),
      (it) => (it.values['lab']?.['workers'] ?? 0) > 0,
    );
    await lab.decide({ bindings: lets(['user:alice@example.com']) });
    await steady[2]?.said('403');
    for (const it of steady) it.child.kill('SIGTERM');
    for (const it of steady)
      await eventually(
        async () => it.lines(),
        (lines) => lines.some((line) => line.startsWith('asked')),
      );
    expect(steady.map((it) => it.lines().slice(0, -1))).toEqual([['200'], ['200'], ['200', '403']]);
    for (const it of steady) expect(it.lines().at(-1)).toMatch(/^asked \d{2,} failed 0$/);
  }, 60_000);

  test('lets a WebSocket live on in its former worker, and it is still closed when its session ends', async () => {
    const cookie = lab.signIn();
    const socket = client(socketClient, cookie);
    await socket.said('open');
    await lab.hold(services(9));
    await lab.hold(services(10));
    expect(await status('-b', cookie, `${SITE}/`)).toBe('200');
    expect(socket.lines()).toEqual(['open']);
    await lab.curl('-b', cookie, `${SITE}/_gcp_iap/clear_login_cookie`);
    await socket.said('closed');
    // Nothing of ours keeps a former worker from leaving.
    await eventually(
      () => lab.health(),
      (it) => it.values['lab']?.['workers'] === 1,
      60,
    );
  }, 90_000);
});

/** Keeps the edge service down until `start`. */
async function stopEdge(): Promise<{ start(): Promise<void> }> {
  await lab.machine.supervisor.remove('edge.lab');
  return { start: () => lab.decide({}) };
}
