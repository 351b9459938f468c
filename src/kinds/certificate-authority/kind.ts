import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { PkiFragment } from '#engines/pki/input.ts';
import { defineKind, type Objection, type Seen } from '../define.ts';
import { readChain } from '../ssl-certificate/read.ts';
import { type CertificateAuthorityAssigned, CertificateAuthoritySpec } from './spec.ts';

export type CertificateAuthority = Resource<CertificateAuthoritySpec, CertificateAuthorityAssigned>;

/** What the engine `pki` knows an authority by, see `pkiPaths` and `pkiId`. */
export const authorityId = ({ project, name }: { readonly project: string; readonly name: string }): string =>
  `${project}.${name}`;

export const certificateAuthority = defineKind<CertificateAuthoritySpec, CertificateAuthorityAssigned>({
  kind: 'certificateAuthority',
  title: 'Certificate authority',
  spec: CertificateAuthoritySpec,
  assign: (resource) => chosen(resource),
  check: ({ spec }) => (spec.type === 'internal' ? checkInternal(spec) : checkExternal(spec)),
  meaning: (before, after) => meaningOf(before, after),
  columns: [
    { title: 'TYPE', value: ({ spec }) => spec.type },
    { title: 'COMMON_NAME', value: ({ spec, name }) => (spec.type === 'internal' ? (spec.commonName ?? name) : '') },
    { title: 'EXPIRE_TIME', value: (_, seen) => dayOf(seen) },
    { title: 'CERTIFICATES', value: (_, { values }) => String(values['certificates'] ?? '') },
    { title: 'REVOKED', value: (_, { values }) => String(values['revoked'] ?? '') },
  ],
  feeds: { pki: (resource) => [toAuthority(resource)] },
  example: {
    vpn: { commonName: 'Example VPN authority', organization: 'Example' },
    'head-office': {
      type: 'external',
      // Nobody has its private key any more.
      certificate: [
        '-----BEGIN CERTIFICATE-----',
        'MIIBxjCCAW2gAwIBAgIUHZgFAxn2VQ565mV7yPgX7KjwpQ0wCgYIKoZIzj0EAwIw',
        'MDEQMA4GA1UECgwHRXhhbXBsZTEcMBoGA1UEAwwTRXhhbXBsZSBoZWFkIG9mZmlj',
        'ZTAgFw0yNjExMjcwMTM0MjFaGA8yMTI2MTEwMzAxMzQyMVowMDEQMA4GA1UECgwH',
        'RXhhbXBsZTEcMBoGA1UEAwwTRXhhbXBsZSBoZWFkIG9mZmljZTBZMBMGByqGSM49',
        'AgEGCCqGSM49AwEHA0IABNIYZ9IpzBnlZO6mS3fENSmx0+3QHaN5xnmMBvDnLWcQ',
        '/kn4z14Brd7XzK3zUjMqD9O3x7nQoAq4O60oyA3022ujYzBhMB0GA1UdDgQWBBSM',
        'ukq2LoyzWIQRzCj8cN55DYEHwTAfBgNVHSMEGDAWgBSMukq2LoyzWIQRzCj8cN55',
        'DYEHwTAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQD',
        'AgNHADBEAiAx4606c6TcaDB3BGHyP3NLB4hAhld5SUBYU1oB00R6sQIgALcXKvxr',
        'XaQngb6w0ojszFcV8lSqFT5S/TzcQttzCKA=',
        '-----END CERTIFICATE-----',
      ].join('\n'),
    },
  },
});

/** The day on which something ends; empty while nobody knows. */
export const dayOf = ({ values }: Seen): string => {
  const { expireTime } = values;
  return expireTime === undefined ? '' : new Date(expireTime).toISOString().slice(0, 10);
};

const identityOf = ({ name, spec }: CertificateAuthority): CertificateAuthorityAssigned =>
  spec.type === 'external'
    ? { type: 'external' }
    : {
        type: 'internal',
        commonName: spec.commonName ?? name,
        ...(spec.organization === undefined ? {} : { organization: spec.organization }),
        keyAlgorithm: spec.keyAlgorithm,
      };

