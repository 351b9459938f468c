import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { run } from '#host/exec.ts';
import type { AuthorityAnswer, CertificateAnswer } from './ask.ts';
import { pkiEngine } from './driver.ts';
import { pkiHash } from './paths.ts';
import { authority, server, type World, world } from './pki.fixture.ts';
import type { CertificateStatus } from './status.ts';
import { declaredPart, demandPart } from './steer.ts';

const DAY = 86_400_000;
let here: World;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  here = await world();
});
afterEach(async () => {
  vi.useRealTimers();
  await here.end();
});

const later = (days: number) => vi.setSystemTime(Date.now() + days * DAY);
const apply = (wanted = authority()) => pkiEngine.apply(here.machine, wanted, undefined);
const due = (held = authority()) => pkiEngine.due?.(here.machine, held);
const ask = <T>(question: string, detail?: object, held = authority()) =>
  pkiEngine.ask?.(here.machine, held, {
    question,
    ...(detail === undefined ? {} : { detail: JSON.stringify(detail) }),
  }) as Promise<T>;
const steer = (id: string, state: string, detail: object) =>
  pkiEngine.steer?.(here.machine, authority(), { part: demandPart(id), state, detail: JSON.stringify(detail) });
const list = (held = authority()) => ask<readonly CertificateStatus[]>('certificates', undefined, held);
const web = () => new X509Certificate(readFileSync(here.paths.issued('certificate.web').certificate));
const root = () => new X509Certificate(readFileSync(here.paths.certificate));

/** What the revocation list says, read by openssl; and that it is of this authority. */
async function crl() {
  const read = ['openssl', 'crl', '-in', here.paths.crl, '-noout'];
  expect((await run([...read, '-CAfile', here.paths.certificate, '-verify'])).stderr).toContain('verify OK');
  const { stdout } = await run([...read, '-text']);
  return {
    serials: [...stdout.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, it = '']) => it),
    reasons: [...stdout.matchAll(/CRL Reason Code: \n\s+(.+)/g)].map(([, it = '']) => it),
    number: Number(/X509v3 CRL Number: \n\s+(\d+)/.exec(stdout)?.[1]),
    next: Date.parse(/Next Update: (.+)/.exec(stdout)?.[1] ?? ''),
    named: /X509v3 Authority Key Identifier/.test(stdout),
  };
}

test('it issues what is wanted, once, and its keys are root’s alone', async () => {
  await apply();
  const { certificate, key } = here.paths.issued('certificate.web');
  expect(web().checkIssued(root()) && web().verify(root().publicKey)).toBe(true);
  expect(web().checkHost('web.example.com')).toBeDefined();
  for (const it of [here.paths.key, key, here.paths.ledger]) expect(statSync(it).mode & 0o777, it).toBe(0o600);
  for (const it of [here.paths.folder, `${here.paths.folder}/issued`])
    expect(statSync(it).mode & 0o777, it).toBe(0o700);
  const before = readFileSync(certificate, 'utf8');
  const hash = await pkiHash(here.paths, ['certificate.web']);
  expect(await due()).toBeUndefined();
  await apply();
  expect(readFileSync(certificate, 'utf8')).toBe(before);
  expect(await pkiHash(here.paths, ['certificate.web'])).toBe(hash);
  expect(readdirSync(here.paths.folder).toSorted()).toEqual([
    'authority.crt',
    'authority.key',
    'crl.pem',
    'issued',
    'ledger.json',
  ]);
});

test('in twelve years nothing ends before it is renewed, and every list is replaced before it is over', async () => {
  await apply();
  const seen = { roots: new Set<string>(), leaves: new Set<string>(), number: 0 };
  for (let month = 0; month < 146; month++) {
    if ((await due()) !== undefined) await apply();
    expect(await due()).toBeUndefined();
    expect(Date.parse(web().validTo)).toBeGreaterThan(Date.now() + 30 * DAY);
    expect(web().verify(root().publicKey)).toBe(true);
    expect(Date.parse(root().validTo)).toBeGreaterThanOrEqual(Date.parse(web().validTo));
    const { number, next } = await crl();
    expect(next).toBeGreaterThan(Date.now());
    expect(number).toBeGreaterThanOrEqual(seen.number);
    seen.number = number;
    seen.roots.add(root().fingerprint256);
    seen.leaves.add(web().fingerprint256);
    later(30);
  }
  expect(seen.roots.size).toBe(2);
  expect(seen.leaves.size).toBeGreaterThan(12);
}, 240_000);

