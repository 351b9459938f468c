import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import { slapdEngine } from '#engines/slapd/driver.ts';
import type { SlapdInput } from '#engines/slapd/input.ts';
import { slapdPaths } from '#engines/slapd/paths.ts';
import { artifactOf, type DirectoryLab, directoryLab, directoryUsers, person } from '../directory-lab.ts';
import type { TestMachine } from '../machine.ts';

const base: SlapdInput = {
  directory: 'lab.people',
  baseDn: 'dc=lab,dc=internal',
  passwordPolicy: { minimumLength: 12, lockoutAfter: 3, lockoutSeconds: 600, history: 3 },
  users: [person('alice'), person('bob'), person('carol', { disabled: true })],
  groups: [
    { name: 'operators', email: 'operators@example.com', displayName: 'Operators', members: ['alice'], groups: [] },
    { name: 'staff', email: 'staff@example.com', displayName: 'Staff', members: ['bob'], groups: ['operators'] },
  ],
};

let lab: DirectoryLab;
let machine: TestMachine;
const users = directoryUsers;
const apply = (input: SlapdInput): Promise<void> => lab.apply(input);
const artifact = (input: SlapdInput): Artifact<SlapdInput> =>
  artifactOf(input, ['lab/directory/people', 'lab/user/alice', 'lab/user/bob']);

const url = (): string => `ldapi://${encodeURIComponent(slapdPaths(machine, base.directory).socket)}`;
const dn = (name: string): string => `uid=${name},ou=people,${base.baseDn}`;

/** As the program of a person would: a simple bind. Gives what ldapwhoami says, or its complaint. */
async function whoami(name: string, password: string): Promise<string> {
  const { stdout, stderr } = await machine.exec(['ldapwhoami', '-H', url(), '-x', '-D', dn(name), '-w', password]);
  return (stdout || stderr).trim();
}

async function search(as: { readonly uid: number; readonly gid: number }, ...words: string[]): Promise<string> {
  const { stdout, stderr } = await machine.exec([
    ...['setpriv', `--reuid=${as.uid}`, `--regid=${as.gid}`, '--clear-groups'],
    ...['ldapsearch', '-H', url(), '-Y', 'EXTERNAL', '-Q', '-LLL', '-o', 'ldif-wrap=no', '-b', base.baseDn, ...words],
  ]);
  return stdout + stderr;
}

async function changePassword(name: string, before: string, after: string): Promise<string> {
  const words = ['-x', '-D', dn(name), '-w', before, '-a', before, '-s', after, dn(name)];
  const { code, stdout, stderr } = await machine.exec(['ldappasswd', '-H', url(), ...words]);
  return code === 0 ? 'changed' : stdout + stderr;
}

const invalid = 'ldap_bind: Invalid credentials (49)';

beforeAll(async () => {
  lab = await directoryLab();
  machine = lab.machine;
  await apply(base);
});

afterAll(() => lab?.cleanup());

test('a person binds with the declared password, and with no other', async () => {
  expect(await whoami('alice', 'first password of alice')).toBe(`dn:${dn('alice')}`);
  expect(await whoami('bob', 'first password of alice')).toBe(invalid);
  expect(await whoami('nobody-at-all', 'first password of alice')).toBe(invalid);
});

test('a disabled user does not get in, and does again once enabled', async () => {
  expect(await whoami('carol', 'first password of carol')).toBe(invalid);
  await apply({ ...base, users: [person('alice'), person('bob'), person('carol')] });
  expect(await whoami('carol', 'first password of carol')).toBe(`dn:${dn('carol')}`);
  await apply(base);
  expect(await whoami('carol', 'first password of carol')).toBe(invalid);
});

test('the edge service reads people and groups, nested ones too, and never a password', async () => {
  const found = await search(users.edge, '(uid=alice)', '*', '+');
  expect(found).toContain('mail: alice@example.com');
  expect(found).toContain(`memberOf: cn=operators,ou=groups,${base.baseDn}`);
  expect(found).not.toContain('userPassword');
  expect(await search(users.edge, '(cn=staff)', 'member')).toContain(`member: cn=operators,ou=groups,${base.baseDn}`);
});

test('others of this machine do not even reach the socket', async () => {
  expect(await search(users.proxy, '(uid=alice)')).toContain("Can't contact LDAP server");
});

test('passwords are kept as Argon2, at the cost that guessing should have', async () => {
  const found = await search({ uid: 0, gid: 0 }, '(uid=alice)', 'userPassword');
  const [, encoded = ''] = /userPassword:: (\S+)/.exec(found) ?? [];
  expect(Buffer.from(encoded, 'base64').toString('latin1')).toMatch(/^\{ARGON2\}\$argon2id?\$v=19\$m=19456,t=3,p=1\$/);
});

