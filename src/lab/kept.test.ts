import { existsSync, readFileSync, statSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { profileKey, restoredProfileKey } from '#engines/openvpn/paths.ts';
import { clientKey, ensureSecrets } from '#engines/openvpn/secrets.ts';
import { type World, world } from '#engines/pki/pki.fixture.ts';
import { keptProfileKeys, layDown, profileKeysToLay, takeBack, takenUp } from './kept.ts';

const SERVER = 'office/sslVpnServer/people';
const resources = [{ project: 'office', kind: 'sslVpnServer', name: 'people', spec: {} }];
let here: World;
let there: World;
beforeEach(async () => {
  [here, there] = [await world(), await world()];
  return () => Promise.all([here.end(), there.end()]);
});

const deployment = (at: World) => ({ hostState: at.machine.state }) as Parameters<typeof keptProfileKeys>[0];
const ensure = (at: World) =>
  ensureSecrets(at.machine, 'a', {
    folder: profileKey(at.machine, SERVER).replace(/\/[^/]+$/, ''),
    namespace: 'gw.office.one',
  });
const keyAt = (at: World) => readFileSync(profileKey(at.machine, SERVER), 'utf8');

test('profiles of an SSL VPN that was restored elsewhere are good there: its key comes along', async () => {
  expect(await keptProfileKeys(deployment(here), { resources })).toEqual([]);
  await ensure(here);
  const kept = await keptProfileKeys(deployment(here), { resources });
  expect(kept).toEqual([{ server: SERVER, key: keyAt(here) }]);
  expect(await profileKeysToLay(deployment(here), kept)).toEqual([]);
  // Also over a key that the other machine has made itself meanwhile.
  await ensure(there);
  const laid = await profileKeysToLay(deployment(there), kept);
  await layDown(laid);
  expect(statSync(restoredProfileKey(there.machine, SERVER)).mode & 0o777).toBe(0o600);
  const { tlsCrypt } = await ensure(there);
  expect(keyAt(there)).toBe(keyAt(here));
  expect(await takenUp(laid)).toBe(true);
  expect(await profileKeysToLay(deployment(there), kept)).toEqual([]);
  expect(await clientKey(there.machine, 'a', tlsCrypt)).toContain('OpenVPN tls-crypt-v2 client key');
});

test('what was laid down for a change that was not made is taken up by nobody', async () => {
  await ensure(here);
  const laid = await profileKeysToLay(deployment(there), await keptProfileKeys(deployment(here), { resources }));
  await layDown(laid);
  await takeBack(laid);
  await ensure(there);
  expect(existsSync(restoredProfileKey(there.machine, SERVER))).toBe(false);
  expect(keyAt(there)).not.toBe(keyAt(here));
});
