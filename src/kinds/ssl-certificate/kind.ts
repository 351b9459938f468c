import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { HaproxyFragment } from '#engines/haproxy/input.ts';
import { pkiId } from '#engines/pki/assemble.ts';
import type { PkiFragment } from '#engines/pki/input.ts';
import { authorityId, authorityNamed, dayOf } from '../certificate-authority/kind.ts';
import { defineKind, type Objection } from '../define.ts';
import { assigned, checkKey, readChain } from './read.ts';
import { type SslCertificateAssigned, SslCertificateSpec } from './spec.ts';

export const sslCertificate = defineKind<SslCertificateSpec, SslCertificateAssigned>({
  kind: 'sslCertificate',
  title: 'SSL certificate',
  spec: SslCertificateSpec,
  assign: ({ spec }) => {
    if (spec.authority !== undefined) return { subjectNames: [...new Set(spec.names)].sort() };
    const chain = readChain(spec.certificate ?? '');
    if (!Array.isArray(chain)) return chain as Objection;
    const [own] = chain;
    return assigned(own);
  },
  check: (resource, snapshot) => checkSource(resource, snapshot),
  columns: [
    { title: 'NAMES', value: ({ assigned }) => assigned.subjectNames.join(',') },
    { title: 'EXPIRE_TIME', value: ({ assigned }, seen) => assigned.expireTime?.slice(0, 10) ?? dayOf(seen) },
    {
      title: 'TYPE',
      value: ({ spec, assigned }) => spec.authority ?? (assigned.selfSigned === true ? 'self-signed' : 'signed'),
    },
  ],
  feeds: { haproxy: (resource) => [toCertificate(resource)], pki: (resource) => toAuthority(resource) },
  example: {
    'my-cert': {
      certificate: [
        '-----BEGIN CERTIFICATE-----',
        'MIIBtDCCAVqgAwIBAgIUFq6aR9zM3k+2G196VF9uP4WSglswCgYIKoZIzj0EAwIw',
        'GjEYMBYGA1UEAwwPd3d3LmV4YW1wbGUuY29tMCAXDTI2MTEyNjE1MjMyMVoYDzIx',
        'MjYxMTAyMTUyMzIxWjAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcq',
        'hkjOPQIBBggqhkjOPQMBBwNCAATCYFogxNzj6f8s5TS78FBni0Q7QOrNncJQzKzm',
        'WJO3DG/0VAAQ8t/IbH2bgbSHlB0wEo329oBhQ9phYdI09y0Fo3wwejAdBgNVHQ4E',
        'FgQURwAKXWxqbBSsiQWbg8vEdTyfiGAwHwYDVR0jBBgwFoAURwAKXWxqbBSsiQWb',
        'g8vEdTyfiGAwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgg93d3cuZXhhbXBs',
        'ZS5jb20wCwYDVR0PBAQDAgeAMAoGCCqGSM49BAMCA0gAMEUCIQDT14DtFKm0tXej',
        'c+5kCLoDezFYXEwW1nY7RSwVNN60+AIgA/K3NkMUAnUlpDkVYfB+kwDaFxS4bXpS',
        'lowf2hcBZhU=',
        '-----END CERTIFICATE-----',
      ].join('\n'),
      // Of www.example.com, made for this page only.
      privateKey: [
        '-----BEGIN PRIVATE KEY-----',
        'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNXaAHdQmevTmYbWa',
        'APwsn5NWqDzPIlWD948IeiF0QMShRANCAATCYFogxNzj6f8s5TS78FBni0Q7QOrN',
        'ncJQzKzmWJO3DG/0VAAQ8t/IbH2bgbSHlB0wEo329oBhQ9phYdI09y0F',
        '-----END PRIVATE KEY-----',
      ].join('\n'),
    },
  },
});

type SslCertificate = Resource<SslCertificateSpec, SslCertificateAssigned>;

/** Under which an authority keeps it. */
const issuedId = ({ name }: { readonly name: string }): string => `sslcertificate.${name}`;

function toCertificate(resource: SslCertificate): HaproxyFragment {
  const { project, name, spec, assigned } = resource;
  const base = {
    id: keyOf(resource),
    name,
    names: assigned.subjectNames.filter((it) => /^(\*\.)?[a-z0-9_.-]+$/.test(it)),
  };
  if (spec.authority !== undefined) {
    const authority = authorityId({ project, name: spec.authority });
    const issued = { authority, id: issuedId(resource) };
    return { project, certificate: { ...base, issued }, after: [pkiId(authority)] };
  }
  return {
    project,
    certificate: {
      ...base,
      chain: spec.certificate ?? '',
      key: spec.privateKey ?? '',
      notBefore: Date.parse(assigned.startTime ?? ''),
      notAfter: Date.parse(assigned.expireTime ?? ''),
    },
  };
}

/** The authority issues it, and renews it in good time. */
function toAuthority(resource: SslCertificate): readonly PkiFragment[] {
  const { project, name, spec } = resource;
  if (spec.authority === undefined) return [];
  const commonName = spec.names.find((it) => it.length <= 64) ?? name;
  const wanted = { id: issuedId(resource), resource: keyOf(resource), subject: { commonName }, names: spec.names };
  return [
    {
      authority: authorityId({ project, name: spec.authority }),
      wanted: { ...wanted, usage: 'server', lifeDays: LIFE },
    },
  ];
}

/** Days: browsers take nothing longer. */
const LIFE = 397;

function checkSource({ project, spec }: SslCertificate, snapshot: Snapshot): readonly Objection[] {
  const { certificate, privateKey } = spec;
  const unfit = (field: string, message: string, fix: string): Objection => ({ path: [field], message, fix });
  if (spec.authority === undefined) {
    const names = spec.names.length > 0 ? [unfit('names', 'they stand in the certificate', 'Take them out.')] : [];
    if (certificate !== undefined && privateKey !== undefined)
      return [...names, ...checkKey({ certificate, privateKey })];
    const missing = certificate === undefined ? 'certificate' : 'privateKey';
    return [
      ...names,
      unfit(missing, 'it is needed', `Name its file, \`${missing}: !file FILE\`, or an \`authority\` that issues it.`),
    ];
  }
  const brought = (['certificate', 'privateKey'] as const)
    .filter((it) => spec[it] !== undefined)
    .map((it) => unfit(it, 'the authority issues it', 'Take it out, or take `authority` out.'));
  const issuer = authorityNamed(snapshot, project, spec.authority);
  return [
    ...brought,
    ...(spec.names.length === 0
      ? [unfit('names', 'clients compare a name with it, and it has none', 'Add `names`.')]
      : []),
    ...(issuer?.spec.type === 'external'
      ? [unfit('authority', 'an authority elsewhere issues nothing here', 'Name one of type internal.')]
      : []),
    ...(issuer?.spec.type === 'internal' && issuer.spec.lifeDays < LIFE
      ? [unfit('authority', `its own certificate lasts fewer than ${LIFE} days`, 'Give it a longer `lifeDays`.')]
      : []),
  ];
}
