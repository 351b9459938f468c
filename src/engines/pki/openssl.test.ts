import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '#host/exec.ts';
import { writeFile } from '#host/files.ts';
import { KEY_ALGORITHMS } from './choices.ts';
import { inScratch, makeCrl, makeKey, signItself, signLeaf } from './openssl.ts';

const tool = { exec: run, writeFile };
const YEAR = 365 * 86_400_000;
const now = Date.now();
const validity = { from: now - 3_600_000, until: now + YEAR };

let folder: string;
beforeAll(async () => {
  // A path that would mean something in a configuration file.
  folder = await mkdtemp(join(tmpdir(), 'vauban $PATH #pki\\'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A new authority, and one certificate of it. */
async function issued(subject: { commonName: string; organization?: string }, algorithm = KEY_ALGORITHMS[0] as string) {
  return inScratch(folder, async (scratch) => {
    const signer = { key: `${scratch}/a.key`, certificate: `${scratch}/a.crt` };
    const key = `${scratch}/leaf.key`;
    for (const path of [signer.key, key]) await makeKey(tool, algorithm as 'ec-p256', path);
    await signItself(tool, { scratch, key: signer.key, subject, out: signer.certificate, ...validity });
    const leaf = {
      subject,
      names: ['vpn.example.com'],
      addresses: ['198.51.100.7'],
      emails: ['a+b@example.com'],
      usage: 'client' as const,
      keyAlgorithm: algorithm as 'ec-p256',
    };
    const serial = await signLeaf(tool, { scratch, key, leaf, out: `${scratch}/leaf.crt`, ...validity }, signer);
    const withdrawn = [{ serial, expires: validity.until, at: now, reason: 'keyCompromise' }];
    await makeCrl(tool, { scratch, out: `${scratch}/crl.pem`, number: 300, withdrawn, ...validity }, signer);
    const crl = await run(['openssl', 'crl', '-in', `${scratch}/crl.pem`, '-noout', '-text']);
    const verified = await run(['openssl', 'verify', '-CAfile', signer.certificate, `${scratch}/leaf.crt`]);
    const checked = await run([
      'openssl',
      'verify',
      '-crl_check',
      '-CRLfile',
      `${scratch}/crl.pem`,
      '-CAfile',
      signer.certificate,
      `${scratch}/leaf.crt`,
    ]);
    return {
      serial,
      root: new X509Certificate(await readFile(signer.certificate)),
      leaf: new X509Certificate(await readFile(`${scratch}/leaf.crt`)),
      crl: crl.stdout,
      verified: verified.stdout,
      checked: checked.stdout + checked.stderr,
    };
  });
}

test.each(KEY_ALGORITHMS)(
  'a certificate with a key of %s is signed, says what was asked for, and is withdrawn',
  async (algorithm) => {
    const { root, leaf, crl, verified, checked, serial } = await issued({ commonName: 'lab' }, algorithm);
    expect(root.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.checkIssued(root) && leaf.verify(root.publicKey)).toBe(true);
    expect(leaf.serialNumber).toBe(serial);
    expect(leaf.subjectAltName).toBe('DNS:vpn.example.com, IP Address:198.51.100.7, email:a+b@example.com');
    expect(Math.abs(Date.parse(leaf.validTo) - validity.until)).toBeLessThan(1000);
    expect(verified).toContain('OK');
    expect(crl).toContain('X509v3 Authority Key Identifier');
    expect(crl).toMatch(/CRL Number:\s+300/);
    expect(crl).toContain('Key Compromise');
    expect(crl).toContain(serial);
    expect(checked).toContain('certificate revoked');
  },
);

test.each([
  'a/O=Other/CN=root',
  'a+OU=x',
  'a\\/CN=b',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of openssl's configuration files
  '$ENV::PATH ${PATH} #x',
  '"quoted" \'single\' `x` ; | & < >',
  'Élodie Müller 李',
  'basicConstraints=CA:TRUE, [ v3_ca ]',
  '-subj',
])('a name is a name, whatever signs it has: %s', async (commonName) => {
  const { root, leaf, verified } = await issued({ commonName, organization: commonName });
  for (const it of [root, leaf]) {
    const { CN, O, ...others } = it.toLegacyObject().subject as unknown as Record<string, string>;
    expect({ CN, O, others }).toEqual({ CN: commonName, O: commonName, others: {} });
  }
  expect(leaf.ca).toBe(false);
  expect(verified).toContain('OK');
});
