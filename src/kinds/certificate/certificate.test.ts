import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { HaproxyInput } from '#engines/haproxy/input.ts';
import { PkiInput } from '#engines/pki/input.ts';
import { admit } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { resourceChanges } from '#plan/difference.ts';
import { parseSite } from '#plan/site.ts';
import { issued, selfSigned } from '../../../test/certificates.ts';

const chain = issued('gateway.example.com');
const partner = { type: 'external', certificate: chain.chain.slice(1).join('') };
const brought = { authority: 'partner', certificate: chain.chain[0], privateKey: chain.privateKey };

type Group = Readonly<Record<string, object>>;
const site = (authorities: Group, certificates: Group = {}) => ({
  project: 'lab',
  certificateAuthorities: authorities,
  certificates,
});

function admitted(it: object, before = emptySnapshot) {
  const { declared, ...unread } = parseSite([{ path: 'site.json', text: JSON.stringify(it) }]);
  return admit(declared, before, unread);
}
const said = (it: object, before = emptySnapshot) =>
  admitted(it, before).problems.map((one) => `${one.at}: ${one.message}`);

test('certificates of an authority, declared and asked for, are one artifact', () => {
  const { snapshot, problems } = admitted(
    site(
      { vpn: { organization: 'Example' }, partner },
      { web: { authority: 'vpn', names: ['web.example.com'] }, there: brought },
    ),
  );
  expect(problems).toEqual([]);
  const artifacts = compile(snapshot).filter((it) => it.engine === 'pki');
  expect(artifacts.map((it) => it.id)).toEqual(['pki/lab.partner', 'pki/lab.vpn']);
  const [external, internal] = artifacts.map((it) => PkiInput.parse(it.input));
  expect(external).toMatchObject({ type: 'external', imported: [{ id: 'certificate.there' }] });
  expect(internal).toMatchObject({
    subject: { commonName: 'vpn', organization: 'Example' },
    certificates: [{ id: 'certificate.web', subject: { commonName: 'web.example.com' }, usage: 'server' }],
  });
});

const other = selfSigned(['other.example.com']);

test.each([
  [{ vpn: { certificate: 'x' } }, {}, 'an internal authority makes this itself'],
  [{ vpn: { type: 'external' } }, {}, 'an external authority needs it'],
  [{ vpn: { ...partner, commonName: 'x' } }, {}, 'stands in its certificate'],
  [{ vpn: { type: 'external', certificate: chain.chain[0] } }, {}, 'is not one of an authority'],
  [{ vpn: { ...partner, crl: 'x' } }, {}, 'no revocation list in PEM'],
  [{ vpn: { commonName: 'a\nCN = b' } }, {}, 'not a text of one line'],
  [{ vpn: {} }, { web: { authority: 'vpn' } }, 'this one has none'],
  [{ vpn: {} }, { web: { authority: 'vpn', names: ['a b'] } }, 'not a DNS name'],
  [{ vpn: {} }, { web: { authority: 'vpn', names: ['a,DNS:b'] } }, 'not a DNS name'],
  [{ vpn: {} }, { web: { ...brought, authority: 'vpn', names: ['a.example'] } }, 'issues its certificates itself'],
  [{ vpn: { lifeDays: 100 } }, { web: { authority: 'vpn', usage: 'client' } }, 'outlive its authority'],
  [{ partner }, { web: { authority: 'partner' } }, 'of an external authority is brought'],
  [{ partner }, { web: { ...brought, privateKey: other.privateKey } }, 'does not belong to the certificate'],
  [{ partner }, { web: { ...brought, ...other } }, 'authority partner did not issue it'],
  [{ partner }, { web: { ...brought, revoked: 'superseded' } }, 'whoever issued it'],
  [{}, { web: { authority: 'gone', usage: 'client' } }, 'gone'],
] as readonly (readonly [Group, Group, string])[])('%j and %j are refused: %s', (authorities, certificates, why) => {
  expect(said(site(authorities, certificates)).join('\n')).toContain(why);
});