/** Another name or key would make another authority of it, and nothing that it issued would count. */
function chosen(
  resource: Resource<CertificateAuthoritySpec, CertificateAuthorityAssigned | undefined>,
): CertificateAuthorityAssigned | Objection {
  const own = identityOf(resource as CertificateAuthority);
  const before = resource.assigned;
  if (before === undefined) return own;
  const changed = (['type', 'commonName', 'organization', 'keyAlgorithm'] as const).find(
    (it) => own[it] !== before[it],
  );
  if (changed === undefined) return own;
  return {
    code: 'CONFLICTING',
    path: [changed],
    message: `an authority keeps its ${changed} (${before[changed] ?? 'none'}) as long as it lives: others know it by that`,
    fix: 'Declare another authority beside it, lead what uses the old one to it, then delete the old one.',
  };
}

const unfit = (field: string, message: string, fix: string): Objection => ({ path: [field], message, fix });

const checkInternal = (spec: CertificateAuthoritySpec): readonly Objection[] =>
  (['certificate', 'crl'] as const)
    .filter((it) => spec[it] !== undefined)
    .map((it) =>
      unfit(
        it,
        'an internal authority makes this itself',
        'Set `type: external` for one of somebody else, or take it out.',
      ),
    );

function checkExternal({ certificate, ...spec }: CertificateAuthoritySpec): readonly Objection[] {
  const named = (['commonName', 'organization'] as const)
    .filter((it) => spec[it] !== undefined)
    .map((it) => unfit(it, 'the name of an external authority stands in its certificate', 'Take it out.'));
  if (certificate === undefined)
    return [
      ...named,
      unfit('certificate', 'an external authority needs it', 'Name the file: `certificate: !file ca.pem`.'),
    ];
  const chain = readChain(certificate);
  if (!Array.isArray(chain)) return [...named, chain as Objection];
  const other = chain.findIndex((it) => !it.ca);
  if (other >= 0)
    return [
      ...named,
      unfit(
        'certificate',
        `certificate ${other + 1} is not one of an authority (CA:TRUE): whoever holds its key would count as one`,
        'Name the certificate of the authority that issued it.',
      ),
    ];
  if (spec.crl !== undefined && !/-----BEGIN X509 CRL-----/.test(spec.crl))
    return [...named, unfit('crl', 'it holds no revocation list in PEM', 'Name the file: `crl: !file crl.pem`.')];
  return named;
}

function meaningOf(
  before: CertificateAuthority | undefined,
  after: CertificateAuthority | undefined,
): readonly string[] {
  if (before === undefined) return [];
  if (after === undefined)
    return before.spec.type === 'internal'
      ? ['forgets its private key: whatever it issued counts no more, those of people too']
      : ['certificates of this authority count no more'];
  return [
    ...(before.spec.crl !== after.spec.crl
      ? [after.spec.crl === undefined ? 'whatever it revoked counts again' : 'takes over another revocation list']
      : []),
    ...(before.spec.certificate !== after.spec.certificate ? ['certificates of another authority count'] : []),
  ];
}

function toAuthority(resource: CertificateAuthority): PkiFragment {
  const { spec, assigned } = resource;
  const base = { authority: authorityId(resource), resource: keyOf(resource) };
  if (spec.type === 'external')
    return {
      ...base,
      type: 'external',
      certificate: spec.certificate ?? '',
      ...(spec.crl === undefined ? {} : { crl: spec.crl }),
    };
  const { commonName = resource.name, organization } = assigned;
  return {
    ...base,
    type: 'internal',
    subject: { commonName, ...(organization === undefined ? {} : { organization }) },
    keyAlgorithm: spec.keyAlgorithm,
    lifeDays: spec.lifeDays,
    crlDays: spec.crlDays,
  };
}

/** The authority that something names; undefined: admission has said so already. */
export const authorityNamed = (snapshot: Snapshot, project: string, name: string): CertificateAuthority | undefined =>
  snapshot.find(certificateAuthority, project, name);
