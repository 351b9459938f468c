import { existsSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import { run } from '#host/exec.ts';
import { issued, selfSigned } from '../../../test/certificates.ts';
import { pkiEngine } from './driver.ts';
import { PkiInput } from './input.ts';
import { authority, type World, world } from './pki.fixture.ts';
import type { CertificateStatus } from './status.ts';

let here: World;
/** An authority of ours plays the one of somebody else: it makes lists. */
let theirs: World;
const chain = issued('gateway.example.com');

beforeAll(async () => {
  theirs = await world();
  await pkiEngine.apply(theirs.machine, authority(), undefined);
});
afterAll(() => theirs.end());
beforeEach(async () => {
  here = await world('lab.head-office');
  return () => here.end();
});

function external(more: object = {}): Artifact<PkiInput> {
  const input = PkiInput.parse({
    ...{ type: 'external', authority: 'lab.head-office', resource: 'lab/certificateAuthority/head-office' },
    ...{ certificate: chain.chain.slice(1).join(''), imported: [] },
    ...more,
  });
  return { id: 'pki/lab.head-office', engine: 'pki', owners: [], needs: [], input };
}
const ofGateway = (more: object = {}) => ({
  ...{ id: 'certificate.gateway', resource: 'lab/certificate/gateway' },
  ...{ certificate: chain.chain[0], privateKey: chain.privateKey, ...more },
});
const check = (wanted: Artifact<PkiInput>) => pkiEngine.check?.(here.machine, wanted);
const apply = (wanted: Artifact<PkiInput>) => pkiEngine.apply(here.machine, wanted, undefined);
const read = (path: string) => readFileSync(path, 'utf8');

test('what somebody else issued stands where what is issued here stands, and goes when nobody wants it', async () => {
  const wanted = external({ imported: [ofGateway()] });
  await check(wanted);
  await apply(wanted);
  const files = here.paths.issued('certificate.gateway');
  expect(read(files.key)).toBe(chain.privateKey);
  expect(statSync(files.key).mode & 0o777).toBe(0o600);
  expect(existsSync(here.paths.crl)).toBe(false);
  expect(await pkiEngine.due?.(here.machine, wanted)).toBeUndefined();
  await writeFile(files.certificate, 'other');
  expect(await pkiEngine.due?.(here.machine, wanted)).toContain('was changed');
  const listed = await pkiEngine.ask?.(here.machine, wanted, { question: 'certificates' });
  expect(listed as CertificateStatus[]).toMatchObject([{ subject: 'gateway.example.com', state: 'VALID' }]);
  expect((await pkiEngine.observe?.(here.machine, wanted))?.details?.['lab/certificate/gateway']).toBeUndefined();
  await apply(external());
  expect(existsSync(files.key)).toBe(false);
});

test('text around the blocks of a file reaches nobody', async () => {
  await apply(external({ certificate: `secrets = here\n${chain.chain[2]}\n[ v3_ca ]` }));
  expect(read(here.paths.certificate).trim()).toBe(chain.chain[2]?.trim());
});

test('the end of a list that somebody brought is told before it comes', async () => {
  const wanted = external({ certificate: read(theirs.paths.certificate), crl: read(theirs.paths.crl) });
  const observe = () => pkiEngine.observe?.(here.machine, wanted);
  const key = 'lab/certificateAuthority/head-office';
  const end = (await observe())?.values[key]?.['crlExpireTime'] ?? 0;
  expect(Math.abs(end - Date.now() - 30 * 86_400_000)).toBeLessThan(600_000);
  expect((await observe())?.details).toEqual({});
  vi.useFakeTimers({ toFake: ['Date'], now: end - 86_400_000 });
  try {
    expect((await observe())?.details?.[key]).toMatch(/^its revocation list ends on 20/);
  } finally {
    vi.useRealTimers();
  }
});

test('a key that does not fit, and a list of another authority or without its identifier, are refused beforehand', async () => {
  const other = selfSigned(['other.example.com']);
  await expect(check(external({ imported: [ofGateway({ privateKey: other.privateKey })] }))).rejects.toMatchObject({
    code: 'ENGINE_REJECTED',
    message: expect.stringContaining('does not belong'),
  });
  const [certificate, crl] = [read(theirs.paths.certificate), read(theirs.paths.crl)];
  await check(external({ certificate, crl }));
  await expect(check(external({ crl }))).rejects.toThrow('not signed by this authority');
  await expect(check(external({ certificate, crl: 'none' }))).rejects.toThrow('cannot be read');
  const config = `${theirs.paths.folder}/bare.cnf`;
  const index = `${theirs.paths.folder}/bare.txt`;
  await writeFile(index, '');
  await writeFile(config, `[ca]\ndefault_ca=a\n[a]\ndatabase=${index}\ndefault_md=sha256\n`);
  const bare = await run([
    ...['openssl', 'ca', '-gencrl', '-config', config, '-crldays', '3'],
    ...['-cert', theirs.paths.certificate, '-keyfile', theirs.paths.key],
  ]);
  expect(bare.stdout).toContain('BEGIN X509 CRL');
  await expect(check(external({ certificate, crl: bare.stdout }))).rejects.toThrow('no authority key identifier');
});