test('what is revoked is on the list at once, under the authority’s key identifier, and its files are gone', async () => {
  await apply();
  const { serialNumber } = web();
  const { number } = await crl();
  const hash = await pkiHash(here.paths);
  const revoked = authority([server({ revoked: 'keyCompromise' })]);
  await apply(revoked);
  expect(await crl()).toMatchObject({ serials: [serialNumber], reasons: ['Key Compromise'], named: true });
  expect((await crl()).number).toBe(number + 1);
  expect(await pkiHash(here.paths)).not.toBe(hash);
  expect(existsSync(here.paths.issued('certificate.web').key)).toBe(false);
  expect(await due(revoked)).toBeUndefined();
  // Revoked is for good: what is wanted again is another one.
  await apply();
  expect(web().serialNumber).not.toBe(serialNumber);
  expect((await crl()).serials).toEqual([serialNumber]);
});

test('one that is deleted is on hold until that can no longer be taken back, then revoked for good', async () => {
  await apply();
  const { serialNumber } = web();
  await apply(authority([]));
  expect(await crl()).toMatchObject({ serials: [serialNumber], reasons: ['Certificate Hold'] });
  await apply();
  expect(web().serialNumber).toBe(serialNumber);
  expect((await crl()).serials).toEqual([]);
  await apply(authority([]));
  later(1.1);
  expect(await due(authority([]))).toContain('for good');
  await apply(authority([]));
  expect(await due(authority([]))).toBeUndefined();
  expect(await crl()).toMatchObject({ serials: [serialNumber], reasons: ['Cessation Of Operation'] });
  expect(existsSync(here.paths.issued('certificate.web').key)).toBe(false);
  await apply();
  expect(web().serialNumber).not.toBe(serialNumber);
  expect((await list()).map((it) => it.state)).toEqual(['VALID', 'REVOKED']);
});

test('another name means another certificate; the former counts until its end, or is revoked when that is wanted', async () => {
  await apply();
  const first = web().serialNumber;
  await apply(authority([server({ names: ['www.example.com'] })]));
  expect(web().checkHost('www.example.com')).toBeDefined();
  expect((await crl()).serials).toEqual([]);
  const second = web().serialNumber;
  await apply(authority([server({ names: ['web.example.com'], revokeFormer: true })]));
  expect((await crl()).serials).toEqual([second]);
  expect((await list()).map((it) => [it.serial, it.state])).toEqual([
    [web().serialNumber, 'VALID'],
    [second, 'REVOKED'],
    [first, 'REPLACED'],
  ]);
});

