import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { StrongswanInput } from '#engines/strongswan/input.ts';
import { admit } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { parseSite } from '#plan/site.ts';
import { builtInProfiles } from '../ipsec-profile/built-in.ts';
import { ipsecOf } from './ipsec.ts';
import { exported } from './ipsec-export.ts';
import { exportFormats } from './ipsec-export-formats.ts';
import { gateway } from './kind.ts';

/** Two sites, each behind one gateway. */
const site = (change: Readonly<Record<string, object>> = {}) => ({
  project: 'lab',
  segments: {
    out: { range: '198.51.100.0/24' },
    a: { range: '10.1.0.0/16' },
    b: { range: '10.2.0.0/16' },
  },
  networkObjects: { one: { network: '10.1.0.0/16' }, two: { network: '10.2.0.0/16' }, ...change['networkObjects'] },
  ipsecPeers: {
    to: { address: '198.51.100.12', preSharedKey: 'a key of some length' },
    fro: { address: '198.51.100.11', preSharedKey: 'a key of some length' },
    ...change['ipsecPeers'],
  },
  ipsecTunnels: {
    there: { peer: 'to', networks: [{ local: 'one', remote: 'two' }] },
    back: { peer: 'fro', networks: [{ local: 'two', remote: 'one' }] },
    ...change['ipsecTunnels'],
  },
  gateways: {
    first: {
      interfaces: [
        { name: 'ext', segment: 'out', external: true, address: '198.51.100.11' },
        { name: 'lan', segment: 'a', address: '10.1.0.1' },
      ],
      ipsecTunnels: ['there'],
    },
    second: {
      interfaces: [
        { name: 'ext', segment: 'out', external: true, address: '198.51.100.12' },
        { name: 'lan', segment: 'b', address: '10.2.0.1' },
      ],
      ipsecTunnels: ['back'],
    },
    ...change['gateways'],
  },
});

function admitted(document: object) {
  const { declared, ...unread } = parseSite([{ path: 'site.json', text: JSON.stringify(document) }]);
  return admit(declared, emptySnapshot, unread);
}

const messages = (document: object): string[] => admitted(document).problems.map((it) => it.message);

function inputs(document: object): Readonly<Record<string, StrongswanInput>> {
  const { snapshot, problems } = admitted(document);
  expect(problems).toEqual([]);
  const found = compile(snapshot).filter((it) => it.engine === 'strongswan');
  return Object.fromEntries(found.map((it) => [it.id.split('.').at(-1), it.input as StrongswanInput]));
}

const startsOf = (document: object): string[] =>
  Object.values(inputs(document)).flatMap((it) => it.connections.flatMap((one) => one.tunnels.map((t) => t.start)));

test('of two gateways of ours exactly one begins, and the other when that one is told to wait', () => {
  expect(startsOf(site())).toEqual(['start', 'respond']);
  const waiting = { there: { peer: 'to', networks: [{ local: 'one', remote: 'two' }], start: 'respond' } };
  expect(startsOf(site({ ipsecTunnels: waiting }))).toEqual(['respond', 'start']);
});

test('a peer that may be anywhere begins itself', () => {
  const anywhere = { to: { peerIdentity: 'branch', preSharedKey: 'a key of some length' } };
  expect(startsOf(site({ ipsecPeers: anywhere }))[0]).toBe('respond');
});

test('a group of networks is taken apart, each pair by itself', () => {
  const networkObjects = { more: { network: '10.9.0.0/24' }, both: { group: ['two', 'more'] } };
  const ipsecTunnels = { there: { peer: 'to', networks: [{ local: 'network-lan', remote: 'both' }] } };
  const [tunnel] = inputs(site({ networkObjects, ipsecTunnels }))['first']?.connections[0]?.tunnels ?? [];
  expect(tunnel?.pairs).toEqual([
    { name: 'there.1', local: '10.1.0.0/16', remote: '10.2.0.0/16' },
    { name: 'there.2', local: '10.1.0.0/16', remote: '10.9.0.0/24' },
  ]);
});

