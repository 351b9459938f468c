import { createHash, X509Certificate } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import { haproxyEngine } from '#engines/haproxy/driver.ts';
import type { HaproxyInput } from '#engines/haproxy/input.ts';
import { pkiEngine } from '#engines/pki/driver.ts';
import type { PkiInput } from '#engines/pki/input.ts';
import { pkiPaths } from '#engines/pki/paths.ts';
import { demandPart } from '#engines/pki/steer.ts';
import { eventually } from '../deployment.ts';
import { goingOn, socketClient } from '../going-on.ts';
import { FRONT, HOST, type IapLab, iapLab, lets, protectedSite, SITE, webService, when } from '../iap-lab.ts';
import { service } from '../proxy-lab.ts';

/** Access levels that ask for a certificate of the device, with authorities of the project that issue and revoke. */

let lab: IapLab;

const authority = (name: string): Artifact<PkiInput> => ({
  ...{ id: `pki/lab.${name}`, engine: 'pki', owners: [], needs: [] },
  input: pkiEngine.input.parse({
    ...{ type: 'internal', authority: `lab.${name}`, resource: `lab/certificateAuthority/${name}` },
    ...{ subject: { commonName: name }, keyAlgorithm: 'ec-p256', lifeDays: 3650, crlDays: 30, certificates: [] },
  }),
});
const [devices, others] = [authority('devices'), authority('others')];

type Mode = NonNullable<NonNullable<HaproxyInput['frontends'][number]['tls']>['clients']>['mode'];

/** A front end that asks for certificates of `devices`. */
function asking(mode: Mode, services = [service('web', { iap: true }), service('open')]): HaproxyInput {
  const base = protectedSite({ services });
  const clients = { mode, authorities: ['lab.devices'], listed: true };
  return {
    ...base,
    frontends: base.frontends.map((it) => ({
      ...it,
      ...(it.tls === undefined ? {} : { tls: { ...it.tls, clients } }),
    })),
  };
}

const managed = {
  ...{ name: 'managed', title: '', combine: 'and' as const },
  conditions: [
    {
      ...{ ipSubnetworks: [], times: [], signIn: [], members: [], requiredAccessLevels: [], negate: false },
      device: { authorities: ['devices'], commonNames: [] },
    },
  ],
};

const everything = {
  services: [webService()],
  deviceAuthorities: [{ name: 'devices', id: 'lab.devices', listed: true }],
  accessLevels: [managed],
  bindings: lets(['user:alice@example.com'], when('"managed" in request.auth.access_levels')),
};

/** Issues as `vauban certificates issue` does; gives what curl needs. */
async function issue(id: string, of = devices, usage = 'client'): Promise<string[]> {
  const detail = JSON.stringify({ subject: { commonName: id }, usage, lifeDays: 30 });
  await pkiEngine.steer?.(lab.machine, of, { part: demandPart(id), state: 'issued', detail });
  const { certificate, key } = pkiPaths(lab.machine, of.input.authority).demanded(id);
  const [copy, keyCopy] = [`${lab.machine.run}/${id}.crt`, `${lab.machine.run}/${id}.key`];
  await copyFile(certificate, copy);
  await copyFile(key, keyCopy);
  return ['--cert', copy, '--key', keyCopy];
}

/** Revokes as `vauban certificates revoke` does. */
const revoke = (id: string) =>
  pkiEngine.steer?.(lab.machine, devices, { part: demandPart(id), state: 'revoked', detail: '{}' });

const status = (...argv: string[]) => lab.curl('-o', '/dev/null', '-w', '%{http_code}', ...argv, `${SITE}/headers`);

const { client, stop } = goingOn(() => lab);
afterEach(stop);

beforeAll(async () => {
  lab = await iapLab();
  for (const it of [devices, others]) await pkiEngine.apply(lab.machine, it, undefined);
  await lab.decide(everything);
}, 120_000);

beforeEach(async () => {
  await lab.hold(asking('ALLOW_INVALID_OR_MISSING_CLIENT_CERT'));
  await lab.decide(everything);
});

afterAll(() => lab?.remove(), 60_000);

