import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Accounts, accountsOf } from '#edge/directory/accounts.ts';
import { verifyPassword } from '#edge/directory/passwords.ts';
import { internalSource, type Source } from '#edge/directory/source.ts';
import { guardedLookup } from '#edge/outbound/resolve.ts';
import { EdgeInput } from '#engines/edge/input.ts';
import type { SlapdInput } from '#engines/slapd/input.ts';
import { slapdPaths } from '#engines/slapd/paths.ts';
import { eventually } from '../deployment.ts';
import { type DirectoryLab, directoryLab, type ForeignDirectory, foreignDirectory, person } from '../directory-lab.ts';

const { password: _, ...withoutPassword } = person('erin');

const internal: SlapdInput = {
  directory: 'lab.people',
  baseDn: 'dc=lab,dc=internal',
  passwordPolicy: { minimumLength: 12, lockoutAfter: 4, lockoutSeconds: 600, history: 3 },
  users: [
    person('alice', { subject: '11' }),
    person('bob', { subject: '12' }),
    person('carol', { subject: '13', disabled: true }),
    person('dave', { subject: '14', mustChangePassword: true }),
    { ...withoutPassword, name: 'erin', subject: '15', email: 'erin@example.com' },
    person('frank', { subject: '16' }),
    person('gina', { subject: '17' }),
  ],
  groups: [
    { name: 'operators', email: 'operators@example.com', displayName: 'Operators', members: ['alice'], groups: [] },
    { name: 'staff', email: 'staff@example.com', displayName: 'Staff', members: ['bob'], groups: ['operators'] },
  ],
};

let lab: DirectoryLab;
let foreign: ForeignDirectory;
let accounts: Accounts;
const database = new DatabaseSync(':memory:');
const seen: string[] = [];

const inputWith = (authority: string): EdgeInput =>
  EdgeInput.parse({
    project: { id: 'lab', number: '123456789012', namespace: 'edge.lab' },
    ...{ services: [], bindings: [], accessLevels: [], providers: [], clients: [], serviceAccounts: [] },
    directories: [
      { name: 'people', baseDn: internal.baseDn, minimumLength: 12 },
      {
        name: 'partner',
        baseDn: foreign.baseDn,
        ldap: {
          url: `ldaps://localhost:${foreign.port}`,
          bindDn: foreign.bindDn,
          bindPassword: foreign.bindPassword,
          trustedCertificates: authority,
          userFilter: '(objectClass=inetOrgPerson)',
          groupFilter: '(objectClass=groupOfNames)',
          groupDomain: 'partner.example',
          attributes: {
            ...{ subject: 'entryUUID', email: 'mail', displayName: 'displayName' },
            ...{ member: 'member', groupName: 'cn', groupEmail: 'mail' },
          },
        },
      },
    ],
  });

function open(input: EdgeInput): Accounts {
  return accountsOf({
    input: () => input,
    onInput: () => {},
    database,
    machineRun: lab.machine.run,
    now: () => Date.now(),
    log: (event, fields) => seen.push(`${event} ${JSON.stringify(fields)}`),
    lookup: guardedLookup({ allowPrivate: true, allowLoopback: true }),
  });
}

const all = { directories: [] };

beforeAll(async () => {
  // This very process is who may read.
  lab = await directoryLab({ uid: 0, gid: 0 });
  await lab.apply(internal);
  foreign = await foreignDirectory(lab.machine, 'localhost');
  accounts = open(inputWith(await lab.machine.authority.certificate()));
  await accounts.ready();
});

afterAll(async () => {
  await accounts?.stop();
  await foreign?.stop();
  await lab?.cleanup();
});

test('people are found by address, in any case, and by subject, with the groups that their groups are in', async () => {
  const alice = await accounts.find('Alice@Example.com');
  expect(alice).toEqual({
    ...{ subject: '11', email: 'alice@example.com', domain: 'example.com', displayName: 'alice Example' },
    ...{ groups: ['operators@example.com', 'staff@example.com'], provider: 'people' },
  });
  expect(await accounts.find('11')).toEqual(alice);
  expect(await accounts.find('nobody@example.com')).toBeUndefined();
});

test('who is disabled is nobody', async () => {
  expect(await accounts.find('carol@example.com')).toBeUndefined();
  const verdict = await accounts.verify({ ...all, email: 'carol@example.com', password: 'first password of carol' });
  expect(verdict).toEqual({ outcome: 'refused', reason: 'disabled' });
});

