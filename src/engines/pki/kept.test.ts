import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { writeFile } from '#host/files.ts';
import type { CertificateAnswer } from './ask.ts';
import { pkiEngine } from './driver.ts';
import { checkKept, type KeptAuthority, keptAuthority, restoredFile, tellsMore } from './kept.ts';
import { readLedger, withdrawnOf } from './ledger.ts';
import { authority, server, type World, world } from './pki.fixture.ts';
import { demandPart } from './steer.ts';

let here: World;
let there: World;
let kept: KeptAuthority;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  [here, there] = [await world(), await world()];
  await apply(here);
  await steer(here, 'alice', 'issued', alice);
  kept = (await keptAuthority(here.machine, 'lab.vpn')) as KeptAuthority;
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all([here.end(), there.end()]);
});

const alice = { subject: { commonName: 'alice@example.com' }, usage: 'client', lifeDays: 365 };
const apply = (at: World, wanted = authority()) => pkiEngine.apply(at.machine, wanted, undefined);
const due = (at: World) => pkiEngine.due?.(at.machine, authority());
const steer = (at: World, id: string, state: string, detail: object) =>
  pkiEngine.steer?.(at.machine, authority(), { part: demandPart(id), state, detail: JSON.stringify(detail) });
const bundle = (at: World, id: string) =>
  pkiEngine.ask?.(at.machine, authority(), {
    question: 'bundle',
    detail: JSON.stringify({ origin: 'demand', id }),
  }) as Promise<CertificateAnswer>;
const restore = (at: World, it = kept) => writeFile(restoredFile(at.machine, 'lab.vpn'), JSON.stringify(it), 0o600);
const read = (path: string) => readFileSync(path, 'utf8');
const webOf = (at: World) => read(at.paths.issued('certificate.web').certificate);
const revokedAt = async (at: World) => {
  const ledger = await readLedger(at.paths);
  return ledger === undefined ? [] : withdrawnOf(ledger, Date.now()).map((it) => it.serial);
};

test('restored elsewhere it is the same authority: certificates, keys of people, revocations', async () => {
  await steer(here, 'bob', 'issued', alice);
  const bob = new X509Certificate((await bundle(here, 'bob')).certificate);
  await steer(here, 'bob', 'revoked', {});
  await restore(there, (await keptAuthority(here.machine, 'lab.vpn')) as KeptAuthority);
  await apply(there);
  expect(read(there.paths.certificate)).toBe(read(here.paths.certificate));
  expect(webOf(there)).toBe(webOf(here));
  expect(read(there.paths.issued('certificate.web').key)).toBe(read(here.paths.issued('certificate.web').key));
  expect(await bundle(there, 'alice')).toEqual(await bundle(here, 'alice'));
  expect(await revokedAt(there)).toEqual([bob.serialNumber]);
  expect(existsSync(restoredFile(there.machine, 'lab.vpn'))).toBe(false);
  expect(await due(there)).toBeUndefined();
});

test('over another authority of the same name it takes its place, and the other is kept until it is deleted', async () => {
  await apply(there);
  await restore(there);
  expect(await due(there)).toContain('restored');
  await apply(there);
  expect(webOf(there)).toBe(webOf(here));
  const folder = `${there.machine.state}/pki`;
  expect(readdirSync(folder).length).toBe(2);
  await pkiEngine.discard?.(there.machine, authority());
  expect(readdirSync(folder)).toEqual([]);
});

test('over the living authority itself an older backup makes nothing good again, and takes nothing away', async () => {
  const [old] = [await bundle(here, 'alice')];
  await steer(here, 'alice', 'revoked', { reason: 'keyCompromise' });
  await steer(here, 'carol', 'issued', alice);
  const before = (await readLedger(here.paths))?.crl.number ?? 0;
  await restore(here);
  await apply(here);
  expect(await revokedAt(here)).toEqual([new X509Certificate(old.certificate).serialNumber]);
  await expect(bundle(here, 'alice')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect((await bundle(here, 'carol')).privateKey).toContain('PRIVATE KEY');
  expect((await readLedger(here.paths))?.crl.number).toBeGreaterThanOrEqual(before);
});

test('a damaged authority lives again by its backup', async () => {
  for (const path of [here.paths.key, here.paths.ledger]) {
    const web = webOf(here);
    await rm(path);
    await expect(apply(here)).rejects.toThrow('damaged');
    await restore(here);
    await apply(here);
    expect(webOf(here)).toBe(web);
    expect(await due(here)).toBeUndefined();
  }
});

test('a backup whose parts do not fit changes nothing', async () => {
  await apply(there);
  const foreign = (await keptAuthority(there.machine, 'lab.vpn')) as KeptAuthority;
  const mixed = { ...kept, key: foreign.key };
  expect(() => checkKept(mixed)).toThrow('does not belong');
  await restore(here, mixed);
  const web = webOf(here);
  await expect(apply(here)).rejects.toThrow('does not belong');
  expect(webOf(here)).toBe(web);
});

test('a backup tells more than a living authority knows only when it does', async () => {
  const now = async (at: World) => (await keptAuthority(at.machine, 'lab.vpn')) as KeptAuthority;
  expect(tellsMore(kept, await now(here))).toBe(false);
  await steer(here, 'bob', 'issued', alice);
  expect(tellsMore(kept, await now(here))).toBe(false);
  expect(tellsMore(await now(here), kept)).toBe(true);
  await apply(there);
  expect(tellsMore(kept, await now(there))).toBe(true);
  await rm(here.paths.demanded('alice').key);
  expect(tellsMore(kept, await now(here))).toBe(true);
});

test('what was renewed since the backup stays renewed', async () => {
  vi.setSystemTime(Date.now() + 1000);
  await apply(here, authority([server({ names: ['www.example.com'] })]));
  const web = webOf(here);
  await restore(here);
  await apply(here, authority([server({ names: ['www.example.com'] })]));
  expect(webOf(here)).toBe(web);
});