test('one for a person is issued on demand, stays, is exported with its key, and is revoked at once', async () => {
  await apply();
  const request = {
    subject: { commonName: 'alice@example.com' },
    emails: ['alice@example.com'],
    usage: 'client',
    lifeDays: 365,
  };
  await Promise.all([steer('alice', 'issued', request), steer('alice', 'issued', request)]);
  const which = { origin: 'demand', id: 'alice' };
  const bundle = await ask<CertificateAnswer>('bundle', which);
  const own = new X509Certificate(bundle.certificate);
  expect(own.checkEmail('alice@example.com')).toBe('alice@example.com');
  expect(bundle.privateKey).toContain('PRIVATE KEY');
  expect(own.verify(new X509Certificate(bundle.authority).publicKey)).toBe(true);
  expect((await list()).map((it) => it.id)).toEqual(['alice', 'certificate.web']);
  // Whatever else changes, it stays.
  await apply(authority([]));
  await steer('alice', 'issued', request);
  expect(await ask('bundle', which)).toEqual(bundle);
  await steer('alice', 'revoked', { reason: 'keyCompromise' });
  expect((await crl()).serials).toContain(own.serialNumber);
  await expect(ask('bundle', which)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await steer('alice', 'issued', request);
  expect(new X509Certificate((await ask<CertificateAnswer>('bundle', which)).certificate).serialNumber).not.toBe(
    own.serialNumber,
  );
});

test('a declared one is renewed before its time, with another key; what came into wrong hands is revoked with it', async () => {
  await apply();
  const key = () => readFileSync(here.paths.issued('certificate.web').key, 'utf8');
  const [first, firstKey, hash] = [web().serialNumber, key(), await pkiHash(here.paths, ['certificate.web'])];
  const renew = (detail: object, held = authority()) =>
    pkiEngine.steer?.(here.machine, held, {
      ...{ part: declaredPart('certificate.web'), state: 'renewed', detail: JSON.stringify(detail) },
    });
  await renew({});
  expect(web().serialNumber).not.toBe(first);
  expect(key()).not.toBe(firstKey);
  expect((await crl()).serials).toEqual([]);
  expect(await pkiHash(here.paths, ['certificate.web'])).not.toBe(hash);
  const second = web().serialNumber;
  await renew({ reason: 'keyCompromise' });
  expect(await crl()).toMatchObject({ serials: [second], reasons: ['Key Compromise'] });
  expect(web().verify(root().publicKey)).toBe(true);
  expect(await due()).toBeUndefined();
  await expect(renew({}, authority([server({ revoked: 'unspecified' })]))).rejects.toThrow('no such certificate');
});

test('an archive opens with its passphrase, and a key that is not exportable stays', async () => {
  await apply();
  const which = { origin: 'declared', id: 'certificate.web' };
  await expect(ask('archive', { ...which, passphrase: 'x' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  await expect(ask('bundle', which)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  expect((await ask<CertificateAnswer>('certificate', which)).privateKey).toBeUndefined();
  const held = authority([server({ exportable: true })]);
  const passphrase = '-pass:word $x "ü"';
  const { archive } = await ask<{ archive: string }>('archive', { ...which, passphrase }, held);
  const file = `${here.paths.folder}/a.p12`;
  await writeFile(file, Buffer.from(archive, 'base64'));
  const open = (PASS: string) =>
    run(['openssl', 'pkcs12', '-in', file, '-passin', 'env:PASS', '-nodes'], { env: { PASS } });
  expect((await open(passphrase)).stdout).toContain('PRIVATE KEY');
  expect((await open('other')).code).not.toBe(0);
});

test('what cannot be asked or steered says so, and changes nothing', async () => {
  await apply();
  const before = readFileSync(here.paths.ledger, 'utf8');
  const wrong = [
    steer('alice', 'issued', { usage: 'client' }),
    steer('alice', 'issued', { subject: { commonName: 'a\nb' }, usage: 'client', lifeDays: 1 }),
    steer('alice', 'revoked', {}),
    steer('../../x', 'issued', {}),
    steer('alice', 'lost', {}),
    ask('everything'),
    ask('certificate', { origin: 'declared', id: '../authority' }),
  ];
  for (const it of await Promise.allSettled(wrong))
    expect(it).toMatchObject({ status: 'rejected', reason: { code: 'INVALID_REQUEST' } });
  expect(readFileSync(here.paths.ledger, 'utf8')).toBe(before);
});

test('two callers at once make one authority', async () => {
  await Promise.all([apply(), apply(), apply()]);
  expect((await list()).length).toBe(1);
  expect(web().verify(root().publicKey)).toBe(true);
});

test('a foreign certificate, a key that does not fit and a foreign list are replaced', async () => {
  await apply();
  const files = here.paths.issued('certificate.web');
  const foreign = await world();
  try {
    await pkiEngine.apply(foreign.machine, authority(), undefined);
    const others = foreign.paths.issued('certificate.web');
    for (const [from, to] of [
      [others.certificate, files.certificate],
      [others.key, files.key],
      [foreign.paths.crl, here.paths.crl],
      [foreign.paths.certificate, here.paths.certificate],
    ] as const) {
      await writeFile(to, readFileSync(from));
      if (to !== here.paths.certificate) expect(await due(), to).toBeDefined();
      await apply();
      expect(await due()).toBeUndefined();
      expect(web().verify(root().publicKey)).toBe(true);
      await crl();
    }
    // The authority's own key cannot be made again: nothing takes its place unseen.
    await writeFile(here.paths.key, readFileSync(foreign.paths.key));
    await expect(apply()).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining('another one'),
    });
  } finally {
    await foreign.end();
  }
});

test('a damaged authority is not made anew in silence', async () => {
  await apply();
  const before = readFileSync(here.paths.certificate, 'utf8');
  await rm(here.paths.ledger);
  await expect(apply()).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  await writeFile(here.paths.ledger, '{');
  await expect(apply()).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  expect(readFileSync(here.paths.certificate, 'utf8')).toBe(before);
});

test('an authority that was deleted and declared again is another one, and what the first issued does not count', async () => {
  await apply();
  const [first, firstRoot] = [web(), root()];
  await pkiEngine.remove(here.machine, authority());
  await apply();
  // It was not discarded yet: the change was taken back.
  expect(web().serialNumber).toBe(first.serialNumber);
  await pkiEngine.remove(here.machine, authority());
  await pkiEngine.discard?.(here.machine, authority());
  expect(existsSync(here.paths.folder)).toBe(false);
  await apply();
  expect(root().fingerprint256).not.toBe(firstRoot.fingerprint256);
  expect(web().serialNumber).not.toBe(first.serialNumber);
  expect(first.verify(root().publicKey)).toBe(false);
});

test('after a clock that was ahead or behind, everything is made again for the right time', async () => {
  await apply();
  const { number } = await crl();
  later(4000);
  expect((await due()) ?? '').not.toBe('');
  await apply();
  later(-4000);
  expect(await due()).toBeDefined();
  await apply();
  expect(await due()).toBeUndefined();
  expect(Date.parse(web().validFrom)).toBeLessThanOrEqual(Date.now());
  expect(Date.parse(root().validFrom)).toBeLessThanOrEqual(Date.now());
  expect((await crl()).number).toBeGreaterThan(number);
});

test('what ends soon is told in words under its resource, long before it ends', async () => {
  const short = server({ lifeDays: 8 });
  await apply(authority([short]));
  await steer('bob', 'issued', { subject: { commonName: 'bob' }, usage: 'client', lifeDays: 40 });
  const observe = () => pkiEngine.observe?.(here.machine, authority([short]));
  expect((await observe())?.details).toEqual({});
  later(7);
  expect((await observe())?.details).toEqual({ 'lab/certificate/web': expect.stringMatching(/^it ends on 20/) });
  later(24);
  expect((await observe())?.details).toEqual({
    'lab/certificate/web': expect.stringMatching(/^it ended on 20/),
    'lab/certificateAuthority/vpn': '1 certificate of people ends soon: bob',
  });
  expect((await observe())?.state).toBe('ready');
});

test('a revocation list that lacks what was revoked is noticed, whenever a death came in between', async () => {
  await apply();
  const text = readFileSync(here.paths.crl, 'utf8');
  await apply(authority([server({ revoked: 'superseded' })]));
  const after = readFileSync(here.paths.crl, 'utf8');
  // As it is when the list was written down, and the machine lost power before the file was.
  await writeFile(here.paths.crl, text);
  expect(await due(authority([server({ revoked: 'superseded' })]))).toContain('revocation list');
  await apply(authority([server({ revoked: 'superseded' })]));
  expect((await crl()).serials.length).toBe(1);
  expect(after).not.toBe(text);
  expect(await ask<AuthorityAnswer>('authority')).toEqual({
    certificate: readFileSync(here.paths.certificate, 'utf8'),
    crl: readFileSync(here.paths.crl, 'utf8'),
  });
});
