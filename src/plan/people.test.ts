import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import { warningsOf } from '#engines/filter/warnings.ts';
import { admit } from './admit.ts';
import { compile } from './compile.ts';
import { resourceChanges } from './difference.ts';
import { parseSite } from './site.ts';

/** Rules for people who come in by the SSL VPN: what the filter and the edge service are told about the same sets. */

const rule = (name: string, more: object = {}) => ({ name, action: 'pass', ...more });
const bound = (more: object) => ({ role: 'roles/vpn.user', ...more });

const site = (rules: readonly object[], more: object = {}) => ({
  project: 'lab',
  segments: { outside: { range: '203.0.113.0/29' }, inside: { range: '10.200.0.0/16' } },
  networkObjects: {
    clients: { network: '10.60.77.0/24' },
    'web-server': { host: '10.200.0.10' },
    mail: { range: '10.200.0.20-10.200.0.21' },
  },
  certificateAuthorities: { vpn: {} },
  directories: { people: {} },
  sslVpnServers: {
    staff: { udp: { network: 'clients' }, certificateAuthority: 'vpn', routes: ['network-lan'] },
  },
  filterPolicies: { office: { rules } },
  gateways: {
    gw: {
      interfaces: [
        { name: 'ext', segment: 'outside', external: true, address: '203.0.113.2' },
        { name: 'lan', segment: 'inside', address: '10.200.0.1' },
      ],
      filterPolicy: 'office',
      sslVpn: 'staff',
    },
  },
  roleBindings: { all: bound({ members: ['domain:example.com'] }) },
  ...more,
});

function admitted(it: object) {
  const { declared, ...unread } = parseSite([{ path: 's', text: JSON.stringify(it) }]);
  return admit(declared, emptySnapshot, unread);
}

function compiled(it: object): { readonly filter: FilterInput; readonly edge: EdgeInput } {
  const { snapshot, problems } = admitted(it);
  expect(problems.map((one) => one.message)).toEqual([]);
  const input = <I>(id: string): I => compile(snapshot).find((one) => one.id === id)?.input as I;
  return { filter: input('filter/gw.lab.gw'), edge: input('edge/lab') };
}

const problems = (it: object) => admitted(it).problems.map(({ message, fix }) => `${message} -> ${fix}`);
const SERVER = 'lab/sslVpnServer/staff';

test('each distinct list of people is one set, which the filter has and the edge service fills', () => {
  const { filter, edge } = compiled(
    site([
      rule('admins', { users: ['group:admins@example.com', 'user:Bob@example.com'] }),
      rule('admins-too', { users: ['user:bob@example.com', 'group:admins@example.com'], services: ['ssh'] }),
      rule('admins-rights', { users: ['group:admins@example.com'], rights: true }),
      rule('anybody', { users: ['allAuthenticatedUsers'], services: ['http'] }),
      rule('rights', { rights: true }),
      rule('rights-of-all', { users: ['allAuthenticatedUsers'], rights: true, services: ['http'] }),
      rule('lan', { sourceInterfaces: ['lan'] }),
    ]),
  );
  const [admins, again, narrowed, anybody, rights, all, lan] = filter.rules;
  expect(admins?.people).toBe(again?.people);
  expect(new Set([admins, narrowed, anybody, rights].map((it) => it?.people)).size).toBe(4);
  expect(rights?.people).toBe(`${SERVER}/rights`);
  expect(all?.people).toBe(rights?.people);
  expect(lan).not.toHaveProperty('people');
  // Only what comes out of the tunnel is somebody's.
  expect(filter.rules.map((it) => it.inInterfaces)).toEqual([...new Array(6).fill(['sslvpn-udp']), ['lan']]);
  const known = edge.vpnSets.map((it) => it.key).toSorted();
  expect(filter.people.map((it) => it.key).toSorted()).toEqual(known);
  expect(edge.vpnSets).toContainEqual({
    ...{ server: SERVER, key: admins?.people, rights: false },
    members: ['group:admins@example.com', 'user:bob@example.com'],
  });
  expect(edge.vpnSets).toContainEqual({ server: SERVER, key: `${SERVER}/rights`, rights: true, members: [] });
});

