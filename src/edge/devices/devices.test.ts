import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pkiEngine } from '#engines/pki/driver.ts';
import { publishedFolder } from '#engines/pki/paths.ts';
import { authority, server, type World, world } from '#engines/pki/pki.fixture.ts';
import { devicesFrom, digestOf, type Shown } from './devices.ts';
import { followIssuers, type Issuers } from './issuers.ts';

let place: World;
let issuers: Issuers;
let shown: Shown;
let serial = '';
const now = Date.now();

beforeAll(async () => {
  place = await world();
  await pkiEngine.apply(place.machine, authority([server({ id: 'laptop', usage: 'client' })]), undefined);
  const read = new X509Certificate(await readFile(place.paths.issued('laptop').certificate));
  serial = read.serialNumber;
  shown = { certificate: read.raw, device: digestOf(read.raw) };
  const input = { deviceAuthorities: [{ name: 'vpn', id: 'lab.vpn', listed: true }] } as never;
  issuers = followIssuers({ input: () => input, onInput: () => {}, folder: publishedFolder(place.machine) });
});
afterAll(async () => {
  issuers.stop();
  await place.end();
});

const from = (change: (it: ReturnType<Issuers['all']>[number]) => object) =>
  devicesFrom({ ...issuers, all: () => issuers.all().map((it) => ({ ...it, ...change(it) })) });

test('a certificate of the authority counts, under its name, until its end', () => {
  const judged = devicesFrom(issuers).judge(shown, now);
  expect(judged).toMatchObject({ certificate: { authority: 'vpn', commonName: 'web.example.com', serial } });
  expect(judged).toMatchObject({
    certificate: { fingerprint: Buffer.from(shown.device, 'base64url').toString('hex') },
  });
  const { until = 0 } = judged as { until?: number };
  const lasting = from(() => ({ lists: 'none' }));
  expect(lasting.judge(shown, until - 1)).toHaveProperty('certificate');
  expect(lasting.judge(shown, until)).toEqual({ refused: 'it has run out', serial });
});

test.each([
  ['it is revoked', () => ({ lists: [{ serials: new Set([serial]), until: undefined }] })],
  ['whether it is revoked cannot be told now', () => ({ lists: undefined })],
  ['the revocation list of its authority is over', () => ({ lists: [{ serials: new Set(), until: now }] })],
  ['no authority of this site issued it', () => ({ certificates: [] })],
])('else it is refused: %s', (refused, change) => {
  expect(from(change).judge(shown, now)).toEqual({ refused, serial });
});

test('an authority without a list revokes nothing', () => {
  expect(from(() => ({ lists: 'none' })).judge(shown, now)).toHaveProperty('certificate');
});

test('what the load balancer has found bad is not looked at, and nothing shown is nothing', () => {
  const devices = devicesFrom(issuers);
  expect(devices.judge({ ...shown, unfounded: true }, now)).toHaveProperty('refused');
  expect(devices.judge({ device: '' }, now)).toBeUndefined();
});

test('what was shown before is known by its digest, and a digest alone is worth nothing', () => {
  const devices = devicesFrom(issuers);
  expect(devices.judge({ device: shown.device }, now)).toEqual({ refused: 'it cannot be read' });
  devices.judge(shown, now);
  expect(devices.judge({ device: shown.device }, now)).toHaveProperty('certificate');
});

test('another authority of the same name vouches for nothing of this one', async () => {
  const twin = await world();
  try {
    await pkiEngine.apply(twin.machine, authority([]), undefined);
    const certificates = [new X509Certificate(await readFile(twin.paths.certificate))];
    expect(from(() => ({ certificates })).judge(shown, now)).toMatchObject({
      refused: 'no authority of this site issued it',
    });
  } finally {
    await twin.end();
  }
});
