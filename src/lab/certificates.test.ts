import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { pkiEngine } from '#engines/pki/driver.ts';
import { authority, server, type World, world } from '#engines/pki/pki.fixture.ts';
import { demandPart } from '#engines/pki/steer.ts';
import { selfSigned } from '../../test/certificates.ts';
import { certificateFindings } from './certificates.ts';

const DAY = 86_400_000;
let here: World;
beforeEach(async () => {
  here = await world();
  return () => here.end();
});
const found = (days: number) =>
  certificateFindings({ hostState: here.machine.state }, Date.now() + days * DAY).map(
    (it) => `${it.state}: ${it.text}`,
  );

test('doctor says which certificates end soon or have ended, and nothing of what is revoked', async () => {
  expect(found(0)).toEqual([]);
  const held = authority([server({ lifeDays: 90 })]);
  await pkiEngine.apply(here.machine, held, undefined);
  const steer = (id: string, state: string, detail: object) =>
    pkiEngine.steer?.(here.machine, held, { part: demandPart(id), state, detail: JSON.stringify(detail) });
  for (const id of ['alice', 'bob'])
    await steer(id, 'issued', { subject: { commonName: id }, usage: 'client', lifeDays: 40 });
  await steer('bob', 'revoked', {});
  expect(found(0)).toEqual(['ok: 1 authority; nothing ends soon']);
  // As it is when nobody of ours has lived for a month and a half.
  expect(found(80)).toEqual([
    expect.stringMatching(/^failed: the revocation list of lab.vpn ended on 20/),
    expect.stringMatching(/^warning: web of lab.vpn ends on 20/),
    expect.stringMatching(/^failed: people\/alice of lab.vpn ended on 20/),
  ]);
});

test('it also tells of certificates that somebody brought, and of an authority that cannot be read', () => {
  const folder = `${here.machine.state}/pki`;
  mkdirSync(`${folder}/lab.partner/issued`, { recursive: true });
  mkdirSync(`${folder}/lab.broken`);
  writeFileSync(`${folder}/lab.partner/authority.crt`, selfSigned(['ca.example.com'], 3650).certificate);
  writeFileSync(`${folder}/lab.partner/issued/certificate.gw.crt`, selfSigned(['gw.example.com'], 30).certificate);
  expect(found(25)).toEqual([
    expect.stringMatching(/^failed: lab.broken is damaged/),
    expect.stringMatching(/^warning: gw of lab.partner ends on/),
  ]);
});