describe('changing the own password', () => {
  test('a short one, the same one and a wrong old one are refused', async () => {
    expect(await changePassword('bob', 'first password of bob', 'short')).toContain('Password fails quality');
    expect(await changePassword('bob', 'first password of bob', 'first password of bob')).toContain(
      'Password is not being changed from existing value',
    );
    expect(await changePassword('bob', 'another password', 'a new password of bob')).toContain(invalid);
  });

  test('a person’s own choice stays, whatever else is declared; another first password replaces it', async () => {
    expect(await changePassword('bob', 'first password of bob', 'a new password of bob')).toBe('changed');
    await apply({ ...base, users: [person('alice'), person('bob', { displayName: 'Robert' }), person('carol')] });
    expect(await whoami('bob', 'a new password of bob')).toBe(`dn:${dn('bob')}`);
    await apply({ ...base, users: [person('alice'), person('bob', { password: 'given by the administrator' })] });
    expect(await whoami('bob', 'given by the administrator')).toBe(`dn:${dn('bob')}`);
    await apply(base);
  });

  test('who must change it can do nothing else before', async () => {
    await apply({ ...base, users: [...base.users, person('dave', { mustChangePassword: true })] });
    const asDave = ['-H', url(), '-x', '-D', dn('dave'), '-w'];
    const first = await machine.exec(['ldapsearch', ...asDave, 'first password of dave', '-b', dn('dave')]);
    expect(first.stdout + first.stderr).toContain(
      'Operations are restricted to bind/unbind/abandon/StartTLS/modify password',
    );
    expect(await changePassword('dave', 'first password of dave', 'what dave has chosen')).toBe('changed');
    const then = await machine.exec(['ldapsearch', ...asDave, 'what dave has chosen', '-b', dn('dave')]);
    expect(then.stdout).toContain('mail: dave@example.com');
    await apply(base);
  });
});

test('guessing locks the account, also for the right password; an administrator’s new one opens it', async () => {
  for (let guess = 0; guess < 3; guess++) expect(await whoami('alice', `guess ${guess}`)).toBe(invalid);
  expect(await whoami('alice', 'first password of alice')).toBe(invalid);
  const seen = await slapdEngine.observe?.(machine, artifact(base));
  expect(seen?.values['lab/directory/people']).toEqual({ users: 3, locked: 1 });
  expect(seen?.values['lab/user/alice']).toEqual({ locked: 1 });
  await apply({ ...base, users: [person('alice', { password: 'opened again for alice' }), person('bob')] });
  expect(await whoami('alice', 'opened again for alice')).toBe(`dn:${dn('alice')}`);
  await apply(base);
});

test('who is no longer declared is gone, from groups too', async () => {
  await apply({ ...base, users: [person('alice')], groups: base.groups.map((it) => ({ ...it, members: ['alice'] })) });
  expect(await whoami('bob', 'first password of bob')).toBe(invalid);
  expect(await search(users.edge, '(cn=staff)', 'member')).not.toContain('uid=bob');
  await apply(base);
});

test('a person of the same name is somebody else: nothing is inherited', async () => {
  const other = person('alice', { subject: '77', password: 'of the other alice' });
  await apply({ ...base, users: [other, person('bob')] });
  expect(await whoami('alice', 'of the other alice')).toBe(`dn:${dn('alice')}`);
  await apply(base);
});

test('another policy holds at once, with the same people in it', async () => {
  await apply({ ...base, passwordPolicy: { ...base.passwordPolicy, minimumLength: 30 } });
  const refused = await changePassword('bob', 'first password of bob', 'twenty characters 20');
  expect(refused).toContain('Password fails quality');
  await apply(base);
});

test('what somebody else changes is noticed and put right; what people change is not', async () => {
  const look = () => slapdEngine.fingerprint?.(machine, artifact(base));
  const before = await look();
  await changePassword('bob', 'first password of bob', 'bob chose this himself');
  expect(await whoami('bob', 'wrong')).toBe(invalid);
  expect(await look()).toBe(before);
  const asRoot = ['ldapmodify', '-H', url(), '-Y', 'EXTERNAL', '-Q'];
  const changes = `dn: cn=operators,ou=groups,${base.baseDn}\nchangetype: modify\nadd: member\nmember: ${dn('bob')}\n`;
  expect((await machine.exec(asRoot, { stdin: changes })).code).toBe(0);
  const open = 'dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\nolcAccess: to * by * read\n';
  expect((await machine.exec(asRoot, { stdin: open })).code).toBe(0);
  expect(await look()).not.toBe(before);
  await slapdEngine.repair?.(machine, artifact(base));
  expect(await look()).toBe(before);
  expect(await whoami('bob', 'bob chose this himself')).toBe(`dn:${dn('bob')}`);
});

test('hostile text in a name ends up as text', async () => {
  const displayName = 'Eve*)(uid=*))(|(uid=* \\2a , uid=x + "quoted" # é 漢';
  await apply({ ...base, users: [...base.users, person('eve', { displayName })] });
  const found = await search(users.edge, '(uid=eve)', 'displayName');
  const [, encoded = ''] = /displayName:: (\S+)/.exec(found) ?? [];
  expect(Buffer.from(encoded, 'base64').toString('utf8')).toBe(displayName);
});

test('removed, it comes back with everybody’s own password; discarded, nothing is left', async () => {
  await changePassword('alice', 'first password of alice', 'alice chose this herself');
  await slapdEngine.remove(machine, artifact(base));
  await slapdEngine.apply(machine, artifact(base), undefined);
  expect(await whoami('alice', 'alice chose this herself')).toBe(`dn:${dn('alice')}`);
  await slapdEngine.remove(machine, artifact(base));
  await slapdEngine.discard?.(machine, artifact(base));
  await slapdEngine.apply(machine, artifact(base), undefined);
  expect(await whoami('alice', 'first password of alice')).toBe(`dn:${dn('alice')}`);
});
