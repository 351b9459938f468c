import { Attribute, Change, type Client, type Entry } from 'ldapts';
import type { SlapdInput, SlapdUser } from './input.ts';
import {
  frame,
  groupAttributes,
  groupDn,
  LOCKED_FOR_GOOD,
  markOfPassword,
  membersOf,
  placeOfPassword,
  placesOf,
  type TreeEntry,
  userAttributes,
  userDn,
} from './tree.ts';

type Attributes = Readonly<Record<string, readonly string[]>>;

/**
 * Makes the directory hold what was declared, and nothing else of people and groups. A password that a person changed
 * stays: only another first password, told by its mark, replaces it. `open` gives the plain text of a sealed value.
 */
export async function converge(
  client: Client,
  input: SlapdInput,
  it: { readonly open: (sealed: string, place: string) => string; readonly decoy: string },
): Promise<void> {
  const there = await entriesBelow(client, input.baseDn);
  for (const entry of frame(input)) await ensure(client, there, entry);
  const { nobody, openPolicy } = placesOf(input.baseDn);
  if (!there.has(norm(nobody))) {
    await client.add(nobody, {
      objectClass: ['organizationalRole', 'simpleSecurityObject'],
      cn: 'nobody',
      userPassword: it.decoy,
      pwdPolicySubentry: openPolicy,
    });
  }
  await removeOthers(client, input, there);
  for (const user of input.users) await ensureUser(client, input, { user, there, open: it.open });
  // A group may hold groups: all of them first, then who is in them.
  for (const group of input.groups) {
    await ensure(client, there, { dn: groupDn(input.baseDn, group.name), attributes: groupAttributes(group) });
  }
  for (const group of input.groups) {
    const dn = groupDn(input.baseDn, group.name);
    await replace(client, dn, there.get(norm(dn)), { member: membersOf(input.baseDn, group) });
  }
}

type There = ReadonlyMap<string, Entry>;

const norm = (dn: string): string => dn.toLowerCase();

const seen = ['*', 'pwdAccountLockedTime', 'pwdReset'];

async function entriesBelow(client: Client, baseDn: string): Promise<There> {
  const empty: There = new Map();
  const root = await client.search(baseDn, { scope: 'base', attributes: ['1.1'] }).catch(whenMissing);
  if (root === undefined) return empty;
  const { searchEntries } = await client.search(baseDn, { scope: 'sub', attributes: seen, paged: { pageSize: 500 } });
  return new Map(searchEntries.map((entry) => [norm(entry.dn), entry]));
}

/** LDAP's noSuchObject. */
function whenMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 32) return undefined;
  throw error;
}

/** Users and groups that nobody declares any more. */
async function removeOthers(client: Client, { baseDn, users, groups }: SlapdInput, there: There): Promise<void> {
  const { people, groups: groupsDn } = placesOf(baseDn);
  const wanted = new Set([
    ...users.map(({ name }) => norm(userDn(baseDn, name))),
    ...groups.map(({ name }) => norm(groupDn(baseDn, name))),
  ]);
  // What stands below another goes first.
  const dns = [...there.keys()].toSorted((a, b) => b.length - a.length);
  for (const dn of dns) {
    const inside = dn.endsWith(`,${norm(people)}`) || dn.endsWith(`,${norm(groupsDn)}`);
    if (inside && !wanted.has(dn)) await client.del(there.get(dn)?.dn ?? dn);
  }
}

async function ensure(client: Client, there: There, { dn, attributes }: TreeEntry): Promise<void> {
  const before = there.get(norm(dn));
  if (before === undefined) await client.add(dn, { ...copied(attributes) });
  else await replace(client, dn, before, attributes);
}

const copied = (attributes: Attributes): Record<string, string[]> =>
  Object.fromEntries(Object.entries(attributes).map(([type, values]) => [type, [...values]]));

/** Only what differs is written: a directory's number must not rise for nothing. */
async function replace(client: Client, dn: string, before: Entry | undefined, wanted: Attributes): Promise<void> {
  const changes = Object.entries(wanted).flatMap(([type, values]) =>
    sameValues(valuesOf(before, type), values)
      ? []
      : [new Change({ operation: 'replace', modification: new Attribute({ type, values: [...values] }) })],
  );
  if (changes.length > 0) await client.modify(dn, changes);
}

export function valuesOf(entry: Entry | undefined, type: string): readonly string[] {
  const value = entry?.[type];
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

const sameValues = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.toSorted().every((value, index) => value === b.toSorted()[index]);

async function ensureUser(
  client: Client,
  { baseDn, directory }: SlapdInput,
  {
    user,
    there,
    open,
  }: {
    readonly user: SlapdUser;
    readonly there: There;
    readonly open: (sealed: string, place: string) => string;
  },
): Promise<void> {
  const dn = userDn(baseDn, user.name);
  const before = there.get(norm(dn));
  const known = valuesOf(before, 'vaubanSubject')[0];
  // Somebody else had the name before: nothing of theirs is inherited.
  const another = before !== undefined && known !== user.subject;
  if (another) await client.del(dn);
  const old = another ? undefined : before;
  await ensure(client, old === undefined ? new Map() : there, { dn, attributes: userAttributes(user) });
  const mark = markOfPassword(user);
  if (mark !== undefined && valuesOf(old, 'vaubanInitialPassword')[0] !== mark) {
    await replace(client, dn, old, {
      userPassword: [open(user.password ?? '', placeOfPassword(directory, user.name))],
      vaubanInitialPassword: [mark],
    });
    // In a step of its own: the overlay has an opinion about this when the password changes.
    await setReset(client, dn, user.mustChangePassword);
  }
  await setDisabled(client, dn, { disabled: user.disabled, before: valuesOf(old, 'pwdAccountLockedTime')[0] });
}

async function setReset(client: Client, dn: string, reset: boolean): Promise<void> {
  const values = reset ? ['TRUE'] : [];
  await client.modify(
    dn,
    new Change({ operation: 'replace', modification: new Attribute({ type: 'pwdReset', values }) }),
  );
}

async function setDisabled(
  client: Client,
  dn: string,
  { disabled, before }: { readonly disabled: boolean; readonly before: string | undefined },
): Promise<void> {
  if (disabled === (before === LOCKED_FOR_GOOD)) return;
  const values = disabled ? [LOCKED_FOR_GOOD] : [];
  const modification = new Attribute({ type: 'pwdAccountLockedTime', values });
  await client.modify(dn, new Change({ operation: 'replace', modification }));
}