test('a front end shows what an authority issues for it, and needs that authority before', () => {
  const front = (sslCertificate: object) => ({
    ...site({ vpn: {}, partner }),
    sslCertificates: { web: sslCertificate },
    networks: { default: {} },
    subnets: { one: { network: 'default', region: 'us-central1', range: '10.0.0.0/24' } },
    instances: { web: { zone: 'us-central1-a', interfaces: [{ subnet: 'one' }] } },
    networkEndpointGroups: { web: { network: 'default', endpoints: [{ instance: 'web', port: 80 }] } },
    healthChecks: { web: { type: 'http' } },
    backendServices: { web: { backends: [{ networkEndpointGroup: 'web' }], healthChecks: ['web'] } },
    urlMaps: { web: { defaultService: 'web' } },
    targetHttpsProxies: { web: { urlMap: 'web', sslCertificates: ['web'] } },
    forwardingRules: { web: { targetHttpsProxy: 'web' } },
  });
  const names = ['www.example.com'];
  const { snapshot, problems } = admitted(front({ authority: 'vpn', names }));
  expect(problems).toEqual([]);
  const artifacts = compile(snapshot);
  const proxy = artifacts.find((it) => it.engine === 'haproxy');
  expect(proxy?.needs).toContain('pki/lab.vpn');
  const issued = { authority: 'lab.vpn', id: 'sslcertificate.web' };
  expect(HaproxyInput.parse(proxy?.input).certificates).toMatchObject([{ names, issued }]);
  const pki = artifacts.find((it) => it.id === 'pki/lab.vpn');
  expect(pki?.input).toMatchObject({ certificates: [{ id: 'sslcertificate.web', names, usage: 'server' }] });
  for (const [wrong, why] of [
    [{ authority: 'vpn' }, 'it has none'],
    [{ authority: 'vpn', names, certificate: other.certificate }, 'the authority issues it'],
    [{ authority: 'partner', names }, 'issues nothing here'],
    [{ certificate: other.certificate }, 'it is needed'],
    [{ ...other, names }, 'they stand in the certificate'],
  ] as const)
    expect(said(front(wrong)).join('\n')).toContain(why);
});

test('a certificate that is revoked is nobody’s proof any more', () => {
  const web = { authority: 'vpn', names: ['web.example.com'] };
  const peer = { ipsecPeers: { branch: { peerIdentity: 'gw.example.org', certificate: 'web' } } };
  expect(said({ ...site({ vpn: {} }, { web }), ...peer })).toEqual([]);
  expect(said({ ...site({ vpn: {} }, { web: { ...web, revoked: 'keyCompromise' } }), ...peer }).join()).toContain(
    'certificate web is revoked',
  );
});

test('an authority keeps its name and its kind of key as long as it lives', () => {
  const { snapshot } = admitted(site({ vpn: { organization: 'Example' } }));
  for (const changed of [{ organization: 'Other' }, {}, { organization: 'Example', keyAlgorithm: 'rsa-3072' }])
    expect(said(site({ vpn: changed }), snapshot).join()).toContain('as long as it lives');
  expect(said(site({ vpn: { organization: 'Example', crlDays: 3, lifeDays: 400 } }), snapshot)).toEqual([]);
  expect(said(site({ vpn: partner }), snapshot).join()).toContain('keeps its type');
});

test('a plan says what becomes of certificates', () => {
  const web = { authority: 'vpn', names: ['web.example.com'] };
  const meaning = (from: object, to: object): readonly string[] => {
    const before = admitted(from).snapshot;
    return resourceChanges(before, admitted(to, before).snapshot).flatMap((it) => it.meaning);
  };
  const now = site({ vpn: {} }, { web });
  expect(meaning(now, site({ vpn: {} }))).toEqual(['revokes it']);
  expect(meaning(now, site({ vpn: {} }, { web: { ...web, revoked: 'keyCompromise' } }))).toEqual([
    'revokes it for good: keyCompromise',
  ]);
  expect(meaning(site({ vpn: {} }, { web: { ...web, revoked: 'keyCompromise' } }), now)).toEqual([
    'issues another one; what was revoked stays so',
  ]);
  expect(meaning(now, site({ vpn: {} }, { web: { ...web, names: ['a.example.com'], revokeFormer: true } }))).toEqual([
    'issues another one and revokes the former',
  ]);
  expect(meaning(now, { project: 'lab' }).join()).toContain('whatever it issued counts no more');
});