test.each(['--http1.1', '--http2'])(
  'over %s only a device with a certificate of the authority gets in',
  async (version) => {
    const cookie = ['-b', lab.signIn(), version];
    const [own, foreign, server] = [
      await issue('laptop'),
      await issue('stranger', others),
      await issue('server', devices, 'server'),
    ];
    // Twice each: what was decided for one device is not remembered for another.
    for (const _ of [1, 2]) {
      expect(await status(...cookie)).toBe('403');
      expect(await status(...cookie, ...own)).toBe('200');
      expect(await status(...cookie, ...foreign)).toBe('403');
      expect(await status(...cookie, ...server)).toBe('403');
    }
  },
);

test('servers are told of the certificate in the headers that the site asks for, and of none by what a client says', async () => {
  const told = {
    ...{ 'X-Seen': 'client_cert_present', 'X-Good': 'client_cert_chain_verified', 'X-Wrong': 'client_cert_error' },
    ...{ 'Client-Cert': 'client_cert_leaf', 'X-Digest': 'client_cert_sha256_fingerprint' },
    ...{ 'X-Serial': 'client_cert_serial_number', 'X-From': 'client_cert_valid_not_before' },
    ...{ 'X-Until': 'client_cert_valid_not_after' },
  };
  const requestHeaders = Object.entries(told).map(([name, it]) => ({ name, value: `{${it}}` }));
  await lab.hold(asking('ALLOW_INVALID_OR_MISSING_CLIENT_CERT', [service('web', { requestHeaders })]));
  const seenBy = async (...argv: string[]) => {
    const lines = (await lab.curl(...argv, '-H', 'client-cert: mine', '-H', 'x-good: true', `${SITE}/headers`)).split(
      '\n',
    );
    return Object.fromEntries(
      lines.flatMap((line) => {
        const [, name = '', value = ''] = /^([^:]+): ?(.*)$/.exec(line) ?? [];
        const known = Object.keys(told).find((it) => it.toLowerCase() === name.toLowerCase());
        return known === undefined ? [] : [[known, value]];
      }),
    );
  };
  const own = await issue('told');
  const it = new X509Certificate(await readFile(own[1] ?? ''));
  const second = (time: Date) => time.toISOString().replace('.000Z', '+00:00');
  const facts = {
    'X-Digest': createHash('sha256').update(it.raw).digest('base64'),
    'X-Serial': it.serialNumber,
    'X-From': second(it.validFromDate),
    'X-Until': second(it.validToDate),
  };
  expect(await seenBy(...own)).toEqual({
    ...facts,
    ...{ 'X-Seen': 'true', 'X-Good': 'true', 'X-Wrong': '', 'Client-Cert': `:${it.raw.toString('base64')}:` },
  });
  const foreign = await seenBy(...(await issue('foreign', others)));
  const failed = 'client_cert_validation_failed';
  expect(foreign).toMatchObject({ 'X-Seen': 'true', 'X-Good': 'false', 'X-Wrong': failed, 'Client-Cert': '' });
  expect(foreign['X-Digest']).not.toBe(facts['X-Digest']);
  expect(await seenBy()).toEqual({
    ...Object.fromEntries(Object.keys(told).map((name) => [name, ''])),
    ...{ 'X-Seen': 'false', 'X-Good': 'false', 'X-Wrong': 'client_cert_not_provided' },
  });
});

/** Asks without pause over one connection that stays, and tells of each other answer and each other connection. */
const keptClient = `
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';
const [host, name, cookie, cert, key, version] = process.argv.slice(2);
const files = { cert: readFileSync(cert), key: readFileSync(key), rejectUnauthorized: false, servername: name };
const agent = new Agent({ keepAlive: true, maxSockets: 1, ...files });
const session = version === '2' ? connect('https://' + host, files) : undefined;
const ask = () => new Promise((done) => {
  if (session === undefined) {
    const asked = request({ host, path: '/headers', agent, headers: { host: name, cookie } }, (it) => it.resume().on('end', () => done([it.statusCode, it.socket?.localPort ?? asked.reusedSocket])));
    asked.on('error', (it) => done(['error ' + it.message, 0])).end();
  } else {
    const stream = session.request({ ':path': '/headers', ':authority': name, cookie });
    stream.on('response', (it) => { stream.resume().on('end', () => done([it[':status'], session.socket.localPort])); });
    stream.on('error', (it) => done(['error ' + it.message, 0])).end();
  }
});
let [last, first] = ['', undefined];
for (;;) {
  const [status, port] = await ask();
  first ??= port;
  const now = status + (session !== undefined && port !== first ? ' elsewhere' : '');
  if (now !== last) console.log(now);
  last = now;
  await new Promise((done) => setTimeout(done, 20));
}`;

