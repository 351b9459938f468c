import { randomInt } from 'node:crypto';
import type { Shape } from './question.ts';
import {
  addToMap,
  addToVersion,
  type Command,
  clearFromTable,
  clearMap,
  clearTable,
  commitMap,
  isWord,
  type Pair,
  prepareMap,
  setInMap,
  setInTable,
} from './runtime/command.ts';
import type { Workers } from './runtime/workers.ts';

/** Files of the maps as HAProxy's configuration names them, and the stick-table. */
export interface MemoryPlaces {
  readonly even: string;
  readonly odd: string;
  readonly people: string;
  readonly services: string;
  readonly table: string;
  /** The stick-table of what runs. */
  readonly running: string;
}

/** Milliseconds of a slot. What is remembered in one lapses, spread out, in the next: after four to eight minutes. */
export const SLOT = 240_000;
/** Kept clear at both ends of the slot in which entries lapse. */
const MARGIN = 5000;
/** Entries of one session in a slot: an address or a path is chosen by whoever asks. */
const LARGEST_SHARE = 256;
/** Slots after which names of people who are gone are swept out of HAProxy: about an hour. */
const SWEEP_SLOTS = 15;

export interface Memorable {
  /** Digest of the cookie or token. */
  readonly credential: string;
  /** What {@link Memory.begin} gave before it was decided. */
  readonly begun: number;
  readonly epoch: string;
  readonly shape: Shape;
  readonly extra: string;
  readonly email: string;
  readonly id: string;
  readonly assertion: string;
  /** Milliseconds. */
  readonly until: number;
}

/** What {@link Memory} asks of the connection to HAProxy. */
export type Pusher = Pick<Workers, 'push' | 'broadcast'>;

/**
 * What HAProxy remembers of our decisions, so that it need not ask again. A decision counts only together with
 * - the epoch of its service: another policy makes another epoch, and nothing of the former is found any more;
 * - the generation of its session, which stands in a table: without it, or with another, nothing is found, either.
 * Entries are only ever added, to one of two maps by turns; the other one is cleared as a whole when all of it has lapsed.
 * HAProxy 2.6 walks a list to change or delete an entry, and a second entry of the same key hides behind a lapsed twin.
 */
export class Memory {
  readonly #pusher: Pusher;
  readonly #places: MemoryPlaces;
  readonly #now: () => number;
  #slot: number;
  /** Keys that were added in this slot. */
  #added = new Set<string>();
  #share = new Map<string, number>();
  readonly #generations = new Map<
    string,
    { readonly generation: number; readonly slot: number; readonly who: string }
  >();
  /** When which credential was forgotten, as a count of such events. */
  readonly #forgotten = new Map<string, number>();
  #events = 0;
  #people = new Set<string>();
  readonly #epochs = new Map<string, string>();
  #counter = 0;
  #queue: { people: Pair[]; sessions: Map<string, number>; decisions: Pair[] } = empty();
  #flushing = false;

  constructor(parts: { readonly pusher: Pusher; readonly places: MemoryPlaces; readonly now: () => number }) {
    this.#pusher = parts.pusher;
    this.#places = parts.places;
    this.#now = parts.now;
    this.#slot = this.#slotNow();
  }

  /** Call it before deciding: what is forgotten between this and {@link remember} is not remembered. */
  begin(): number {
    return this.#events;
  }

