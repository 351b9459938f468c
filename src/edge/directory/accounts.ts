import type { DatabaseSync } from 'node:sqlite';
import type { EdgeInput } from '#engines/edge/input.ts';
import { slapdPaths } from '#engines/slapd/paths.ts';
import { canonical } from '#lib/hash.ts';
import { guardedLookup } from '../outbound/resolve.ts';
import type { People, Person } from '../people.ts';
import { type DirectoryState, type Follower, follow } from './follower.ts';
import { rollMemory } from './memory.ts';
import { type ChangeVerdict, changePassword, type Verdict, verifyPassword } from './passwords.ts';
import type { Roll } from './roll.ts';
import { internalSource, remoteSource, type Source } from './source.ts';

/** Everybody whom the directories know, with their passwords. */
export interface Accounts extends People {
  /** As {@link People.find}, without waiting. */
  look(emailOrSubject: string): Person | undefined;
  /** Addresses of those in these directories whose address begins with this before the `@`. */
  called(name: string, directories: readonly string[]): readonly string[];
  /** Everybody, those who are disabled too, with their groups. */
  everybody(): readonly (Person & { readonly disabled: boolean })[];
  /** Of {@link Account}; undefined for who is not known just now, of whom nothing must be forgotten. */
  secondFactorReset(subject: string): number | undefined;
  /** Among these directories only; none: all. */
  verify(it: {
    readonly email: string;
    readonly password: string;
    readonly directories: readonly string[];
  }): Promise<Verdict>;
  change(it: { readonly email: string; readonly before: string; readonly after: string }): Promise<ChangeVerdict>;
  states(): readonly DirectoryState[];
  /** Resolves when every directory was asked once. */
  ready(): Promise<void>;
  counters(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export interface AccountsParts {
  readonly input: () => EdgeInput;
  readonly onInput: (listener: (input: EdgeInput) => void) => void;
  readonly database: DatabaseSync;
  /** Runtime folder of the machine, below which directories have their sockets. */
  readonly machineRun: string;
  readonly now: () => number;
  readonly log: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** How a directory elsewhere is found by its name; default as everything else on the internet. */
  readonly lookup?: Parameters<typeof remoteSource>[1];
}

/** More changes than this at once are told as one that may concern everybody. */
const MANY = 50;

export function accountsOf(parts: AccountsParts): Accounts {
  const { input, onInput, database, now, log } = parts;
  const memory = rollMemory(database);
  const listeners = new Set<(change: { readonly email?: string }) => void>();
  const followers = new Map<string, { readonly mark: string; readonly follower: Follower }>();

  const tell = (emails: readonly string[]): void => {
    const changes = emails.length > MANY ? [{}] : emails.map((email) => ({ email }));
    for (const change of changes) for (const listener of listeners) listener(change);
  };

  const settle = (): void => {
    const { directories, project } = input();
    const wanted = new Map(directories.map((it) => [it.name, it]));
    for (const [name, { mark, follower }] of followers) {
      if (canonical(wanted.get(name) ?? null) === mark) continue;
      followers.delete(name);
      void follower.stop();
      if (!wanted.has(name)) memory.forget(name);
      tell([...follower.roll().people.keys()]);
    }
    for (const [name, directory] of wanted) {
      if (followers.has(name)) continue;
      const source: Source | undefined =
        directory.ldap === undefined
          ? internalSource(directory, slapdPaths({ run: parts.machineRun, state: '' }, `${project.id}.${name}`).socket)
          : // The administrator says where it is, so it may stand on a private address.
            remoteSource(directory, parts.lookup ?? guardedLookup({ allowPrivate: true }));
      if (source === undefined) continue;
      const recalled = memory.recall(name);
      const follower = follow({
        source,
        now,
        ...(recalled === undefined ? {} : { recalled }),
        changed: (emails, roll) => {
          memory.keep(name, roll, now());
          tell(emails);
        },
        log,
      });
      followers.set(name, { mark: canonical(directory), follower });
    }
  };
  settle();
  onInput(settle);

  const list = (): readonly Follower[] =>
    input().directories.flatMap(({ name }) => followers.get(name)?.follower ?? []);
  const holderOf = (email: string, among: readonly Follower[]): Follower | undefined =>
    among.find((it) => it.roll().accounts.has(email));
  const look = (text: string): Person | undefined => {
    const email = text.toLowerCase();
    for (const it of list()) {
      const { people, subjects } = it.roll();
      const found = people.get(email) ?? subjects.get(text);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  return {
    look,
    called: (name, directories) =>
      list()
        .filter((it) => directories.includes(it.source.name))
        .flatMap((it) => [...it.roll().accounts.keys()].filter((email) => email.startsWith(`${name}@`))),
    everybody: () => list().flatMap((it) => everybodyIn(it.roll(), it.source.name)),
    secondFactorReset(subject) {
      const person = look(subject);
      const holder = person && followers.get(person.provider)?.follower.roll().accounts.get(person.email);
      return holder?.secondFactorReset;
    },
    find: async (text) => look(text),
    groupsOf: async (email) => look(email)?.groups ?? [],
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async verify({ email, password, directories }) {
      const among = list().filter((it) => directories.length === 0 || directories.includes(it.source.name));
      const holder = holderOf(email, among) ?? among[0];
      if (holder === undefined) return { outcome: 'away', detail: 'there is no directory' };
      const disabled = holder.roll().accounts.get(email)?.disabled === true;
      return withReader(holder.source, (reader) =>
        verifyPassword(holder.source, reader, { email, password, disabled }),
      );
    },
    async change(it) {
      const holder = holderOf(it.email, list());
      if (holder === undefined) return { outcome: 'refused', reason: 'wrongOld' };
      return withReader(holder.source, (reader) => changePassword(holder.source, reader, it));
    },
    states: () => list().map((it) => it.state()),
    ready: async () => void (await Promise.all(list().map((it) => it.tried))),
    counters: () => {
      const states = list().map((it) => it.state());
      return {
        people: states.reduce((sum, it) => sum + it.people, 0),
        directoriesAway: states.filter((it) => !it.answers).length,
      };
    },
    async stop() {
      await Promise.all([...followers.values()].map(({ follower }) => follower.stop()));
    },
  };
}

function everybodyIn({ people, accounts, disabled }: Roll, provider: string): (Person & { disabled: boolean })[] {
  return [...accounts.values()].map(({ email, subject, displayName }) => {
    const person = people.get(email) ?? disabled.get(email) ?? { email, subject, displayName, provider, groups: [] };
    return { ...person, disabled: !people.has(email) };
  });
}

async function withReader<T>(
  source: Source,
  act: (reader: Awaited<ReturnType<Source['open']>>) => Promise<T>,
): Promise<T | { readonly outcome: 'away'; readonly detail: string }> {
  try {
    const reader = await source.open();
    try {
      return await act(reader);
    } finally {
      await reader.unbind().catch(() => {});
    }
  } catch (error) {
    return { outcome: 'away', detail: error instanceof Error ? error.message || error.name : String(error) };
  }
}
