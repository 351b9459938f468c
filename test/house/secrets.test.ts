import { expect, test } from 'vitest';
import * as z from 'zod';
import { emptySnapshot, snapshotOf } from '#core/snapshot.ts';
import { EdgeInput } from '#engines/edge/input.ts';
import { withSecrets } from '#engines/edge/secrets.ts';
import { GatewayServiceInput } from '#engines/gateway-service/input.ts';
import { filesOf } from '#engines/haproxy/files.ts';
import { HaproxyInput } from '#engines/haproxy/input.ts';
import { haproxyPaths } from '#engines/haproxy/paths.ts';
import { importedKey } from '#engines/pki/external.ts';
import { PkiInput } from '#engines/pki/input.ts';
import { SlapdInput } from '#engines/slapd/input.ts';
import { placeOfPassword } from '#engines/slapd/tree.ts';
import { StrongswanInput } from '#engines/strongswan/input.ts';
import { kinds } from '#kinds/index.ts';
import { isSealed, newSealingKeys, placeOf, seal, unseal } from '#lib/seal.ts';
import { admit } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { sealed } from '#plan/secrets.ts';
import { parseSite } from '#plan/site.ts';
import { issued, selfSigned } from '../certificates.ts';

/** Control seals, engines open: both must mean the same field by the same words. */

const keys = newSealingKeys();
const { certificate, privateKey } = selfSigned(['www.example.com']);

const ofAuthority = issued('gateway.example.com');

/** Every kind that has a secret, with one. */
const site = {
  project: 'lab',
  networks: { default: {} },
  subnets: { one: { network: 'default', region: 'us-central1', range: '10.0.0.0/24' } },
  instances: { web: { zone: 'us-central1-a', interfaces: [{ subnet: 'one' }] } },
  networkEndpointGroups: { web: { network: 'default', endpoints: [{ instance: 'web', port: 80 }] } },
  healthChecks: { web: { type: 'http' } },
  backendServices: { web: { backends: [{ networkEndpointGroup: 'web' }], healthChecks: ['web'], iap: {} } },
  urlMaps: { web: { defaultService: 'web' } },
  sslCertificates: { web: { certificate, privateKey } },
  certificateAuthorities: { elsewhere: { type: 'external', certificate: ofAuthority.chain.slice(1).join('') } },
  certificates: {
    gateway: {
      authority: 'elsewhere',
      certificate: ofAuthority.chain[0],
      privateKey: ofAuthority.privateKey,
    },
  },
  targetHttpsProxies: { web: { urlMap: 'web', sslCertificates: ['web'] } },
  forwardingRules: { web: { targetHttpsProxy: 'web' } },
  consentScreen: { applicationTitle: 'Shop', supportEmail: 'help@example.com' },
  directories: {
    people: {},
    corp: {
      type: 'ldap',
      baseDn: 'dc=example',
      ldap: {
        url: 'ldaps://ldap.example.com',
        bindDn: 'cn=reader',
        bindPassword: 'of-the-reader',
      },
    },
  },
  users: {
    alice: { email: 'alice@example.com', displayName: 'Alice', password: 'of-alice-first', directory: 'people' },
  },
  identityProviders: {
    own: {},
    elsewhere: { type: 'oidc', issuer: 'https://id.example.com', clientId: 'we', clientSecret: 'of-ours-there' },
  },
  segments: {
    outside: { range: '192.168.1.0/29', publicBlocks: [{ range: '147.135.161.152/29', router: '147.135.161.158' }] },
    inside: { range: '10.200.0.0/16' },
    link: { range: '192.168.2.0/29' },
  },
  gateways: Object.fromEntries(
    ['one', 'two'].map((it) => [
      it,
      {
        interfaces: [
          { name: 'ext', segment: 'outside', external: true },
          { name: 'lan', segment: 'inside' },
          { name: 'ha', segment: 'link' },
        ],
      },
    ]),
  ),
  gatewayClusters: {
    pair: {
      members: [
        { gateway: 'one', priority: 100 },
        { gateway: 'two', priority: 50 },
      ],
      addresses: [
        { interface: 'lan', address: '10.200.0.1' },
        { interface: 'ext', address: '147.135.161.153' },
      ],
      link: 'ha',
      ipsecTunnels: ['to-branch'],
      secret: 'of-the-pair-of-the-pair',
    },
  },
  networkObjects: { branch: { network: '10.201.0.0/16' } },
  ipsecPeers: { branch: { address: '198.51.100.1', preSharedKey: 'of-the-tunnel-to-the-branch' } },
  ipsecTunnels: { 'to-branch': { peer: 'branch', networks: [{ local: 'network-lan', remote: 'branch' }] } },
  oauthClients: { shop: { redirectUris: ['https://shop.example.com/callback'], secret: 'of-the-shop-of-the-shop-of' } },
};

