import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { IssuedCertificate } from '#api/certificates.ts';
import type { AuthorityAnswer, CertificateAnswer } from '#engines/pki/ask.ts';
import { pkiPaths } from '#engines/pki/paths.ts';
import { ldapiClient } from '#engines/slapd/ldapi.ts';
import { slapdPaths } from '#engines/slapd/paths.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';

/** A deployment is written to a file, and another one becomes the same by it. */

const PASSWORD = 'the first password of alice';
const PASSPHRASE = 'correct horse battery staple';
const folder = mkdtempSync(join(tmpdir(), 'vauban-backup-'));
const file = join(folder, 'office.backup');
let here: TestDeployment;
let there: TestDeployment;

const site = (addresses: string, rules: readonly string[]): string => `
project: office
addresses: { ${addresses} }
networkObjects:
  web: { host: 10.0.0.10, description: "=not a formula" }
  servers: { group: [web] }
serviceObjects: { admin: { match: [tcp:8443] }, both: { match: ["tcp:1", "udp:2"] } }
filterPolicies:
  main: { rules: [${rules.map((name) => `{ name: ${name}, action: pass, destination: [servers] }`).join(', ')}] }
segments: { lan: { range: 10.0.0.0/24 } }
directories: { people: {} }
certificateAuthorities: { vpn: { organization: Office } }
certificates: { server: { authority: vpn, names: [vpn.example.com], usage: both } }
users: { alice: { email: alice@example.com, displayName: Alice, password: ${PASSWORD} } }
`;
const now = site('second: {}', ['kept']);

interface Resource {
  readonly assigned: unknown;
}
const chosen = async (lab: TestDeployment): Promise<readonly unknown[]> => {
  const names = ['addresses/second', 'filterPolicies/main', 'segments/lan', 'users/alice'];
  const found = await Promise.all(names.map((it) => lab.client.get<Resource>(`/v1/projects/office/${it}`)));
  return found.map((it) => it.assigned);
};