test('networks that overlap, are not behind the gateway, or hold the peer are refused with the way out', () => {
  const tunnel = (local: string, remote: string) => ({ there: { peer: 'to', networks: [{ local, remote }] } });
  const networkObjects = { part: { network: '10.1.7.0/24' }, outside: { network: '198.51.100.0/24' } };
  const said = (local: string, remote: string) =>
    messages(site({ networkObjects, ipsecTunnels: tunnel(local, remote) })).join('\n');
  expect(said('two', 'one')).toContain('there: 10.2.0.0/16 is not behind first');
  expect(said('one', 'part')).toContain('there: 10.1.7.0/24 behind the peer overlaps with 10.1.0.0/16 here');
  expect(said('one', 'outside')).toContain('the peer itself, 198.51.100.12, lies in 198.51.100.0/24');
});

test('sites with the same addresses show themselves under others, of the same size', () => {
  const networkObjects = {
    shown: { network: '10.71.0.0/16' },
    small: { network: '10.71.0.0/24' },
    other: { network: '10.72.0.0/16' },
  };
  const as = (localAs: string) => ({ there: { peer: 'to', networks: [{ local: 'one', localAs, remote: 'other' }] } });
  const found = inputs(site({ networkObjects, ipsecTunnels: as('shown') }))['first'];
  expect(found?.connections[0]?.tunnels[0]?.pairs[0]).toMatchObject({ local: '10.71.0.0/16', remote: '10.72.0.0/16' });
  const namespaces = compile(admitted(site({ networkObjects, ipsecTunnels: as('shown') })).snapshot);
  // strongSwan takes no network in which the gateway has no address.
  expect(namespaces.find((it) => it.id.endsWith('gw.lab.first') && it.engine === 'namespace')?.input).toMatchObject({
    addresses: ['10.71.0.0/32'],
  });
  expect(messages(site({ networkObjects, ipsecTunnels: as('small') })).join()).toContain(
    'not two networks of one size',
  );
});

test('keys that are short or have a line end, and peers that prove nothing, are refused', () => {
  const said = (peer: object) => messages(site({ ipsecPeers: { to: { address: '198.51.100.12', ...peer } } })).join();
  expect(said({ preSharedKey: 'short' })).toContain('it has 5 characters, 8 at least');
  expect(said({ preSharedKey: 'with a line end\n' })).toContain('the end of a line');
  expect(said({})).toContain('a key and a certificate, or none of both');
});

test('words of an offer that strongSwan does not know, or that protect nothing, are refused by name', () => {
  const said = (profile: object) =>
    messages({
      ...site(),
      ipsecProfiles: { own: { keys: ['aes256-sha256-modp2048'], packets: ['aes256-sha256'], ...profile } },
    }).join();
  expect(said({})).toBe('');
  expect(said({ keys: ['3des-md5-modp1024'] })).toContain('3des is not one of');
  expect(said({ keys: ['aes256-sha256'] })).toContain('it needs a group for key agreement');
  expect(said({ packets: ['aes256'] })).toContain('aes256 needs a hash');
  expect(said({ packets: ['aes256gcm16-sha256'] })).toContain('protects packets by itself');
});

test.each(Object.keys(builtInProfiles))('the engine takes every offer of the profile %s', (profile) => {
  const to = { address: '198.51.100.12', preSharedKey: 'a key of some length', profile };
  expect(StrongswanInput.safeParse(inputs(site({ ipsecPeers: { to } }))['first']).error).toBeUndefined();
});

test('what is written for the other end is seen from there, and has no secret', async () => {
  const { snapshot } = admitted(site());
  const first = snapshot.get(gateway, 'lab', 'first');
  const [tunnel] = ipsecOf(first, snapshot).tunnels;
  if (tunnel === undefined) throw new Error('no tunnel');
  for (const format of exportFormats) {
    const text = exported(tunnel, format, snapshot);
    expect(text).not.toContain('a key of some length');
    await expect(text).toMatchFileSnapshot(`golden/there.${format}.txt`);
  }
});