describe('passwords', () => {
  test.each([
    ['alice@example.com', 'first password of alice', { outcome: 'right' }],
    ['dave@example.com', 'first password of dave', { outcome: 'mustChange' }],
    ['alice@example.com', 'first password of bob', { outcome: 'refused', reason: 'wrongOrLocked' }],
    ['alice@example.com', '', { outcome: 'refused', reason: 'wrongOrLocked' }],
    ['alice@example.com', 'x'.repeat(5000), { outcome: 'refused', reason: 'wrongOrLocked' }],
    ['nobody@example.com', 'first password of bob', { outcome: 'refused', reason: 'unknown' }],
    ['*', 'first password of alice', { outcome: 'refused', reason: 'unknown' }],
    ['alice@example.com)(objectClass=*', 'first password of alice', { outcome: 'refused', reason: 'unknown' }],
    ['alice@example.com)\0', 'first password of alice', { outcome: 'refused', reason: 'unknown' }],
    ['a*@example.com', 'first password of alice', { outcome: 'refused', reason: 'unknown' }],
    ['\\2a', 'first password of alice', { outcome: 'refused', reason: 'unknown' }],
    ['paul@partner.example', 'password of paul', { outcome: 'right' }],
    ['zoe@partner.example', 'password of zoe', { outcome: 'right' }],
    ['zoe@partner.example', 'password of paul', { outcome: 'refused', reason: 'wrongOrLocked' }],
    ['zoe@partner.example', '', { outcome: 'refused', reason: 'wrongOrLocked' }],
  ])('%j with %j', async (email, password, verdict) => {
    expect(await accounts.verify({ ...all, email, password })).toEqual(verdict);
  });

  test('only directories that are asked for count', async () => {
    const it = { email: 'paul@partner.example', password: 'password of paul', directories: ['people'] };
    expect(await accounts.verify(it)).toEqual({ outcome: 'refused', reason: 'unknown' });
  });

  test('guessing locks, and who guesses is not told', async () => {
    const email = 'bob@example.com';
    const wrong = { outcome: 'refused', reason: 'wrongOrLocked' };
    for (let guess = 0; guess < 4; guess++)
      expect(await accounts.verify({ ...all, email, password: `guess ${guess}` })).toEqual(wrong);
    expect(await accounts.verify({ ...all, email, password: 'first password of bob' })).toEqual(wrong);
  });

  /** What some reader takes for `gina@example.com`, and another does not. */
  const spellings = [
    ...['Gina@Example.COM', ' gina@example.com', 'gina@example.com ', 'gina @example.com', 'gina@ example.com'],
    ...[
      'gina@example.com\t',
      'gina@example.com\n',
      'gina@example.com\0',
      'g\u0131na@example.com',
      'g\u0130na@example.com',
    ],
    ...['\uff47ina@example.com', 'gina@example\u3002com', 'gina@ex\u00adample.com', '\u200bgina@example.com'],
    ...['gi\u0301na@example.com', 'g\u00edna@example.com', '\ud800gina@example.com', '\ufeffgina@example.com', 'gina'],
    ...['gina@example.com.', 'gina@example.com)(mail=*', 'gin*@example.com', '*', '(', ')', '\\67ina@example.com', ''],
    ...['uid=gina,ou=people,dc=lab,dc=internal', 'mail=gina@example.com', '"gina"@example.com', 'gina+x@example.com'],
  ];

  test('of one account are guessed under one count, however its address is spelled', async () => {
    const right = 'first password of gina';
    // Whether a spelling stands for the account: never more than one lock, and never an answer of its own.
    for (const email of spellings) {
      const { outcome } = await accounts.verify({ ...all, email, password: right });
      expect.soft([email, outcome]).not.toEqual([email, 'away']);
    }
    const same: string[] = [];
    for (const email of spellings)
      if ((await accounts.verify({ ...all, email, password: right })).outcome === 'right') same.push(email);
    expect(same).toContain('Gina@Example.COM');
    for (let guess = 0; guess < 4; guess++)
      await accounts.verify({ ...all, email: same[guess % same.length] ?? '', password: `guess ${guess}` });
    for (const email of ['gina@example.com', ...spellings]) {
      const { outcome } = await accounts.verify({ ...all, email, password: right });
      expect.soft([email, outcome]).toEqual([email, 'refused']);
    }
  });

  test('take the same work, whoever is guessed: known, unknown, disabled, locked or without a password', async () => {
    const [directory] = inputWith('').directories;
    if (directory === undefined) throw new Error('no directory');
    const source = internalSource(directory, slapdPaths(lab.machine, internal.directory).socket);
    const reader = await source.open();
    // Who is bound as: each of these hashes one password, because none of them is refused unseen.
    const bound: string[] = [];
    const watched: Source = {
      ...source,
      async anonymous() {
        const client = await source.anonymous();
        const bind = client.bind.bind(client);
        client.bind = async (dn, ...more) => {
          bound.push(String(dn));
          return bind(dn, ...more);
        };
        return client;
      },
    };
    const guess = async (email: string, disabled = false) => {
      bound.length = 0;
      await verifyPassword(watched, reader, { email, password: 'a wrong password', disabled });
      return [...bound];
    };
    const people = `ou=people,${internal.baseDn}`;
    expect(await guess('alice@example.com')).toEqual([`uid=alice,${people}`]);
    expect(await guess('unknown@example.com')).toEqual([source.nobody]);
    expect(await guess('carol@example.com', true)).toEqual([source.nobody]);
    expect(await guess('erin@example.com')).toEqual([source.nobody]);
    for (let tries = 0; tries < 4; tries++) await guess('frank@example.com');
    expect(await guess('frank@example.com')).toEqual([source.nobody]);
    await reader.unbind();
  });

  test('are changed by their owner, as the policy says', async () => {
    const change = (before: string, after: string) => accounts.change({ email: 'dave@example.com', before, after });
    const first = 'first password of dave';
    expect(await change('a wrong password', 'a new password')).toEqual({ outcome: 'refused', reason: 'wrongOld' });
    expect(await change('', 'a new password')).toEqual({ outcome: 'refused', reason: 'wrongOld' });
    expect(await change(first, 'short')).toEqual({ outcome: 'refused', reason: 'tooShort' });
    expect(await change(first, first)).toEqual({ outcome: 'refused', reason: 'inHistory' });
    expect(await change(first, 'what dave has chosen')).toEqual({ outcome: 'changed' });
    expect(await accounts.verify({ ...all, email: 'dave@example.com', password: 'what dave has chosen' })).toEqual({
      outcome: 'right',
    });
    expect(await change('what dave has chosen', first)).toEqual({ outcome: 'refused', reason: 'inHistory' });
  });
});

