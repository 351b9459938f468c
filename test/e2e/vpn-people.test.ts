import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EdgeInput } from '#engines/edge/input.ts';
import { eventually } from '../deployment.ts';
import { type ForeignDirectory, foreignDirectory, person } from '../directory-lab.ts';
import { internalDirectory, type SignInLab, signInLab } from '../sign-in-lab.ts';
import { vpnAsk, vpnFollow } from '../vpn-people.ts';

/** Who is let into the SSL VPN, asked as the VPN service of a gateway asks, with a real directory. */

let lab: SignInLab;
let foreign: ForeignDirectory;
let clock = 0;
const now = (): number => Date.now() + clock;
const KEY = 'lab/sslVpnServer/office';

interface Verdict {
  readonly refused?: string;
  readonly reason?: string;
  readonly person?: { readonly email: string; readonly groups: readonly string[] };
  readonly grants?: readonly { readonly set: string; readonly networks: readonly string[] }[];
  readonly networks?: readonly string[];
}

const policy: Partial<EdgeInput> = {
  vpnServers: [{ key: KEY, name: 'office', directories: [], secondFactor: 'whenSetUp', networks: ['10.200.0.0/16'] }],
  vpnRights: [{ server: KEY, binding: 'lab/roleBinding/operators', networks: ['10.201.0.0/16'] }],
  vpnSets: [
    { server: KEY, key: `${KEY}/rights`, members: [], rights: true },
    { server: KEY, key: `${KEY}/operators`, members: ['group:operators@example.com'], rights: false },
    { server: KEY, key: `${KEY}/nobody`, members: ['not a member'], rights: false },
  ],
  bindings: [
    {
      key: 'lab/roleBinding/everybody',
      role: 'roles/vpn.user',
      members: ['user:alice@example.com', 'user:bob@example.com', 'user:carol@example.com'],
    },
    {
      key: 'lab/roleBinding/operators',
      role: 'roles/vpn.user',
      members: ['group:operators@example.com'],
      sslVpnServer: 'office',
    },
    {
      key: 'lab/roleBinding/elsewhere',
      role: 'roles/vpn.user',
      members: ['user:dave@example.com'],
      sslVpnServer: 'branch',
    },
  ],
};

beforeAll(async () => {
  lab = await signInLab({ allowLoopback: true }, now);
  foreign = await foreignDirectory(lab.directory.machine, 'localhost');
  lab.configure((it) => ({ ...it, ...policy }));
  await becomesTrue(async () => lab.edge.edge.input().vpnServers.length === 1);
});
afterAll(async () => {
  await foreign?.stop();
  await lab?.cleanup();
});

const becomesTrue = async (ask: () => Promise<boolean>): Promise<void> => void (await eventually(ask, (it) => it));
const socket = (): string => lab.edge.edge.paths.vpn;
const knock = (name: string, more: object = {}): Promise<Verdict> =>
  vpnAsk(socket(), '/v1/vpn/authenticate', {
    ...{ server: KEY, username: `${name}@example.com`, password: `first password of ${name}`, from: '198.51.100.9' },
    ...more,
  });
const rights = (name: string, more: object = {}): Promise<Verdict> =>
  vpnAsk(socket(), '/v1/vpn/rights', { server: KEY, email: `${name}@example.com`, ...more });
const logged = (event: string) => lab.log.filter((it) => it['event'] === event);

test('somebody with the role gets in, with what all of their role bindings let them reach', async () => {
  expect(await knock('alice')).toEqual({
    person: {
      email: 'alice@example.com',
      subject: '900000000000000011',
      displayName: 'alice Example',
      groups: ['operators@example.com'],
    },
    networks: ['10.200.0.0/16', '10.201.0.0/16'],
    grants: [
      { set: `${KEY}/rights`, networks: ['10.200.0.0/16', '10.201.0.0/16'] },
      { set: `${KEY}/operators`, networks: ['0.0.0.0/0'] },
    ],
  });
  const bob = await knock('bob', { username: 'BOB', server: 'office' });
  expect(bob.grants).toEqual([{ set: `${KEY}/rights`, networks: ['10.200.0.0/16'] }]);
  expect(await rights('bob')).toEqual(bob);
  expect(logged('vpn.signIn').at(-1)).toMatchObject({ principal: 'bob@example.com', client: '198.51.100.9' });
});

test('nobody learns whether there is such a person, or whether they may', async () => {
  const [wrong, unknown] = [await knock('alice', { password: 'no' }), await knock('mallory')];
  expect(wrong).toEqual(unknown);
  expect(wrong.refused).toBe('wrong-password');
  expect(await knock('dave', { password: 'no' })).toEqual(wrong);
  expect(await knock('alice', { password: '' })).toEqual(wrong);
  expect(await knock('dave')).toMatchObject({ refused: 'no-right' });
  expect(await knock('dave', { server: 'nowhere' })).toMatchObject({ refused: 'unavailable' });
  expect(logged('vpn.signIn').map((it) => it['why'])).toEqual(
    expect.arrayContaining(['unknown', 'wrongOrLocked', [{ code: 'no-binding' }]]),
  );
});