test('a role binding gives what the server leads to, or the networks that it names as they are at the gateway', () => {
  const roleBindings = {
    all: bound({ members: ['domain:example.com'] }),
    mail: bound({ members: ['group:mail@example.com'], sslVpnServer: 'staff', networks: ['mail', 'firewall-lan'] }),
    none: bound({ members: ['user:eve@example.com'], networks: [] }),
  };
  const { edge } = compiled(site([rule('rights', { rights: true })], { roleBindings }));
  expect(edge.vpnServers).toMatchObject([{ key: SERVER, name: 'staff', networks: ['10.200.0.0/16'] }]);
  expect(edge.vpnRights.toSorted((a, b) => (a.binding < b.binding ? -1 : 1))).toEqual([
    { server: SERVER, binding: 'lab/roleBinding/mail', networks: ['10.200.0.20/31', '10.200.0.1/32'] },
    { server: SERVER, binding: 'lab/roleBinding/none', networks: [] },
  ]);
  expect(edge.bindings).toContainEqual({
    ...{ key: 'lab/roleBinding/mail', role: 'roles/vpn.user', sslVpnServer: 'staff' },
    members: ['group:mail@example.com'],
  });
});

test('both members of a pair have the sets, and the edge service is told once', () => {
  const pair = (address: string) => ({
    interfaces: [
      { name: 'ext', segment: 'outside', external: true },
      { name: 'lan', segment: 'inside', address },
      { name: 'ha', segment: 'link' },
    ],
  });
  const { snapshot, problems: faults } = admitted(
    site([rule('rights', { rights: true })], {
      segments: {
        ...{ outside: { range: '203.0.113.0/29' }, inside: { range: '10.200.0.0/16' } },
        link: { range: '192.168.7.0/29' },
      },
      gateways: { a: pair('10.200.0.2'), b: pair('10.200.0.3') },
      gatewayClusters: {
        pair: {
          members: [
            { gateway: 'a', priority: 100 },
            { gateway: 'b', priority: 50 },
          ],
          addresses: [
            { interface: 'ext', address: '203.0.113.2' },
            { interface: 'lan', address: '10.200.0.1' },
          ],
          ...{ link: 'ha', filterPolicy: 'office', sslVpn: 'staff' },
        },
      },
    }),
  );
  expect(faults.map((it) => it.message)).toEqual([]);
  const artifacts = compile(snapshot);
  for (const name of ['a', 'b']) {
    const filter = artifacts.find((it) => it.id === `filter/gw.lab.${name}`)?.input as FilterInput;
    expect(filter.people).toEqual([{ key: `${SERVER}/rights` }]);
  }
  const edge = artifacts.find((it) => it.id === 'edge/lab')?.input as EdgeInput | undefined;
  expect(edge?.vpnSets).toHaveLength(1);
});

test('people in rules that can never hold are refused: nobody signs in, or by another interface, or they are no people', () => {
  const rules = [rule('staff', { users: ['group:staff@example.com'] })];
  const { sslVpn: _, ...without } = site(rules).gateways.gw;
  expect(problems(site(rules, { gateways: { gw: without } }))[0]).toMatch(/nobody signs in at gw -> Put an SSL VPN/);
  const refused = (more: object) => problems(site([rule('staff', more)]));
  expect(refused({ users: ['group:a@example.com'], sourceInterfaces: ['lan'] })).toEqual([
    'rule staff of office is for people, and nobody signs in by lan -> They come by sslvpn.',
  ]);
  expect(refused({ users: ['allUsers'] })[0]).toContain('allUsers does not sign in');
  expect(refused({ users: ['user:A@example.com', 'user:a@example.com'] })[0]).toContain('is there twice');
  expect(refused({ users: ['alice'] })[0]).toContain('not a member');
});

test('a role binding for the SSL VPN that cannot be is refused', () => {
  const refused = (binding: object, more: object = {}) =>
    problems(site([rule('rights', { rights: true })], { roleBindings: { it: binding }, ...more }));
  const members = ['user:a@example.com'];
  expect(refused(bound({ members, networks: ['network-dmz'] }))[0]).toContain('network-dmz');
  expect(refused(bound({ members: ['allUsers'] }))[0]).toContain('does not sign in');
  expect(refused(bound({ members, condition: { title: 'x', expression: 'request.path == "/"' } }))).toEqual([
    'a sign-in to the SSL VPN has no path -> Use origin.ip, request.time and access levels; what may be reached is said by `networks`.',
  ]);
  const web = { role: 'roles/iap.httpsResourceAccessor', members };
  expect(refused({ ...web, sslVpnServer: 'staff' })).toEqual([
    'the role for applications cannot be had on an SSL VPN server -> Take it out, or choose roles/vpn.user.',
  ]);
  expect(refused({ ...web, networks: ['mail'] })[0]).toContain(
    'only the roles for the SSL VPN and for captive portals have networks',
  );
});