/** Begins anew for each request, with the session of TLS that the first one was given. */
const resumingClient = `
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
const [host, name, cookie, cert, key, version] = process.argv.slice(2);
const files = { cert: readFileSync(cert), key: readFileSync(key), rejectUnauthorized: false, servername: name };
let kept;
const ask = () => new Promise((done) => {
  const socket = connect({ host, port: 443, ...files, session: kept, maxVersion: version, minVersion: version });
  let text = ''; let how = 'new ';
  socket.on('session', (it) => { kept ??= it; });
  socket.on('secureConnect', () => { how = socket.isSessionReused() ? 'resumed ' : 'new '; socket.write(['GET /headers HTTP/1.1', 'host: ' + name, 'cookie: ' + cookie, 'connection: close', '', ''].join('\\r\\n')); });
  socket.setEncoding('latin1').on('data', (it) => { text += it; }).on('error', (it) => { text ||= 'HTTP/1.1 ' + it.code; });
  socket.on('close', () => done(how + text.slice(9, 12)));
});
let last = '';
for (;;) {
  const now = await ask();
  if (now !== last) console.log(now);
  last = now;
  await new Promise((done) => setTimeout(done, 20));
}`;

test.each([
  ['1.1', '--http1.1'],
  ['2', '--http2'],
])('a revoked certificate counts no more on a connection over HTTP/%s that stays', async (version) => {
  const id = `kept-${version[0]}`;
  const [, cert = '', , key = ''] = await issue(id);
  const [lost, other] = [
    client(keptClient, lab.signIn(), cert, key, version),
    client(keptClient, lab.signIn(), ...(await issue('laptop')).filter((it) => !it.startsWith('--')), version),
  ];
  await Promise.all([lost.said('200'), other.said('200')]);
  await revoke(id);
  await lost.said('403');
  expect([lost.lines(), other.lines()]).toEqual([['200', '403'], ['200']]);
});

test.each(['TLSv1.2', 'TLSv1.3'])(
  'a revoked certificate counts no more when a session of %s is resumed',
  async (version) => {
    const id = `resumed-${version.at(-1)}`;
    const [, cert = '', , key = ''] = await issue(id);
    const lost = client(resumingClient, lab.signIn(), cert, key, version);
    await lost.said('resumed 200');
    await revoke(id);
    await lost.said('resumed 403');
  },
);

test('a WebSocket ends when the certificate is revoked that it was opened with, and one of another device stays', async () => {
  const socketWith = (files: readonly string[]): string =>
    `import { readFileSync } from 'node:fs';${socketClient.replace(
      'rejectUnauthorized',
      `cert: readFileSync('${files[1]}'), key: readFileSync('${files[3]}'), rejectUnauthorized`,
    )}`;
  const cookie = lab.signIn();
  const lost = client(socketWith(await issue('socket')), cookie);
  const other = client(socketWith(await issue('laptop')), cookie);
  await Promise.all([lost.said('open'), other.said('open')]);
  // Both are among those that were judged already, so that only the revocation is a reason to look at them again.
  await eventually(lab.health, (it) => it.values['lab']?.['running'] === 2);
  await revoke('socket');
  await lost.said('closed');
  expect(other.lines()).toEqual(['open']);
});

test('the page, and the log of decisions, say what is wrong with the device', async () => {
  const cookie = ['-b', lab.signIn(), `${SITE}/headers`];
  expect(await lab.curl(...cookie)).toContain('Your device has not shown a certificate.');
  const foreign = await issue('stranger', others);
  expect(await lab.curl(...foreign, ...cookie)).toContain('The certificate of your device is not accepted.');
  const lost = await issue('lost');
  await revoke('lost');
  const page = await eventually(
    () => lab.curl(...lost, ...cookie),
    (it) => it.includes('it is revoked'),
  );
  expect(page).toContain('help@example.com');
  await lab.curl(...(await issue('laptop')), ...cookie);
  const last = (await lab.logged('decision')).at(-1);
  expect(last).toMatchObject({ verdict: 'allow', device: { authority: 'devices', commonName: 'laptop' } });
});

