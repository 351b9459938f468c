import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { haproxyEngine } from '#engines/haproxy/driver.ts';
import type { HaproxyInput } from '#engines/haproxy/input.ts';
import { processesOf } from '#engines/haproxy/process.ts';
import { serverNamed } from '#engines/haproxy/server.ts';
import { runningServers } from '#engines/haproxy/takeup.ts';
import { pkiEngine } from '#engines/pki/driver.ts';
import { pkiPaths } from '#engines/pki/paths.ts';
import { authority, server as ofServer } from '#engines/pki/pki.fixture.ts';
import { eventually } from '../deployment.ts';
import {
  certificate,
  check,
  FRONT,
  hosts,
  type ProxyLab,
  proxyLab,
  type Running,
  server,
  service,
  site,
} from '../proxy-lab.ts';

let lab: ProxyLab;
let load: Running;
let worker: number | undefined;

const web = (fields: Partial<HaproxyInput['services'][number]> = {}, more: Partial<HaproxyInput> = {}): HaproxyInput =>
  site({
    services: [service('web', { check: check(), ...fields }), service('other', { servers: [server(hosts[3])] })],
    ...more,
  });

const three = { servers: hosts.slice(0, 3).map((it) => server(it)) };

const reloaded = async (): Promise<boolean> => (await processesOf(lab.paths))?.worker !== worker;

const names = async () =>
  (await runningServers(lab.paths))
    .filter((it) => it.backend === 'web')
    .map((it) => serverNamed(it.name).name)
    .sort();

const mended = () =>
  Promise.all(hosts.map((it) => lab.machine.exec(['curl', '-s', `http://${it}/mend`], { namespace: 'hosts' })));

