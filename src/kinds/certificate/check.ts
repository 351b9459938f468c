import type { X509Certificate } from 'node:crypto';
import type { CertificateAuthority } from '../certificate-authority/kind.ts';
import type { Objection } from '../define.ts';
import { checkKey, readChain } from '../ssl-certificate/read.ts';
import type { CertificateSpec } from './spec.ts';

const unfit = (field: string, message: string, fix: string): Objection => ({ path: [field], message, fix });

/** What a schema cannot say: what fits to an authority of ours, or of somebody else. */
export function checkCertificate(
  spec: CertificateSpec,
  authority: CertificateAuthority | undefined,
): readonly Objection[] {
  if (authority === undefined) return [];
  return authority.spec.type === 'internal' ? checkIssued(spec, authority) : checkImported(spec, authority);
}

function checkIssued(spec: CertificateSpec, { spec: authority }: CertificateAuthority): readonly Objection[] {
  const brought = (['certificate', 'privateKey'] as const)
    .filter((it) => spec[it] !== undefined)
    .map((it) =>
      unfit(it, 'an internal authority issues its certificates itself', 'Take it out, or name an external authority.'),
    );
  const isServer = spec.usage !== 'client';
  return [
    ...brought,
    ...(isServer && spec.names.length + spec.addresses.length === 0
      ? [
          unfit(
            'names',
            'whoever comes to a server compares its name or address with the certificate, and this one has none',
            'Add `names` or `addresses`, or set `usage: client`.',
          ),
        ]
      : []),
    ...(spec.lifeDays > authority.lifeDays
      ? [
          unfit(
            'lifeDays',
            `it would outlive its authority, whose own certificate lasts ${authority.lifeDays} days`,
            'Choose fewer days, or more for the authority.',
          ),
        ]
      : []),
  ];
}

function checkImported(spec: CertificateSpec, authority: CertificateAuthority): readonly Objection[] {
  const said = (['commonName', 'organization', 'revoked'] as const)
    .filter((it) => spec[it] !== undefined)
    .map((it) => unfit(it, 'that is for whoever issued it to say', 'Take it out.'));
  const listed = (['names', 'addresses', 'emails'] as const)
    .filter((it) => spec[it].length > 0)
    .map((it) => unfit(it, 'they stand in the certificate', 'Take them out.'));
  const missing = (['certificate', 'privateKey'] as const)
    .filter((it) => spec[it] === undefined)
    .map((it) =>
      unfit(it, 'a certificate of an external authority is brought', `Name its file: \`${it}: !file FILE\`.`),
    );
  const { certificate, privateKey } = spec;
  if (certificate === undefined || privateKey === undefined) return [...said, ...listed, ...missing];
  const wrong = checkKey({ certificate, privateKey });
  return [...said, ...listed, ...(wrong.length > 0 ? wrong : checkIssuer(certificate, authority))];
}

/** Whether it really is of this authority. */
function checkIssuer(certificate: string, { name, spec }: CertificateAuthority): readonly Objection[] {
  const own = readChain(certificate);
  const issuers = readChain(spec.certificate ?? '');
  if (!Array.isArray(own) || !Array.isArray(issuers)) return [];
  const last = own.at(-1) as X509Certificate;
  if ((issuers as X509Certificate[]).some((it) => last.checkIssued(it) && last.verify(it.publicKey))) return [];
  return [
    unfit('certificate', `authority ${name} did not issue it`, 'Name the authority that did, or another certificate.'),
  ];
}