function artifacts() {
  const { declared, ...unread } = parseSite([{ path: 'site.json', text: JSON.stringify(site, null, 2) }]);
  const { snapshot, problems } = admit(declared, emptySnapshot, unread);
  expect(problems).toEqual([]);
  return compile(snapshotOf(snapshot.resources.map((it) => sealed(it, keys.sealing))));
}

const found = artifacts();
const input = (engine: string): unknown => found.find((it) => it.engine === engine)?.input;
const open = (value: string, place: string): string => unseal(keys.opening, value, place);

test('every kind with a secret is tried here', () => {
  const holding = kinds
    .filter((it) =>
      JSON.stringify(z.toJSONSchema(it.spec, { io: 'input', unrepresentable: 'any' })).includes('"x-secret":true'),
    )
    .map((it) => it.plural);
  expect(holding.toSorted()).toEqual([
    'certificates',
    'directories',
    'gatewayClusters',
    'identityProviders',
    'ipsecPeers',
    'oauthClients',
    'sslCertificates',
    'users',
  ]);
});

test('what control has sealed for a field, the engine that reads the field opens', () => {
  const edge = withSecrets(EdgeInput.parse(input('edge')), open);
  expect(edge.providers.find((it) => it.name === 'elsewhere')?.oidc?.clientSecret).toBe('of-ours-there');
  expect(edge.directories.find((it) => it.name === 'corp')?.ldap?.bindPassword).toBe('of-the-reader');
  expect(edge.clients.find((it) => it.name === 'shop')?.secret).toBe('of-the-shop-of-the-shop-of');
  const slapd = SlapdInput.parse(input('slapd'));
  expect(open(slapd.users[0]?.password ?? '', placeOfPassword(slapd.directory, 'alice'))).toBe('of-alice-first');
  const service = GatewayServiceInput.parse(input('gateway-service'));
  expect(open(service.secret ?? '', placeOf(service.cluster, 'secret'))).toBe('of-the-pair-of-the-pair');
  const [tunnel] = StrongswanInput.parse(input('strongswan')).connections;
  expect(open(tunnel?.preSharedKey ?? '', placeOf(tunnel?.key ?? '', 'preSharedKey'))).toBe(
    'of-the-tunnel-to-the-branch',
  );
  const pki = PkiInput.parse(input('pki'));
  const [imported] = pki.type === 'external' ? pki.imported : [];
  expect(imported && importedKey(imported, open)).toBe(ofAuthority.privateKey);
  const paths = haproxyPaths({ run: '/run', state: '/state' }, 'lab');
  const files = filesOf(HaproxyInput.parse(input('haproxy')), paths, open);
  expect(files.get(`${paths.certificates}/web.pem`)).toContain(privateKey.trim());
});

test('a secret that stands in a field which people see stays closed there', () => {
  const edge = EdgeInput.parse(input('edge'));
  const stolen = seal(keys.sealing, 'of-alice-first', 'lab/user/alice password');
  const shown = withSecrets(
    { ...edge, consent: { applicationName: stolen, supportEmail: stolen, userType: 'external' } },
    open,
  );
  expect(shown.consent?.applicationName).toBe(stolen);
  expect(isSealed(shown.consent?.supportEmail ?? '')).toBe(true);
});

test('a secret in the secret field of another resource stays closed, too', () => {
  const edge = EdgeInput.parse(input('edge'));
  const stolen = seal(keys.sealing, 'of-alice-first', 'lab/user/alice password');
  expect(() => withSecrets({ ...edge, clients: edge.clients.map((it) => ({ ...it, secret: stolen })) }, open)).toThrow(
    'another field',
  );
});
