import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isSealed } from '#lib/seal.ts';
import type { Objection } from '../define.ts';
import type { SslCertificateAssigned } from './spec.ts';

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----/g;
const MOST = 16;

/** The certificates of a chain, its own first; or what is wrong with it. Pure: whether it has run out, a clock tells. */
export function readChain(text: string): readonly X509Certificate[] | Objection {
  const wrong = (message: string, fix: string): Objection => ({
    code: 'INVALID_DOCUMENT',
    path: ['certificate'],
    message,
    fix,
  });
  const blocks = text.match(block) ?? [];
  if (blocks.length === 0) {
    return wrong(
      'it holds no certificate in PEM',
      'Begin with `-----BEGIN CERTIFICATE-----`, or name the file: `!file cert.pem`.',
    );
  }
  if (blocks.length > MOST) return wrong(`it holds ${blocks.length} certificates`, `Keep at most ${MOST}.`);
  if (/PRIVATE KEY-----/.test(text)) {
    return wrong('it holds a private key', 'Keep the key in `privateKey`, where it is sealed.');
  }
  const chain: X509Certificate[] = [];
  for (const [index, it] of blocks.entries()) {
    const found = parsed(it);
    if (found === undefined) return wrong(`certificate ${index + 1} cannot be read`, 'Name a file in PEM (X.509).');
    chain.push(found);
  }
  for (const [index, it] of chain.entries()) {
    const next = chain[index + 1];
    if (next === undefined || isIssuedBy(it, next)) continue;
    return wrong(
      `certificate ${index + 2} did not issue certificate ${index + 1} (${nameOf(it)})`,
      'Put the certificate itself first, then the one that issued it, and so on.',
    );
  }
  return chain;
}

function parsed(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function isIssuedBy(it: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return it.checkIssued(issuer) && it.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

const nameOf = ({ subject }: X509Certificate): string => subject?.split('\n').at(-1) ?? 'without a name';

interface Pair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Whether the key belongs to the certificate. A sealed key was asked before it was sealed. */
export function checkKey({ certificate, privateKey }: Pair): readonly Objection[] {
  const chain = readChain(certificate);
  if (!Array.isArray(chain)) return [chain as Objection];
  if (isSealed(privateKey)) return [];
  const wrong = (message: string, fix: string): readonly Objection[] => [
    { code: 'INVALID_DOCUMENT', path: ['privateKey'], message, fix },
  ];
  if (/ENCRYPTED/.test(privateKey)) {
    return wrong('the private key has a passphrase', 'Take it off: `openssl pkey -in KEY -out KEY.plain`.');
  }
  try {
    const key = createPrivateKey(privateKey);
    const [own] = chain as readonly X509Certificate[];
    if (own?.checkPrivateKey(key) === true) return [];
  } catch {
    return wrong('it is not a private key in PEM', 'Name the file that `openssl genrsa -out FILE 2048` wrote.');
  }
  return wrong(
    'the private key does not belong to the certificate',
    'Name the key that the certificate was made with.',
  );
}

/** Names that it stands for: those of its extension, or when it has none, its common name. */
export function namesIn(certificate: X509Certificate): readonly string[] {
  const alternative = (certificate.subjectAltName ?? '')
    .split(', ')
    .flatMap((it) => /^(?:DNS|IP Address):(.+)$/.exec(it)?.[1] ?? []);
  const common = /^CN=(.+)$/m.exec(certificate.subject ?? '')?.[1];
  const names = alternative.length > 0 ? alternative : common === undefined ? [] : [common];
  return [...new Set(names.map((it) => it.toLowerCase()))].sort();
}

export function assigned(certificate: X509Certificate): SslCertificateAssigned {
  return {
    subjectNames: namesIn(certificate),
    startTime: new Date(certificate.validFrom).toISOString(),
    expireTime: new Date(certificate.validTo).toISOString(),
    fingerprint: certificate.fingerprint256,
    selfSigned: certificate.checkIssued(certificate),
  };
}