beforeAll(async () => {
  writeFileSync(join(folder, 'passphrase'), `${PASSPHRASE}\n`);
  writeFileSync(join(folder, 'wrong'), 'another passphrase\n');
  writeFileSync(join(folder, 'site.yaml'), now);
  [here, there] = await Promise.all([startDeployment(), startDeployment()]);
  // With a history: what it would choose today is not what it chose.
  await here.apply(site('first: {}, second: {}', ['gone', 'kept']));
  await here.apply(now);
  for (const person of ['alice', 'bob'])
    await done(here, 'certificates', 'issue', 'vpn', person, '--email', `${person}@example.com`);
}, 300_000);
afterAll(async () => {
  await Promise.all([here?.remove(), there?.remove()]);
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const done = async (lab: TestDeployment, ...argv: string[]) => {
  const { code, stdout, stderr } = await lab.vauban(...argv);
  expect([code, stderr], argv.join(' ')).toEqual([0, expect.anything()]);
  return stdout;
};
const issuedBy = async (lab: TestDeployment) =>
  JSON.parse(await done(lab, 'certificates', 'list', '--output', 'json')) as readonly IssuedCertificate[];
const openssl = (...argv: string[]) => execFileSync('openssl', argv, { encoding: 'utf8', stdio: 'pipe' });

const withPassphrase = ['--passphrase-file', join(folder, 'passphrase')];

test('a certificate of a person is listed, given out under a passphrase, and revoked on the list that others get', async () => {
  expect(await done(here, 'certificates', 'list')).toMatch(
    /vpn +people\/bob +bob +[0-9A-F]{32} +20\d\d-\d\d-\d\d +VALID/,
  );
  const archive = join(folder, 'bob.p12');
  await done(
    here,
    'certificates',
    'export',
    'vpn',
    'people/bob',
    '--form',
    'pkcs12',
    '--to',
    archive,
    ...withPassphrase,
  );
  expect(openssl('pkcs12', '-in', archive, '-nodes', '-passin', `pass:${PASSPHRASE}`)).toContain('PRIVATE KEY');
  expect(statSync(archive).mode & 0o777).toBe(0o600);
  const kept = await here.vauban(
    'certificates',
    'export',
    'vpn',
    'server',
    '--form',
    'bundle',
    '--to',
    `${archive}.pem`,
  );
  expect([kept.code, kept.stderr]).toEqual([1, expect.stringContaining('does not leave the machine')]);
  await done(here, 'certificates', 'revoke', 'vpn', 'people/bob', '--reason', 'keyCompromise');
  const [authority, crl, bob] = ['vpn.crt', 'vpn.crl', 'bob.crt'].map((it) => join(folder, it)) as [
    string,
    string,
    string,
  ];
  await done(here, 'certificates', 'files', 'vpn', '--to', authority);
  await done(here, 'certificates', 'files', 'vpn', '--crl', '--to', crl);
  writeFileSync(bob, openssl('pkcs12', '-in', archive, '-nokeys', '-clcerts', '-passin', `pass:${PASSPHRASE}`));
  expect(() => openssl('verify', '-crl_check', '-CAfile', authority, '-CRLfile', crl, bob)).toThrow(
    'certificate revoked',
  );
  const server = await done(here, 'certificates', 'export', 'vpn', 'server');
  await done(here, 'certificates', 'renew', 'vpn', 'server', '--revoke', 'keyCompromise');
  await done(here, 'certificates', 'files', 'vpn', '--crl', '--to', crl);
  writeFileSync(bob, server);
  expect(() => openssl('verify', '-crl_check', '-CAfile', authority, '-CRLfile', crl, bob)).toThrow(
    'certificate revoked',
  );
  writeFileSync(bob, await done(here, 'certificates', 'export', 'vpn', 'server'));
  expect(openssl('verify', '-crl_check', '-CAfile', authority, '-CRLfile', crl, bob)).toContain('OK');
});

test('what somebody has put in the place of a certificate is replaced by itself, without a revision', async () => {
  const { certificate, key } = pkiPaths({ state: here.deployment.hostState }, 'office.vpn').issued(
    'certificate.server',
  );
  const before = readFileSync(certificate, 'utf8');
  writeFileSync(certificate, 'another');
  await eventually(
    async () => readFileSync(certificate, 'utf8'),
    (it) => it === before,
  );
  // Whoever has written over a key may know it: that certificate is issued anew.
  writeFileSync(key, openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'));
  await eventually(
    async () => readFileSync(certificate, 'utf8'),
    (it) => it !== before,
  );
});

test('the backup is root’s alone, holds no secret that can be read, and never replaces another one', async () => {
  const made = await here.vauban('backup', file, ...withPassphrase);
  expect(made.stderr).toBe('');
  expect(made.stdout).toMatch(/^Revision 2, \d+ resources, is in /);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const bytes = readFileSync(file);
  for (const word of [PASSWORD, 'alice', 'office']) expect(bytes.includes(word)).toBe(false);
  const again = await here.vauban('gateway', 'backup', file, ...withPassphrase);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('Name a file that is not there yet')]);
});

test('with another passphrase, or altered, it restores nothing', async () => {
  const wrong = await there.vauban('restore', file, '--passphrase-file', join(folder, 'wrong'));
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('Nothing was changed')]);
  const altered = readFileSync(file);
  altered.writeUInt8(altered.readUInt8(200) ^ 1, 200);
  writeFileSync(join(folder, 'altered'), altered);
  const bad = await there.vauban('restore', join(folder, 'altered'), ...withPassphrase);
  expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('altered')]);
  expect((await there.client.get<{ projects: string[] }>('/v1/projects')).projects).toEqual([]);
});

