import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

export interface MadeCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

const openssl = (folder: string, ...argv: string[]): string =>
  execFileSync('openssl', argv, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(`${tmpdir()}/vauban-certificate-`);
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A certificate made with the document's own three commands, as the second example makes its own: RSA 2048, CN=Test. */
export const documentedCertificate = (): MadeCertificate =>
  inFolder((folder) => {
    copyFileSync(new URL('../examples/iap/prepare.sh', import.meta.url), `${folder}/prepare.sh`);
    execFileSync('sh', [`${folder}/prepare.sh`], { stdio: 'ignore' });
    return read(folder, 'CERTIFICATE_FILE.pem', 'PRIVATE_KEY_FILE');
  });

const read = (folder: string, certificate: string, key: string): MadeCertificate => ({
  certificate: readFileSync(`${folder}/${certificate}`, 'utf8'),
  privateKey: readFileSync(`${folder}/${key}`, 'utf8'),
});

/** A quick one for these names. `days` may be negative: it has run out; `from` is a date for `-not_before`. */
export const selfSigned = (names: readonly string[], days = 30): MadeCertificate =>
  inFolder((folder) => {
    openssl(folder, 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key');
    const alternative = `subjectAltName=${names.map((it) => `DNS:${it}`).join(',')}`;
    openssl(
      folder,
      'req',
      '-new',
      '-key',
      'key',
      '-subj',
      `/CN=${names[0]}`,
      '-addext',
      alternative,
      '-out',
      'request',
    );
    openssl(
      folder,
      'x509',
      '-req',
      '-in',
      'request',
      '-signkey',
      'key',
      '-copy_extensions',
      'copy',
      '-days',
      String(days),
      '-out',
      'cert',
    );
    return read(folder, 'cert', 'key');
  });

/** A certificate, the one that issued it, and its root, each apart. */
export const issued = (name: string): { readonly chain: readonly string[]; readonly privateKey: string } =>
  inFolder((folder) => {
    const authority = 'basicConstraints=critical,CA:TRUE';
    for (const it of ['root', 'middle', 'leaf'])
      openssl(folder, 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${it}.key`);
    openssl(
      folder,
      'req',
      '-x509',
      '-new',
      '-key',
      'root.key',
      '-subj',
      '/CN=Root',
      '-addext',
      authority,
      '-days',
      '30',
      '-out',
      'root',
    );
    const sign = (it: string, by: string, subject: string, extension: string) => {
      writeFileSync(`${folder}/${it}.ext`, extension);
      openssl(folder, 'req', '-new', '-key', `${it}.key`, '-subj', subject, '-out', `${it}.csr`);
      openssl(
        folder,
        'x509',
        '-req',
        '-in',
        `${it}.csr`,
        '-CA',
        by,
        '-CAkey',
        `${by}.key`,
        '-CAcreateserial',
        '-days',
        '30',
        '-extfile',
        `${it}.ext`,
        '-out',
        it,
      );
    };
    sign('middle', 'root', '/CN=Middle', authority);
    sign('leaf', 'middle', `/CN=${name}`, `subjectAltName=DNS:${name}`);
    const chain = ['leaf', 'middle', 'root'].map((it) => readFileSync(`${folder}/${it}`, 'utf8'));
    return { chain, privateKey: readFileSync(`${folder}/leaf.key`, 'utf8') };
  });

/** A text as a block of YAML behind `key: `. */
export const block = (text: string, indent: number): string =>
  `|\n${text
    .trimEnd()
    .split('\n')
    .map((line) => ' '.repeat(indent) + line)
    .join('\n')}`;