describe('a directory elsewhere', () => {
  test('tells people with their groups; entries that make no sense take nobody with them', async () => {
    const zoe = await accounts.find('zoe@partner.example');
    expect(zoe?.groups).toEqual(['engineers@partner.example', 'everybody-here@partner.example']);
    expect(zoe?.displayName).toBe("Zoé O'Neil");
    expect(await accounts.groupsOf('paul@partner.example')).toEqual(['everybody-here@partner.example']);
    const state = accounts.states().find((it) => it.name === 'partner');
    expect(state).toMatchObject({ answers: true, people: 2 });
    expect(state?.leftOut).toEqual([`uid=printer,ou=People,${foreign.baseDn}: its address is none`]);
  });

  test('with a certificate of somebody else is not believed', async () => {
    const other = await directoryLab();
    try {
      const stranger = open(inputWith(await other.machine.authority.certificate()));
      await stranger.ready();
      const it = { ...all, email: 'paul@partner.example', password: 'password of paul', directories: ['partner'] };
      expect(await stranger.verify(it)).toMatchObject({ outcome: 'away' });
      await stranger.stop();
    } finally {
      await other.cleanup();
    }
  });

  test('that is away: who was known stays known, nobody gets in by password, and a new process knows them, too', async () => {
    await foreign.stop();
    const state = await eventually(
      async () => accounts.states().find((it) => it.name === 'partner'),
      (it) => it?.answers === false,
    );
    expect(state?.readAt).toBeGreaterThan(0);
    expect((await accounts.find('zoe@partner.example'))?.groups).toHaveLength(2);
    const it = { ...all, email: 'paul@partner.example', password: 'password of paul' };
    expect(await accounts.verify(it)).toMatchObject({ outcome: 'away' });
    const second = open(inputWith(await lab.machine.authority.certificate()));
    await second.ready();
    expect((await second.find('zoe@partner.example'))?.groups).toHaveLength(2);
    await second.stop();
    await foreign.start();
    await eventually(
      () => accounts.verify(it),
      (verdict) => verdict.outcome === 'right',
    );
  });
});

test('a change of groups or people is told once it can be seen', async () => {
  const told: string[] = [];
  const stop = accounts.onChange(({ email }) =>
    told.push(`${email}: ${accounts.look(email ?? '')?.groups.join(' ') ?? 'gone'}`),
  );
  const [operators] = internal.groups;
  if (operators === undefined) throw new Error('no group');
  await lab.apply({ ...internal, groups: [{ ...operators, members: ['alice', 'dave'] }] });
  await eventually(
    async () => told.join('\n'),
    (text) =>
      text.includes('dave@example.com: operators@example.com') &&
      text.includes('alice@example.com: operators@example.com'),
  );
  await lab.apply({ ...internal, users: internal.users.map((it) => ({ ...it, disabled: true })) });
  await eventually(
    async () => told.join('\n'),
    (text) => text.includes('alice@example.com: gone'),
  );
  stop();
});
