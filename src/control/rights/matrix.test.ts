import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import type { KnownPerson } from '#engines/edge/paths.ts';
import { admit } from '#plan/admit.ts';
import { parseSite } from '#plan/site.ts';
import { rightsMatrix } from './matrix.ts';

const site = {
  project: 'lab',
  networkObjects: { clients: { network: '10.60.77.0/24' }, mail: { host: '10.200.0.20' } },
  certificateAuthorities: { vpn: {} },
  sslVpnServers: { staff: { udp: { network: 'clients' }, certificateAuthority: 'vpn' } },
  roleBindings: {
    vpn: {
      ...{ role: 'roles/vpn.user', sslVpnServer: 'staff', networks: ['mail'] },
      members: ['group:ops@example.com', 'user:Alice@example.com'],
    },
    web: {
      ...{ role: 'roles/iap.httpsResourceAccessor', members: ['domain:example.com', 'user:eve@elsewhere.test'] },
      condition: { title: 'from the office', expression: 'inIpRange(origin.ip, ["192.0.2.0/24"])' },
    },
    sudo: { role: 'roles/compute.osAdminLogin', members: ['allAuthenticatedUsers'] },
  },
};
const { declared, ...unread } = parseSite([{ path: 's', text: JSON.stringify(site) }]);
const { snapshot, problems } = admit(declared, emptySnapshot, unread);

const person = (name: string, more: Partial<KnownPerson> = {}): KnownPerson => ({
  ...{ email: `${name}@example.com`, displayName: name, domain: 'example.com', groups: [], directory: 'people' },
  ...{ disabled: false, secondFactor: false },
  ...more,
});
const people = [person('bob', { groups: ['ops@example.com'], disabled: true }), person('alice')];
const tokens = [{ name: 'ci', role: 'operator' }];
const short = (email?: string) =>
  rightsMatrix(snapshot, { project: 'lab', people, tokens, email }).map((it) =>
    [it.who, it.may, it.on, it.networks?.join() ?? '', it.through, it.by ?? '', it.when ?? '', it.but ?? ''].join('|'),
  );

test('everybody stands there with what they may and through what: people, then groups and strangers, then tokens', () => {
  expect(problems).toEqual([]);
  expect(short()).toEqual([
    'alice@example.com|admin login|all||sudo|allAuthenticatedUsers||',
    'alice@example.com|SSL VPN|staff|mail|vpn|||',
    'alice@example.com|application|all||web|domain:example.com|from the office|',
    'bob@example.com|admin login|all||sudo|allAuthenticatedUsers||disabled',
    'bob@example.com|SSL VPN|staff|mail|vpn|group:ops@example.com||disabled',
    'bob@example.com|application|all||web|domain:example.com|from the office|disabled',
    'allAuthenticatedUsers|admin login|all||sudo|||',
    'domain:example.com|application|all||web||from the office|',
    'group:ops@example.com|SSL VPN|staff|mail|vpn|||',
    'user:eve@elsewhere.test|application|all||web||from the office|',
    'token:ci|administration|operator||ci|||',
  ]);
});

test('one person, also one whom no directory here knows', () => {
  expect(short('Bob@example.com')).toHaveLength(3);
  expect(short('eve@elsewhere.test')).toEqual([
    'eve@elsewhere.test|admin login|all||sudo|||',
    'eve@elsewhere.test|application|all||web||from the office|',
  ]);
  expect(short('nobody@nowhere.test')).toEqual(['nobody@nowhere.test|admin login|all||sudo|||']);
});