test('restored elsewhere everything is as it was: the same choices, and a plan of the site changes nothing', async () => {
  const dry = await there.vauban('restore', file, '--dry-run', ...withPassphrase);
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining('+ user alice')]);
  expect(dry.stdout + dry.stderr).not.toContain(PASSWORD);
  const restored = await there.vauban('gateway', 'restore', file, '--yes', ...withPassphrase);
  expect([restored.code, restored.stdout]).toEqual([0, expect.stringContaining('Revision 1 is in force.')]);
  expect(await chosen(there)).toEqual(await chosen(here));
  const planned = await there.vauban('plan', join(folder, 'site.yaml'));
  expect([planned.code, planned.stdout]).toEqual([0, 'Nothing would change.\n']);
  const again = await there.vauban('restore', file, ...withPassphrase);
  expect([again.code, again.stdout]).toEqual([0, 'Nothing would change.\n']);
});

test('its certificate authority lives on there: same key, same certificates, same revocations', async () => {
  const files = (lab: TestDeployment) =>
    lab.client.get<AuthorityAnswer>('/v1/projects/office/certificateAuthorities/vpn/files');
  const bundle = (lab: TestDeployment) =>
    lab.client.post<CertificateAnswer>('/v1/projects/office/certificateAuthorities/vpn/export', {
      ...{ origin: 'demand', id: 'alice', form: 'bundle' },
    });
  expect((await files(there)).certificate).toBe((await files(here)).certificate);
  expect(await bundle(there)).toEqual(await bundle(here));
  const states = (await issuedBy(there)).map(({ id, state }) => [id, state]);
  expect(states).toEqual([
    ['certificate.server', 'VALID'],
    ['bob', 'REVOKED'],
    ['alice', 'VALID'],
    ['certificate.server', 'REVOKED'],
  ]);
  expect(await issuedBy(there)).toEqual(await issuedBy(here));
});

test('a secret works there: alice signs in with her password, which was sealed anew', async () => {
  const { hostState: state, run } = there.deployment;
  const client = ldapiClient(slapdPaths({ state, run }, 'office.people').socket);
  const dn = 'uid=alice,ou=people,dc=office,dc=internal';
  await expect(client.bind(dn, 'not her password')).rejects.toThrow();
  await client.bind(dn, PASSWORD);
  await client.unbind();
  const sealed = async (lab: TestDeployment) =>
    (await lab.client.get<{ spec: { password: string } }>('/v1/projects/office/users/alice')).spec.password;
  expect(await sealed(there)).toMatch(/^sealed:/);
  expect(await sealed(there)).not.toBe(await sealed(here));
});

test('objects go out as CSV and come in again without a change; others come in as one revision', async () => {
  const csv = join(folder, 'objects.csv');
  const out = await here.vauban('objects', 'export', '--output', csv);
  expect([out.code, out.stderr]).toEqual([0, expect.stringContaining('no row can say them: both')]);
  const same = await here.vauban('objects', 'import', csv);
  expect([same.code, same.stdout, same.stderr]).toEqual([0, 'Nothing would change.\n', '']);
  writeFileSync(
    csv,
    'host,AD_Server,10.0.0.12,,static,,""\nfqdn,www.example.com,10.0.0.1,,""\ngroup,Servers,"web,AD_Server",""\n',
  );
  const dry = await here.vauban('objects', 'import', csv, '--dry-run');
  expect(dry.stderr).toContain('AD_Server becomes ad-server');
  expect(dry.stderr).toContain(`${csv}:2 www.example.com: left out`);
  expect(dry.stdout).toContain('+ networkObject ad-server');
  const done = await here.vauban('objects', 'import', csv, '--yes');
  expect([done.code, done.stdout]).toEqual([0, expect.stringContaining('Revision 3 is in force.')]);
  writeFileSync(csv, 'host,new,10.0.0.300,,static,,""\ngroup,more,"nobody",""\n');
  const bad = await here.vauban('objects', 'import', csv, '--yes');
  expect(bad.code).toBe(1);
  for (const at of [`${csv}:1`, `${csv}:2`]) expect(bad.stderr).toContain(at);
});