  /** Lets HAProxy decide the same by itself for a while. Nothing is remembered that could change meanwhile by itself. */
  remember(it: Memorable): void {
    this.tick();
    const expiry = this.#expiry();
    if (it.epoch === '' || it.until < expiry || (this.#forgotten.get(it.credential) ?? 0) > it.begun) return;
    if (!isWord(it.email) || !isWord(it.id) || it.email.includes('|') || it.id.includes('|')) return;
    if (it.shape !== 'session' && it.extra === '') return;
    const generation = this.#generations.get(it.credential)?.generation ?? randomInt(1, 2 ** 31 - 1);
    const key = [it.credential, it.epoch, String(generation), ...(it.shape === 'session' ? [] : [it.extra])].join('|');
    const share = this.#share.get(it.credential) ?? 0;
    if (this.#added.has(key) || share >= LARGEST_SHARE) return;
    this.#added.add(key);
    this.#share.set(it.credential, share + 1);
    const who = `${it.email}|${it.id}`;
    this.#generations.set(it.credential, { generation, slot: this.#slot, who });
    if (!this.#people.has(it.credential)) {
      this.#people.add(it.credential);
      this.#queue.people.push([it.credential, who]);
    }
    this.#queue.sessions.set(it.credential, generation);
    this.#queue.decisions.push([key, `${Math.floor(expiry / 1000)}.${it.assertion}`]);
    this.#flushSoon();
  }

  /** Nothing that was decided about these credentials counts any more, from the moment HAProxy reads this. */
  forget(credentials: Iterable<string>): void {
    const commands: Command[] = [];
    this.#events += 1;
    for (const it of credentials) {
      this.#forgotten.set(it, this.#events);
      this.#generations.delete(it);
      this.#queue.sessions.delete(it);
      commands.push(clearFromTable(this.#places.table, it));
    }
    this.#pusher.broadcast(commands);
  }

  /** Credentials that something is remembered under for somebody: sessions, and tokens that nobody else keeps a list of. */
  credentialsOf(email: string): readonly string[] {
    return [...this.#generations].flatMap(([credential, { who }]) => (who.startsWith(`${email}|`) ? [credential] : []));
  }

  /** A service whose policy is another now: nothing decided under the former is found any more. */
  renew(service: string, flags: string): void {
    this.#counter += 1;
    const epoch = `${this.#now().toString(36)}${(this.#counter % 36 ** 2).toString(36).padStart(2, '0')}`;
    const value = flags === '' ? epoch : `${epoch}-${flags}`;
    this.#epochs.set(service, value);
    this.#pusher.broadcast([setInMap(this.#places.services, [service, value])]);
  }

  /** A service that is protected no more, or not there: what was decided counts no more, either. */
  drop(service: string): void {
    this.renew(service, '');
    this.#epochs.delete(service);
  }

  get services(): readonly string[] {
    return [...this.#epochs.keys()];
  }

  /** A worker that starts has empty maps, and knows no epoch. */
  greet(run: (command: Command) => void): void {
    this.#added = new Set();
    this.#people = new Set();
    this.#share = new Map();
    this.#queue = empty();
    for (const [service, epoch] of this.#epochs) run(setInMap(this.#places.services, [service, epoch]));
  }

  /** Call it about every second. */
  tick(): void {
    const slot = this.#slotNow();
    if (slot === this.#slot) return;
    this.#flush();
    this.#slot = slot;
    this.#added = new Set();
    this.#share = new Map();
    this.#pusher.broadcast([clearMap(this.#map())]);
    this.#forgotten.clear();
    for (const [credential, it] of this.#generations) {
      // Nothing of theirs has been added for so long that nothing of theirs is remembered.
      if (Math.abs(slot - it.slot) > 2) this.#generations.delete(credential);
    }
  }

  /** Forgets everything; for the case that the clock went backwards, and lifetimes would be longer than they were. */
  clear(): void {
    const { even, odd, table } = this.#places;
    this.#generations.clear();
    this.#added = new Set();
    this.#queue = empty();
    this.#pusher.broadcast([clearTable(table), clearMap(even), clearMap(odd)]);
  }

  /** Whether it is time for {@link sweep}. */
  get isSweepDue(): boolean {
    return this.#slot % SWEEP_SLOTS === 0 && this.#people.size > 2 * this.#generations.size;
  }

  /** Puts a new list of people in the place of the former, without those who are gone. `run`: at the newest worker. */
  async sweep(run: (command: Command) => Promise<string>): Promise<void> {
    const { people } = this.#places;
    const version = Number(/(\d+)/.exec(await run(prepareMap(people)))?.[1]);
    if (!Number.isInteger(version)) return;
    // Whoever is added from here on is added to both, as the new list is not in force before the end.
    const present = [...this.#generations];
    const pairs = present.map(([credential, it]): Pair => [credential, it.who]);
    this.#people = new Set(present.map(([credential]) => credential));
    for (const it of addToVersion(people, version, pairs)) void run(it).catch(() => '');
    await run(commitMap(people, version));
  }

  #map(): string {
    return this.#slot % 2 === 0 ? this.#places.even : this.#places.odd;
  }

  #slotNow(): number {
    return Math.floor(this.#now() / SLOT);
  }

  /** An instant inside the next slot, by chance, so that not all lapse at once. */
  #expiry(): number {
    return (this.#slot + 1) * SLOT + MARGIN + randomInt(0, SLOT - 2 * MARGIN);
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // Everything that is decided in one turn goes out in one write.
    setImmediate(() => this.#flush());
  }

  /** Who, then the session, then the decision: what is found is always whole. */
  #flush(): void {
    this.#flushing = false;
    const { people, sessions, decisions } = this.#queue;
    if (decisions.length === 0) return;
    this.#queue = empty();
    this.#pusher.push([
      ...addToMap(this.#places.people, people),
      ...[...sessions].map(([key, generation]) => setInTable(this.#places.table, key, generation)),
      ...addToMap(this.#map(), decisions),
    ]);
  }
}

const empty = () => ({ people: [] as Pair[], sessions: new Map<string, number>(), decisions: [] as Pair[] });