test('a password that must be changed lets nobody in and says where to change it; so does a certificate of another', async () => {
  const told = await knock('carol');
  expect(told).toMatchObject({ refused: 'password-must-change' });
  expect(told.reason).toContain('https://accounts.example/account');
  expect(await knock('alice', { certificate: 'bob@example.com' })).toMatchObject({ refused: 'certificate-of-another' });
  expect(await knock('alice', { certificate: 'Alice@example.com' })).toHaveProperty('person');
});

test('who has chosen another password on the web comes in with that one, and no longer with the old', async () => {
  const browser = lab.browser();
  const first = await browser.open('https://shop.example/_gcp_iap/sign-in?rd=/');
  const before = 'first password of carol';
  const choose = await browser.submit(first, '/password', { email: 'carol@example.com', password: before });
  const password = 'a password of her own';
  await browser.submit(choose, '/new-password', { before, password, again: password });
  expect(await knock('carol')).toMatchObject({ refused: 'wrong-password' });
  expect(await knock('carol', { password })).toHaveProperty('person');
});

test('people of a directory elsewhere come in over LDAPS, with their groups there; while it is away, nobody new does', async () => {
  const directory: EdgeInput['directories'][number] = {
    ...{ name: 'partner', baseDn: foreign.baseDn, minimumLength: 0 },
    ldap: {
      ...{ url: `ldaps://localhost:${foreign.port}`, bindDn: foreign.bindDn, bindPassword: foreign.bindPassword },
      trustedCertificates: await lab.directory.machine.authority.certificate(),
      ...{ userFilter: '(objectClass=inetOrgPerson)', groupFilter: '(objectClass=groupOfNames)' },
      groupDomain: 'partner.example',
      attributes: {
        ...{ subject: 'entryUUID', email: 'mail', displayName: 'displayName', member: 'member' },
        ...{ groupName: 'cn', groupEmail: 'mail' },
      },
    },
  };
  const binding: EdgeInput['bindings'][number] = {
    ...{ key: 'lab/roleBinding/partner', role: 'roles/vpn.user', members: ['group:everybody-here@partner.example'] },
  };
  lab.configure((it) => ({
    ...it,
    directories: [...it.directories, directory],
    bindings: [...it.bindings, binding],
  }));
  const paul = { username: 'paul@partner.example', password: 'password of paul' };
  await becomesTrue(async () => (await knock('paul', paul)).person !== undefined);
  const zoe = await knock('zoe', { username: 'zoe', password: 'password of zoe' });
  expect(zoe.person).toMatchObject({ email: 'zoe@partner.example' });
  expect(await knock('paul', { ...paul, password: 'no' })).toMatchObject({ refused: 'wrong-password' });
  await foreign.stop();
  expect(await knock('paul', paul)).toMatchObject({ refused: 'unavailable' });
  // Who is in stays in, and others sign in as before.
  expect(await vpnAsk<Verdict>(socket(), '/v1/vpn/rights', { server: KEY, email: paul.username })).toHaveProperty(
    'person',
  );
  expect(await knock('alice')).toHaveProperty('person');
  await foreign.start();
  await becomesTrue(async () => (await knock('paul', paul)).person !== undefined);
  lab.configure((it) => ({ ...it, ...policy, directories: it.directories.filter(({ name }) => name !== 'partner') }));
  await becomesTrue(async () => (await knock('paul', paul)).refused === 'wrong-password');
});

test('a code is asked of who has an app, counts once on every way in, and is guessed a few times only', async () => {
  const { factors } = { factors: lab.edge.guards.factors };
  const subject = '900000000000000012';
  const secret = factors.totpOffer(subject, 'test');
  const code = (): string => new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: now() });
  expect(factors.confirmTotp(subject, 'test', code())).toBe(true);
  expect(await knock('bob')).toMatchObject({ refused: 'code-needed' });
  expect(await knock('bob', { password: `first password of bob${code()}` })).toMatchObject({
    refused: 'wrong-password',
  });
  // It was used to set the app up.
  expect(await knock('bob', { code: code() })).toMatchObject({ refused: 'code-wrong' });
  clock += 60_000;
  const good = code();
  expect(await knock('bob', { code: good })).toHaveProperty('person');
  expect(await knock('bob', { code: good })).toMatchObject({ refused: 'code-wrong' });
  expect(factors.checkTotp(subject, good)).toBe(false);
  for (let tries = 0; tries < 8; tries++) await knock('bob', { code: '000000' });
  clock += 60_000;
  expect(await knock('bob', { code: code() })).toMatchObject({ refused: 'locked' });
  clock += 900_000;
  expect(await knock('bob', { code: code() })).toHaveProperty('person');
  // Where it is required, who has no app is sent to set one up.
  lab.configure((it) => ({ ...it, vpnServers: it.vpnServers.map((one) => ({ ...one, secondFactor: 'required' })) }));
  await becomesTrue(async () => (await knock('alice')).refused === 'code-needed');
  expect((await knock('alice')).reason).toContain('set it up at https://accounts.example/account');
  lab.configure((it) => ({ ...it, ...policy }));
  await becomesTrue(async () => (await knock('alice')).person !== undefined);
});

