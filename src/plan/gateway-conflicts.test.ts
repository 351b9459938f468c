import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { publishWarnings, tunnelWarnings } from '#kinds/gateway/conflicts.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { policyWarnings } from '#kinds/gateway/warnings.ts';
import { admit } from './admit.ts';
import { parseSite } from './site.ts';

const site = (rules: readonly object[], { policy = [] as readonly object[], localAs = 'shown' } = {}) => ({
  project: 'lab',
  segments: { outside: { range: '198.51.100.0/24' }, inside: { range: '10.200.0.0/16', routerAddress: '10.200.0.1' } },
  networkObjects: {
    admin: { host: '203.0.113.10' },
    server: { host: '10.200.0.10' },
    shown: { network: '10.71.0.0/16' },
    branch: { network: '10.72.0.0/16' },
    people: { network: '10.60.77.0/24' },
  },
  serviceObjects: {
    ike: { match: ['udp:500'] },
    openvpn: { match: ['udp:1194'] },
    'openvpn-tcp': { match: ['tcp:1194'] },
  },
  certificateAuthorities: { vpn: {} },
  directories: { people: {} },
  sslVpnServers: {
    staff: { udp: { network: 'people' }, certificateAuthority: 'vpn', routes: ['network-lan'] },
  },
  ipsecPeers: { far: { address: '198.51.100.9', preSharedKey: 'a key of some length' } },
  ipsecTunnels: { far: { peer: 'far', networks: [{ local: 'network-lan', localAs, remote: 'branch' }] } },
  gateways: {
    edge: {
      interfaces: [
        { name: 'ext', segment: 'outside', address: '198.51.100.11', external: true },
        { name: 'lan', segment: 'inside', address: '10.200.0.1' },
      ],
      management: [{ sources: ['admin'], services: ['https'] }],
      dhcp: ['lan'],
      ipsecTunnels: ['far'],
      sslVpn: 'staff',
      filterPolicy: 'edge',
      natPolicy: 'edge',
    },
  },
  filterPolicies: { edge: { rules: policy } },
  natPolicies: { edge: { rules } },
});

function admitted(it: object) {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text: JSON.stringify(it) }]);
  const { snapshot, problems } = admit(declared, emptySnapshot, unread);
  expect(problems).toEqual([]);
  return snapshot;
}

function warned(it: object, of: typeof publishWarnings): readonly string[] {
  const snapshot = admitted(it);
  return of(snapshot.get(gateway, 'lab', 'edge'), snapshot);
}

const publish = (destination: string, ...services: string[]) => ({
  name: 'web',
  type: 'publish',
  destination: [destination],
  services,
  translateTo: 'server',
});

test('what NAT leads away from the gateway is said: management, tunnels, names, people from outside', () => {
  expect(warned(site([publish('firewall-ext', 'https')]), publishWarnings)).toEqual([
    'warning: edge: web leads what is for management (https) at 198.51.100.11 to 10.200.0.10: publish at another address or port',
  ]);
  expect(warned(site([publish('firewall-ext', 'ike')]), publishWarnings)).toEqual([
    expect.stringContaining('the IPsec tunnel far (udp 500, 4500) at 198.51.100.11'),
  ]);
  expect(warned(site([publish('firewall-ext', 'openvpn')]), publishWarnings)).toEqual([
    expect.stringContaining('the SSL VPN (udp 1194) at 198.51.100.11 to 10.200.0.10'),
  ]);
  expect(warned(site([publish('firewall-lan')]), publishWarnings)).toEqual([
    expect.stringContaining('management (https) at 10.200.0.1'),
    expect.stringContaining('DNS of lan (tcp and udp 53) at 10.200.0.1'),
  ]);
});

test('nothing is said of a port that the gateway does not answer on', () => {
  for (const it of ['http', 'openvpn-tcp'])
    expect(warned(site([publish('firewall-ext', it)]), publishWarnings), it).toEqual([]);
  // People come in from outside alone.
  expect(warned(site([publish('firewall-lan', 'openvpn')]), publishWarnings)).toEqual([]);
});

const fromTunnel = (destination: string) => ({
  name: 'in',
  action: 'pass',
  sourceInterfaces: ['ipsec'],
  destination: [destination],
});

test('a rule from a tunnel that names a network as its peer does not know it is said to match nothing', () => {
  expect(warned(site([], { policy: [fromTunnel('network-lan')] }), tunnelWarnings)).toEqual([
    expect.stringMatching(/^warning: edge: in matches nothing of the tunnel far: .* network-lan as 10\.71\.0\.0\/16/),
  ]);
  expect(warned(site([], { policy: [fromTunnel('shown')] }), tunnelWarnings)).toEqual([]);
});

test('a policy that changes says so for the gateways that have it in force, and only what is new', () => {
  const [before, after] = [admitted(site([])), admitted(site([publish('firewall-ext', 'https')]))];
  const policy = { project: 'lab', name: 'edge' };
  expect(policyWarnings('natPolicy', policy, { before, after })).toHaveLength(1);
  expect(policyWarnings('natPolicy', policy, { before: after, after })).toEqual([]);
});
