import type { Person } from '../people.ts';
import { sameName } from './names.ts';

/** One person as a directory tells of them. */
export interface Account {
  readonly dn: string;
  readonly subject: string;
  readonly email: string;
  readonly displayName: string;
  /** The directory says that they may not sign in. */
  readonly disabled: boolean;
  /** When it is another number than before, second factors are forgotten. */
  readonly secondFactorReset: number;
  /** DNs of groups, where the directory tells them at the person. */
  readonly memberOf: readonly string[];
}

export interface Circle {
  readonly dn: string;
  /** Address by which role bindings name it. */
  readonly email: string;
  readonly members: readonly string[];
  readonly memberOf: readonly string[];
}

/** What one reading of a directory gave. */
export interface Reading {
  readonly accounts: readonly Account[];
  readonly circles: readonly Circle[];
  /** What was left out, and why, in words: one bad entry takes nobody else with it. */
  readonly leftOut: readonly string[];
}

/** Everybody of one directory, by address and by subject. Pure. */
export interface Roll {
  readonly people: ReadonlyMap<string, Person>;
  readonly subjects: ReadonlyMap<string, Person>;
  /** Who may not sign in, as they would be. */
  readonly disabled: ReadonlyMap<string, Person>;
  readonly accounts: ReadonlyMap<string, Account>;
  readonly leftOut: readonly string[];
}

const norm = sameName;

/** Joins people and groups; groups in groups count, in circles too. */
export function rollOf(directory: string, { accounts, circles, leftOut }: Reading): Roll {
  const notes = [...leftOut];
  const parents = parentsOf(accounts, circles);
  const addresses = new Map(circles.map((it) => [norm(it.dn), it.email]));
  const people = new Map<string, Person>();
  const disabled = new Map<string, Person>();
  const byEmail = new Map<string, Account>();
  for (const account of accounts) {
    if (byEmail.has(account.email)) {
      notes.push(`${account.dn}: the address ${account.email} belongs to another entry as well`);
      continue;
    }
    byEmail.set(account.email, account);
    const groups = [...above(norm(account.dn), parents)].flatMap((dn) => addresses.get(dn) ?? []);
    const person: Person = {
      subject: account.subject,
      email: account.email,
      domain: account.email.slice(account.email.indexOf('@') + 1),
      groups: [...new Set(groups)].sort(),
      displayName: account.displayName,
      provider: directory,
    };
    (account.disabled ? disabled : people).set(account.email, person);
  }
  return { people, subjects: bySubject(people), disabled, accounts: byEmail, leftOut: notes };
}

/** For everything that can be in a group: the groups it is in, told by either side. */
function parentsOf(accounts: readonly Account[], circles: readonly Circle[]): ReadonlyMap<string, ReadonlySet<string>> {
  const parents = new Map<string, Set<string>>();
  const add = (child: string, parent: string): void => {
    const known = parents.get(norm(child)) ?? new Set();
    known.add(norm(parent));
    parents.set(norm(child), known);
  };
  for (const it of [...accounts, ...circles]) for (const group of it.memberOf) add(it.dn, group);
  for (const it of circles) for (const member of it.members) add(member, it.dn);
  return parents;
}

function above(dn: string, parents: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [dn];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const parent of parents.get(at) ?? []) {
      if (found.has(parent)) continue;
      found.add(parent);
      open.push(parent);
    }
  }
  return found;
}

/** Addresses of those of whom something was changed. */
export function changedBetween(before: Roll, after: Roll): readonly string[] {
  const emails = new Set([...before.people.keys(), ...after.people.keys()]);
  return [...emails].filter((it) => JSON.stringify(before.people.get(it)) !== JSON.stringify(after.people.get(it)));
}

export const bySubject = (people: ReadonlyMap<string, Person>): ReadonlyMap<string, Person> =>
  new Map([...people.values()].map((it) => [it.subject, it]));

export const emptyRoll: Roll = {
  people: new Map(),
  subjects: new Map(),
  disabled: new Map(),
  accounts: new Map(),
  leftOut: [],
};