test('where and when a role counts is asked again while a session lasts', async () => {
  const when = (expression: string) => ({ condition: { title: 'office', expression } });
  const bound = (expression: string): EdgeInput['bindings'] => [
    { key: 'lab/roleBinding/a', role: 'roles/vpn.user', members: ['user:alice@example.com'], ...when(expression) },
  ];
  const changes = vpnFollow(socket());
  await becomesTrue(async () => changes.told.length === 1);
  lab.configure((it) => ({ ...it, bindings: bound('inIpRange(origin.ip, ["198.51.100.0/24"])') }));
  await becomesTrue(async () => changes.told.length > 1);
  expect(await knock('alice')).toHaveProperty('person');
  // As it was at the sign-in, unless it is known better.
  expect(await rights('alice')).toHaveProperty('person');
  expect(await rights('alice', { from: '203.0.113.9' })).toMatchObject({ refused: 'no-right' });
  expect(await knock('alice', { from: '203.0.113.9' })).toMatchObject({
    refused: 'no-right',
    reason: expect.stringContaining('office'),
  });
  const end = new Date(now() + 1500).toISOString();
  lab.configure((it) => ({ ...it, bindings: bound(`request.time < timestamp("${end}")`) }));
  await becomesTrue(async () => (await knock('alice', { from: '203.0.113.9' })).person !== undefined);
  await becomesTrue(async () => changes.told.some((it) => it.email === 'alice@example.com'));
  await becomesTrue(async () => (await rights('alice')).refused === 'no-right');
  changes.stop();
  lab.configure((it) => ({ ...it, ...policy }));
});

test('who leaves a group, is disabled or removed is told at once, and their rights are other ones', async () => {
  await becomesTrue(async () => (await rights('alice')).grants?.length === 2);
  const changes = vpnFollow(socket());
  await becomesTrue(async () => changes.told.length === 1);
  const people = internalDirectory.users;
  await lab.directory.apply({ ...internalDirectory, groups: [] });
  await becomesTrue(async () => changes.told.some((it) => it.email === 'alice@example.com'));
  expect((await rights('alice')).grants).toEqual([{ set: `${KEY}/rights`, networks: ['10.200.0.0/16'] }]);
  await lab.directory.apply({
    ...internalDirectory,
    users: people.filter((it) => it.name !== 'bob').map((it) => (it.name === 'alice' ? { ...it, disabled: true } : it)),
    groups: [],
  });
  await becomesTrue(async () => (await rights('alice')).refused === 'disabled');
  await becomesTrue(async () => (await rights('bob')).refused === 'disabled');
  expect(await knock('alice')).toMatchObject({ refused: 'wrong-password' });
  expect(logged('vpn.right').at(-1)).toMatchObject({ refused: 'disabled' });
  changes.stop();
  await lab.directory.apply({ ...internalDirectory, users: [...people, person('erin')] });
  await becomesTrue(async () => (await rights('alice')).person !== undefined);
});

test('a restart forgets no sign-in, and guesses from one address end', async () => {
  await knock('alice', { from: '198.51.100.9' });
  await lab.restart();
  expect(await rights('alice')).toHaveProperty('person');
  let last: Verdict = {};
  for (let tries = 0; tries < 41; tries++) last = await knock('nobody-here', { from: '203.0.113.77' });
  expect(last).toMatchObject({ refused: 'locked' });
  expect(await knock('alice', { from: '203.0.113.77' })).toMatchObject({ refused: 'locked' });
  expect(await knock('alice')).toHaveProperty('person');
  // Nothing that is no question is answered as one.
  expect(await vpnAsk(socket(), '/v1/vpn/rights', { server: 3 })).toEqual({ message: 'That is no question.' });
  const long = vpnAsk(socket(), '/v1/vpn/authenticate', { x: 'y'.repeat(400_000) });
  expect(await long.catch(() => 'cut off')).not.toHaveProperty('person');
});
