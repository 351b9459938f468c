import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { PkiFragment } from '#engines/pki/input.ts';
import { authorityId, authorityNamed, certificateAuthority, dayOf } from '../certificate-authority/kind.ts';
import { defineKind, type Objection } from '../define.ts';
import { checkCertificate } from './check.ts';
import { CertificateSpec } from './spec.ts';

export type Certificate = Resource<CertificateSpec>;

export const certificate = defineKind<CertificateSpec>({
  kind: 'certificate',
  title: 'Certificate',
  spec: CertificateSpec,
  check: (resource, snapshot) =>
    checkCertificate(resource.spec, authorityNamed(snapshot, resource.project, resource.spec.authority)),
  meaning: (before, after) => meaningOf(before, after),
  columns: [
    { title: 'AUTHORITY', value: ({ spec }) => spec.authority },
    { title: 'COMMON_NAME', value: (it) => (it.spec.certificate === undefined ? commonNameOf(it) : '') },
    { title: 'USAGE', value: ({ spec }) => spec.usage },
    { title: 'EXPIRE_TIME', value: (_, seen) => dayOf(seen) },
    { title: 'REVOKED', value: ({ spec }) => spec.revoked ?? '' },
  ],
  feeds: { pki: (resource, snapshot) => [toFragment(resource, snapshot)] },
  example: {
    'vpn-server': { authority: 'vpn', names: ['vpn.example.com'], addresses: ['198.51.100.10'], usage: 'both' },
  },
});

/** Under which the engine `pki` keeps a declared certificate, see `pkiPaths(...).issued`. */
export const certificateId = ({ name }: { readonly name: string }): string => `certificate.${name}`;

/** Where whoever names a certificate finds it: authority and id of the engine `pki`. */
export const certificatePlace = (it: Certificate): { readonly authority: string; readonly id: string } => ({
  authority: authorityId({ project: it.project, name: it.spec.authority }),
  id: certificateId(it),
});

/** For whoever names a certificate in the field `certificate`: one that is revoked is nobody's proof, and has no key any more. */
export function checkInForce(snapshot: Snapshot, project: string, name: string): Objection[] {
  if (snapshot.find(certificate, project, name)?.spec.revoked === undefined) return [];
  return [
    {
      path: ['certificate'],
      message: `certificate ${name} is revoked: nobody takes it for a proof`,
      fix: 'Name another one, or take `revoked` out of it: then another one is issued. `vauban certificates renew --revoke` does both at once.',
    },
  ];
}

export const commonNameOf = ({ name, spec }: Certificate): string =>
  spec.commonName ?? spec.names.concat(spec.emails).find((it) => it.length <= 64) ?? name;

function meaningOf(before: Certificate | undefined, after: Certificate | undefined): readonly string[] {
  if (before === undefined) return [];
  const own = before.spec;
  if (after === undefined) return own.revoked === undefined && own.certificate === undefined ? ['revokes it'] : [];
  const { spec } = after;
  if (spec.revoked !== undefined) return own.revoked === undefined ? [`revokes it for good: ${spec.revoked}`] : [];
  if (own.revoked !== undefined) return ['issues another one; what was revoked stays so'];
  const said = ({ description: _, exportable: __, revokeFormer: ___, privateKey: ____, ...it }: CertificateSpec) =>
    JSON.stringify(it);
  return [
    ...(said(own) === said(spec)
      ? []
      : [
          spec.certificate === undefined
            ? `issues another one${spec.revokeFormer ? ' and revokes the former' : ''}`
            : 'shows another certificate',
        ]),
    ...(spec.exportable && !own.exportable ? ['its private key may be exported'] : []),
  ];
}

function toFragment(resource: Certificate, snapshot: Snapshot): PkiFragment {
  const { project, spec } = resource;
  const base = { id: certificateId(resource), resource: keyOf(resource), exportable: spec.exportable };
  const authority = snapshot.get(certificateAuthority, project, spec.authority);
  if (authority.spec.type === 'external') {
    const { certificate: pem = '', privateKey = '' } = spec;
    return { authority: authorityId(authority), imported: { ...base, certificate: pem, privateKey } };
  }
  return {
    authority: authorityId(authority),
    wanted: {
      ...base,
      subject: {
        commonName: commonNameOf(resource),
        ...(spec.organization === undefined ? {} : { organization: spec.organization }),
      },
      names: spec.names,
      addresses: spec.addresses,
      emails: spec.emails,
      usage: spec.usage,
      lifeDays: spec.lifeDays,
      revokeFormer: spec.revokeFormer,
      ...(spec.revoked === undefined ? {} : { revoked: spec.revoked }),
    },
  };
}