beforeAll(async () => {
  lab = await proxyLab();
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

beforeEach(async () => {
  await mended();
  await lab.hold(web());
  await eventually(
    () => lab.look(),
    (it) => it.values['lab/backendService/web']?.['healthy'] === 2,
  );
  worker = (await processesOf(lab.paths))?.worker;
  load = lab.load();
  await load.started;
});

/** Every change is made under load, and no request may notice. */
afterEach(async () => {
  await sleep(300);
  const { requests, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(50);
});

test('a server is added without a reload, and gets requests only when it is well', async () => {
  await lab.machine.exec(['curl', '-s', 'http://10.1.0.13/break'], { namespace: 'hosts' });
  await lab.hold(web(three));
  await sleep(500);
  expect((await lab.look()).details?.['lab/backendService/web/s13']).toMatch(/wrong status 503|not checked yet/);
  expect((await load.stop()).servers['10.1.0.13']).toBeUndefined();
  await mended();
  load = lab.load();
  await eventually(
    () => lab.look(),
    (it) => it.values['lab/backendService/web/s13']?.['healthy'] === 1,
  );
  await sleep(300);
  const { servers } = await load.stop();
  expect(servers['10.1.0.13']).toBeGreaterThan(0);
  expect(await reloaded()).toBe(false);
  load = lab.load();
  await load.started;
});

test('a server is removed without a reload, after it has finished what it had', async () => {
  await load.stop();
  const busy = async (name: string) => (await lab.look()).values[`lab/backendService/web/${name}`]?.['sessions'] ?? 0;
  const slow = lab.curl(`https://${FRONT}/wait`, `https://${FRONT}/wait`, '--parallel', '--parallel-immediate');
  for (const it of ['s11', 's12'])
    await eventually(
      () => busy(it),
      (sessions) => sessions > 0,
    );
  load = lab.load();
  await load.started;
  await lab.hold(web({ servers: [server(hosts[0])], draining: 120 }));
  expect(await lab.look().then(names)).toEqual(['s11', 's12']);
  await lab.machine.exec(['curl', '-s', `http://${hosts[0]}/go`], { namespace: 'hosts' });
  expect((await slow).match(/10\.1\.0\.1\d/g)?.sort()).toEqual(['10.1.0.11', '10.1.0.12']);
  await eventually(
    () => lab.look().then(names),
    (it) => it.join() === 's11',
  );
  expect(await reloaded()).toBe(false);
});

test('a certificate that an authority of the project issues is shown, and renewed without a reload', async () => {
  const id = 'sslcertificate.example';
  const names = ['example.com', '*.example.com'];
  const issue = (more: readonly string[]) =>
    pkiEngine.apply(lab.machine, authority([{ ...ofServer({ id }), names: [...names, ...more] }]), undefined);
  const issued = { authority: 'lab.vpn', id };
  const wanted = web({}, { certificates: [{ id: 'lab/sslCertificate/example', name: 'example', names, issued }] });
  const place = pkiPaths(lab.machine, 'lab.vpn');
  const shown = async () => {
    const to = ['--noproxy', '*', '--cacert', place.certificate, '--resolve', `*:443:${FRONT}`];
    const { stdout } = await lab.outside(['curl', '-sS', ...to, '-w', '%{http_code} %{certs}', 'https://example.com/']);
    return (
      /200/.test(stdout) &&
      new X509Certificate(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/.exec(stdout)?.[0] ?? '').serialNumber
    );
  };
  const own = () => new X509Certificate(readFileSync(place.issued(id).certificate)).serialNumber;
  const due = () =>
    haproxyEngine.due?.(lab.machine, { id: 'haproxy/lab', engine: 'haproxy', owners: [], needs: [], input: wanted });
  // Nothing is in force before it is issued.
  await expect(lab.hold(wanted)).rejects.toThrow('has not issued it');
  await issue([]);
  await lab.hold(wanted);
  expect(await shown()).toBe(own());
  expect(await due()).toBeUndefined();
  const former = own();
  await issue(['www.example.com']);
  expect(own()).not.toBe(former);
  expect(await due()).toContain('example');
  await lab.hold(wanted);
  expect(await shown()).toBe(own());
  expect(await due()).toBeUndefined();
  expect(await reloaded()).toBe(false);
});

test('a server that does not finish in time is cut off when draining is over', async () => {
  await load.stop();
  const slow = lab.curl(
    '--http1.1',
    '-m',
    '30',
    '-w',
    '%{http_code}',
    '-o',
    '/dev/null',
    `https://${FRONT}/slow?ms=20000`,
    '-H',
    'x: y',
  );
  await sleep(300);
  const busy = (await lab.look()).values;
  const place = ['s11', 's12'].find((it) => (busy[`lab/backendService/web/${it}`]?.['sessions'] ?? 0) > 0);
  await lab.hold(
    web({
      servers: hosts
        .slice(0, 2)
        .map((it) => server(it))
        .filter((it) => it.name !== place),
    }),
  );
  await eventually(
    () => lab.look().then(names),
    (it) => it.length === 1,
  );
  expect(await slow).not.toBe('200');
  load = lab.load();
  await load.started;
});

test('weights and addresses change without a reload', async () => {
  await lab.hold(
    web({
      servers: [
        { ...server(hosts[0]), weight: 0 },
        { ...server(hosts[1]), host: hosts[2] },
      ],
    }),
  );
  await sleep(100);
  await load.stop();
  load = lab.load();
  await sleep(400);
  const { servers } = await load.stop();
  expect(Object.keys(servers)).toEqual(['10.1.0.13']);
  expect(await reloaded()).toBe(false);
  load = lab.load();
  await load.started;
});

test('drain, maint and ready hold until they are changed back, over a reload and a crash', async () => {
  await lab.steer('web/s11', 'drain');
  const of = async () =>
    (await runningServers(lab.paths)).find((it) => it.backend === 'web' && serverNamed(it.name).name === 's11')?.admin;
  expect(await of()).toBe('drain');
  await lab.hold(web({ timeout: 7 }));
  expect(await reloaded()).toBe(true);
  expect(await of()).toBe('drain');
  await load.stop();
  await lab.machine.supervisor.signal('proxy.lab', 'KILL');
  await eventually(
    async () => (await lab.look()).state,
    (it) => it === 'ready',
  );
  await eventually(
    () => lab.look().then(of),
    (it) => it === 'drain',
  );
  load = lab.load();
  await load.started;
  await lab.steer('web/s11', 'maint');
  expect(await of()).toBe('maint');
  expect((await lab.look()).details?.['lab/backendService/web/s11']).toBe('switched off (maint)');
  await lab.steer('web/s11', 'down');
  await eventually(
    () => lab.look(),
    (it) => it.values['lab/backendService/web/s11']?.['healthy'] === 1,
  );
  await expect(lab.steer('web/s11', 'asleep')).rejects.toThrow('cannot be put into asleep');
  await expect(lab.steer('web/nobody', 'drain')).rejects.toThrow('no such server');
});

test('a URL map changes in one moment, without a reload', async () => {
  const routes = (to: string): HaproxyInput['routes'] => [
    {
      id: 'lab/urlMap/site',
      name: 'site',
      otherwise: { service: 'web' },
      hosts: [{ host: 'a.test', matcher: 'm' }],
      matchers: [{ name: 'm', otherwise: { service: 'web' }, paths: [{ path: '/x/*', to: { service: to } }] }],
    },
  ];
  await lab.hold(web({}, { routes: routes('web') }));
  worker = (await processesOf(lab.paths))?.worker;
  expect(await lab.curl('https://a.test/x/1')).not.toBe(hosts[3]);
  await lab.hold(web({}, { routes: routes('other') }));
  expect(await lab.curl('https://a.test/x/1')).toBe(hosts[3]);
  expect(await lab.curl('https://b.test/x/1')).not.toBe(hosts[3]);
  expect(await reloaded()).toBe(false);
});

test('certificates are renewed, added and taken away without a reload', async () => {
  const shown = async (name: string) =>
    (
      await lab.outside([
        'sh',
        '-c',
        `openssl s_client -connect ${FRONT}:443 ${name === '' ? '-noservername' : `-servername ${name}`} </dev/null 2>/dev/null | openssl x509 -noout -subject -serial`,
      ])
    ).stdout;
  const first = certificate('example', ['example.com']);
  await lab.hold(web({}, { certificates: [first, certificate('a', ['a.test'])] }));
  worker = (await processesOf(lab.paths))?.worker;
  const before = await shown('example.com');
  await lab.hold(web({}, { certificates: [certificate('example', ['example.com']), certificate('b', ['*.b.test'])] }));
  expect(await shown('example.com')).not.toBe(before);
  expect(await shown('x.b.test')).toContain('*.b.test');
  expect(await shown('a.test')).toContain('example.com');
  expect(await shown('')).toContain('example.com');
  expect(await reloaded()).toBe(false);
});

test('a reload loses no request, and the old worker ends', async () => {
  const before = await lab.look();
  for (const timeout of [11, 12, 13]) {
    await lab.hold(web({ timeout }));
    await sleep(200);
  }
  expect(await reloaded()).toBe(true);
  // What counts has begun again, and says so: totals go on from there.
  const seen = await lab.look();
  expect(seen.epoch).not.toBe(before.epoch);
  expect(seen.counters).toContain('requests');
  const { requests, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(100);
  await eventually(
    async () => (await processesOf(lab.paths))?.old.length,
    (it) => it === 0,
  );
  load = lab.load();
  await load.started;
});

test('a server that was known to be ill is not taken for well after a reload', async () => {
  await lab.machine.exec(['curl', '-s', 'http://10.1.0.11/break'], { namespace: 'hosts' });
  await eventually(
    () => lab.look(),
    (it) => it.values['lab/backendService/web/s11']?.['healthy'] === 0,
  );
  await load.stop();
  load = lab.load();
  await sleep(200);
  await lab.hold(web({ timeout: 9 }));
  await sleep(300);
  const { servers } = await load.stop();
  expect(servers['10.1.0.11']).toBeUndefined();
  expect((await lab.look()).details?.['lab/backendService/web']).toMatch(/1 of 2 healthy\. s11: wrong status 503/);
  load = lab.load();
  await load.started;
});

test('a certificate that has run out, or begins later, is refused when it is new, and named when it is in use', async () => {
  const own = certificate('example', ['example.com']);
  const late = { ...certificate('late'), notAfter: Date.now() - 86_400_000 };
  await expect(lab.hold(web({}, { certificates: [own, late] }))).rejects.toThrow(/^it ran out on \d{4}-\d\d-\d\d$/);
  const early = { ...late, notBefore: Date.now() + 86_400_000, notAfter: Date.now() + 9e9 };
  await expect(lab.hold(web({}, { certificates: [own, early] }))).rejects.toThrow(/^it is not valid before \d{4}/);
  await lab.hold(web({}, { certificates: [own, { ...late, notAfter: Date.now() + 3000 * 1000 }] }));
  expect((await lab.look()).details?.['lab/sslCertificate/late']).toBe('it runs out in 0 days');
  // Time passes; whoever changes something else must be able to.
  await lab.hold(web({ timeout: 8 }, { certificates: [own, late] }));
  expect((await lab.look()).details?.['lab/sslCertificate/late']).toBe('it has run out: browsers refuse it');
});

test('HTTP/3 is not offered, and said so', async () => {
  const seen = await lab.look();
  expect(seen.values['lab/targetHttpsProxy/site']?.['http3']).toBe(0);
  expect(seen.details?.['lab/targetHttpsProxy/site']).toMatch(/HTTP\/3 is not offered/);
  expect(await lab.curl('-sI', `https://${FRONT}/`)).not.toMatch(/alt-svc/i);
});

test('private keys can be read by root and the load balancer only', async () => {
  const listing = (await lab.machine.exec(['stat', '-c', '%a %U %G', `${lab.paths.certificates}/example.pem`])).stdout;
  expect(listing.trim()).toBe('640 root vauban-proxy');
  expect(readFileSync(lab.paths.config, 'utf8')).not.toContain('PRIVATE KEY');
  const status = readFileSync(`/proc/${(await processesOf(lab.paths))?.worker}/status`, 'utf8');
  expect(status).toMatch(/^Uid:\s+(?!0\b)/m);
  expect(status).toMatch(/^CapEff:\s+0+$/m);
});
