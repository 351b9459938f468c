import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { inScratch, makeKey, signItself } from '#engines/pki/openssl.ts';
import { run } from './exec.ts';
import { writeFile } from './files.ts';

const tool = { exec: run, writeFile };

/** Days. It is known by its fingerprint, and taken back by being forgotten. */
const LIFE = 36_500;

export interface CertificatePaths {
  readonly key: string;
  readonly certificate: string;
}

/** A certificate that nobody has signed but itself, PEM; made once, its key readable by nobody else. */
export async function ownCertificate(
  paths: CertificatePaths,
  commonName: string,
): Promise<{ readonly key: string; readonly certificate: string }> {
  if (!existsSync(paths.certificate) || !existsSync(paths.key)) {
    await inScratch(dirname(paths.certificate), async (scratch) => {
      const [key, out] = [`${scratch}/own.key`, `${scratch}/own.crt`];
      const from = Date.now() - 86_400_000;
      await makeKey(tool, 'ec-p256', key);
      const lasting = { from, until: from + LIFE * 86_400_000 };
      await signItself(tool, { scratch, key, subject: { organization: 'Vauban', commonName }, out, ...lasting });
      await rename(key, paths.key);
      await rename(out, paths.certificate);
    });
  }
  const [key, certificate] = await Promise.all([readFile(paths.key, 'utf8'), readFile(paths.certificate, 'utf8')]);
  return { key, certificate };
}
