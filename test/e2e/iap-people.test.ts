import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SlapdInput } from '#engines/slapd/input.ts';
import { eventually } from '../deployment.ts';
import { type PeopleLab, peopleLab } from '../people-lab.ts';
import { internalDirectory } from '../sign-in-lab.ts';

/** What changes in the directory counts in decisions about sessions that live, HAProxy's memory of them included. */

let lab: PeopleLab;
let cookie: string;

beforeAll(async () => {
  lab = await peopleLab();
  const person = {
    ...{ subject: '900000000000000011', email: 'alice@example.com', displayName: 'Alice', provider: 'people' },
    groups: [],
  };
  cookie = lab.signIn('alice@example.com', { person, host: 'shop.example.com' });
  await eventually(visit, (code) => code === '200');
}, 180_000);
afterAll(() => lab?.remove(), 60_000);

const visit = (): Promise<string> =>
  lab.curl('-o', '/dev/null', '-w', '%{http_code}', '-H', `cookie: ${cookie}`, 'https://shop.example.com/');

const operators = (members: readonly string[], groups: readonly string[] = []): SlapdInput => ({
  ...internalDirectory,
  groups: [
    { name: 'operators', email: 'operators@example.com', displayName: 'Operators', members, groups },
    { name: 'staff', email: 'staff@example.com', displayName: 'Staff', members: ['alice'], groups: [] },
  ] as SlapdInput['groups'],
});

/** A second, by the promise; the machine may be busy with other tests. */
const SECONDS = 5;

test('who leaves the group is out, and who comes back is in, with the session that they have', async () => {
  for (const [members, code] of [
    [['bob'], '403'],
    [['alice'], '200'],
    [[], '403'],
    [['alice', 'bob'], '200'],
  ] as const) {
    await lab.directory(operators(members));
    await eventually(visit, (it) => it === code, SECONDS);
  }
}, 60_000);

test('a group within the group counts as its members do, and goes as they do', async () => {
  await lab.directory(operators(['bob']));
  await eventually(visit, (it) => it === '403', SECONDS);
  await lab.directory(operators(['bob'], ['staff']));
  await eventually(visit, (it) => it === '200', SECONDS);
  await lab.directory(operators(['bob']));
  await eventually(visit, (it) => it === '403', SECONDS);
}, 60_000);

test('who is disabled is signed out, and signs in anew once they are not', async () => {
  await lab.directory(operators(['alice']));
  await eventually(visit, (it) => it === '200', SECONDS);
  const users = internalDirectory.users.map((it) => (it.name === 'alice' ? { ...it, disabled: true } : it));
  await lab.directory({ ...operators(['alice']), users });
  await eventually(visit, (it) => it === '302', SECONDS);
  await lab.directory(operators(['alice']));
  expect(await visit()).toBe('302');
}, 60_000);