test('a rule behind one for everybody is told as shadowed, and a plan says whom a rule lets where', () => {
  const staff = rule('staff', { users: ['group:staff@example.com'] });
  const warnings = (...rules: object[]) =>
    warningsOf(compiled(site(rules)).filter).map((it) => [it.rule, it.kind, it.by]);
  const key = (name: string) => `lab/filterPolicy/office/${name}`;
  expect(warnings(rule('closed', { action: 'block', sourceInterfaces: ['sslvpn'] }), staff)).toEqual([
    [key('staff'), 'shadowed', key('closed')],
  ]);
  expect(warnings(rule('again', { ...staff, name: 'again', services: ['ssh'] }), staff)).toEqual([
    [key('again'), 'redundant', key('staff')],
  ]);
  expect(warnings(staff, rule('closed', { action: 'block', sourceInterfaces: ['sslvpn'] }))).toEqual([]);
  const change = resourceChanges(
    admitted(site([])).snapshot,
    admitted(site([staff, rule('rights', { rights: true })])).snapshot,
  );
  expect(change.flatMap((it) => it.meaning)).toEqual([
    'office: staff lets everything pass from anywhere to anywhere for group:staff@example.com',
    'office: rights lets everything pass from anywhere to anywhere for people, as far as their role bindings go',
  ]);
});

test('a directory elsewhere is asked by the internet, though the project has no front end there', () => {
  const ldap = { url: 'ldaps://ldap.partner.example', bindDn: 'cn=reader', bindPassword: 'secret' };
  const directories = { people: {}, partner: { type: 'ldap', baseDn: 'dc=partner,dc=example', ldap } };
  const { snapshot, problems: faults } = admitted(site([], { directories }));
  expect(faults.map((it) => it.message)).toEqual([]);
  const ids = compile(snapshot).map((it) => it.id);
  expect(ids).toContain('link/edge/lab/internet');
  expect(compile(admitted(site([])).snapshot).map((it) => it.id)).not.toContain('link/edge/lab/internet');
});

test('a captive portal opens rules for people to its interfaces, and leads HTTP that only they allow to its pages', () => {
  const portal = { captivePortal: { interfaces: ['lan'], lifetimeMinutes: 60 } };
  const open = (rules: readonly object[], more: object = {}) => {
    const declared = site(rules);
    return compiled({ ...declared, gateways: { gw: { ...declared.gateways.gw, ...portal, ...more } } });
  };
  const staff = rule('staff', { users: ['group:staff@example.com'] });
  const { filter, edge } = open([
    staff,
    rule('ssh-only', { ...staff, name: 'ssh-only', services: ['ssh'] }),
    rule('anybody', { sourceInterfaces: ['lan'], destination: ['mail'] }),
    rule('closed', { action: 'block' }),
  ]);
  expect(filter.rules.map((it) => it.id.split('/').at(-1))).toEqual([
    'staff',
    'ssh-only',
    'anybody',
    'led-1',
    'closed',
  ]);
  const [first, , , led] = filter.rules;
  expect(first?.inInterfaces).toEqual(['sslvpn-udp', 'lan']);
  expect(led).toMatchObject({ inInterfaces: ['lan'], divert: [{ ports: [80], to: 3100 }] });
  expect(led).not.toHaveProperty('people');
  // It lets nothing pass but what it hands over.
  const http = filter.serviceSets.find((it) => it.key === led?.services[0]);
  expect(http?.services).toEqual([{ protocol: 'tcp', ports: [[80, 80]] }]);
  expect(edge.portals).toEqual([
    { key: 'lab/gateway/gw', name: 'gw', directories: [], secondFactor: 'whenSetUp', lifetimeSeconds: 3600 },
  ]);
  // The SSL VPN and the portal fill the same set.
  expect(edge.vpnSets.filter((it) => it.key === first?.people).map((it) => it.server)).toEqual([
    'lab/gateway/gw',
    SERVER,
  ]);
  // Alone, without an SSL VPN and without anybody who may: all that it needs is there.
  const { sslVpnServers: _, roleBindings: __, ...bare } = site([staff]);
  const { sslVpn: ___, ...gw } = { ...bare.gateways.gw, ...portal };
  const artifacts = compile(admitted({ ...bare, gateways: { gw } }).snapshot);
  const ids = new Set(artifacts.map((it) => it.id));
  const alone = artifacts.filter((it) => ['edge', 'captive-portal'].includes(it.engine));
  expect(alone.map((it) => it.id)).toEqual(expect.arrayContaining(['edge/lab', 'captive-portal/gw.lab.gw']));
  expect(alone.flatMap((it) => it.needs).filter((it) => !ids.has(it))).toEqual([]);
  const refused = (more: object) => {
    const declared = site([staff]);
    return problems({ ...declared, gateways: { gw: { ...declared.gateways.gw, ...portal, ...more } } });
  };
  expect(refused({ antispoofing: false })[0]).toContain('without antispoofing');
  expect(refused({ captivePortal: { interfaces: ['ext'] } })[0]).toContain('ext leads outside');
});