test('a level may name devices, and a condition may read what they show', async () => {
  const [one, other] = [await issue('laptop'), await issue('desktop')];
  const cookie = ['-b', lab.signIn()];
  const named = {
    ...managed,
    conditions: managed.conditions.map((it) => ({ ...it, device: { ...it.device, commonNames: ['desktop'] } })),
  };
  await lab.decide({ accessLevels: [named] });
  expect([await status(...cookie, ...one), await status(...cookie, ...other)]).toEqual(['403', '200']);
  const reads = 'has(device.certificate) && device.certificate.common_name.startsWith("lap")';
  await lab.decide({ bindings: lets(['user:alice@example.com'], when(reads)) });
  expect([await status(...cookie), await status(...cookie, ...one), await status(...cookie, ...other)]).toEqual([
    '403',
    '200',
    '403',
  ]);
});

test('what the application gets cannot be forged by headers', async () => {
  const forged = ['client-cert-present: true', 'x-client-cert-present: true', 'ssl_client_cert: x'];
  const headers = forged.flatMap((it) => ['-H', it]);
  expect(await status('-b', lab.signIn(), ...headers)).toBe('403');
});

test('a front end that rejects others closes before anything is asked, and takes up what was revoked', async () => {
  await lab.hold(asking('REJECT_INVALID', [service('web')]));
  const refused = '000';
  const ask = (...argv: string[]) => lab.curl('-o', '/dev/null', '-w', '%{http_code} ', ...argv, `${SITE}/headers`);
  const lost = await issue('rejected');
  expect(await ask()).toContain(refused);
  expect(await ask(...(await issue('stranger', others)))).toContain(refused);
  expect(await ask(...lost)).toContain('200');
  const [, cert = '', , key = ''] = lost;
  const resuming = client(resumingClient, '', cert, key, 'TLSv1.3');
  await resuming.said('resumed 200');
  const steady = client(keptClient, '', ...(await issue('laptop')).filter((it) => !it.startsWith('--')), '1.1');
  await steady.said('200');
  const held = { ...{ id: 'haproxy/lab', engine: 'haproxy', owners: [], needs: [] }, input: lab.held() };
  expect(await haproxyEngine.due?.(lab.machine, held)).toBeUndefined();
  await revoke('rejected');
  expect(await haproxyEngine.due?.(lab.machine, held)).toContain('publishes something else');
  await lab.hold(lab.held());
  expect(await haproxyEngine.due?.(lab.machine, held)).toBeUndefined();
  await eventually(
    async () => resuming.lines().at(-1) ?? '',
    (it) => it.startsWith('new ') && !it.includes('200'),
  );
  expect(await ask(...lost)).toContain(refused);
  expect(steady.lines()).toEqual(['200']);
});

test.each(['-tls1_2', '-tls1_2 -no_ticket', '-tls1_3'])(
  'a session (%s) that began at a front end which asks for nothing opens no other',
  async (words) => {
    const strict = asking('REJECT_INVALID', [service('web')]);
    const [first] = strict.frontends;
    if (first?.tls === undefined) throw new Error('no front end');
    const { clients: _, ...tls } = first.tls;
    await lab.hold({
      ...strict,
      frontends: [first, { ...first, id: 'lab/forwardingRule/lax', name: 'lax', port: 8443, tls }],
    });
    const open = (port: number, ...more: string[]) =>
      lab.outside(
        [
          'openssl',
          's_client',
          '-connect',
          `${FRONT}:${port}`,
          '-servername',
          HOST,
          ...words.split(' '),
          '-ign_eof',
          ...more,
        ],
        `GET /headers HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`,
      );
    const session = `${lab.machine.run}/session`;
    expect((await open(8443, '-sess_out', session)).stdout).toContain('HTTP/1.1 200');
    expect((await open(443, '-sess_in', session)).stdout).not.toContain('HTTP/1.1 200');
  },
);
