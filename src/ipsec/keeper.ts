import { watch } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectVici, type ViciClient } from '#engines/strongswan/client.ts';
import { startOf } from '#engines/strongswan/connections.ts';
import { listener } from '#engines/strongswan/failure.ts';
import type { KeeperFile } from '#engines/strongswan/input.ts';
import type { IpsecStatus } from '#engines/strongswan/status.ts';
import { sectionAt, textAt, type ViciMessage } from '#engines/strongswan/vici.ts';
import { Book, isUp, type TunnelEvent } from './book.ts';
import { keepLoaded, load, loadedAt, outdated } from './loading.ts';
import { agreementsIn, type SeenAgreement } from './seen.ts';

/** Milliseconds between two looks at charon. */
const LOOK = 1000;
/** Milliseconds until a tunnel that failed is begun again; the last for ever. */
const PATIENCE = [1000, 2000, 4000, 8000, 15_000, 30_000];
/** Events in a minute; a flood must not fill the disk. */
const MOST_EVENTS = 300;

export interface KeeperPlaces {
  /** Folder of the sockets. */
  readonly sockets: string;
  readonly vici: string;
  readonly loaded: string;
  readonly tell: (event: TunnelEvent) => void;
}

/**
 * Tells charon what is wanted, whenever there is a charon: after its start, after its death, on the member that became
 * active. Begins tunnels that shall be up and are not, and hears why they are not.
 */
export class Keeper {
  readonly #places: KeeperPlaces;
  readonly #book: Book;
  #file: KeeperFile;
  #hash: string;
  #inForce = '';
  #problem = '';
  #client: ViciClient | undefined;
  #stopped = new Set<string>();
  #attempts = new Map<string, { tries: number; next: number }>();
  #events = { minute: 0, count: 0, dropped: 0 };
  /** One thing after the other: charon is asked, or told. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(places: KeeperPlaces, file: KeeperFile, hash: string) {
    this.#places = places;
    this.#file = file;
    this.#hash = hash;
    this.#book = new Book((event) => this.#tell(event));
  }

  /** Runs for ever. */
  async run(): Promise<void> {
    const kept = await readFile(this.#stoppedFile, 'utf8').catch(() => '[]');
    this.#stopped = new Set(parsedList(kept));
    let appeared = (): void => {};
    watch(this.#places.sockets, () => appeared());
    setInterval(() => void this.refresh().catch(() => {}), LOOK).unref();
    for (;;) {
      const client = await this.#connected();
      if (client !== undefined) {
        await this.#with(client).catch((error) => {
          this.#problem = String((error as Error).message);
        });
        client.close();
        this.#client = undefined;
        this.#look(undefined);
      } else this.#inForce = this.#hash;
      await Promise.race([new Promise<void>((done) => (appeared = done)), sleep(client === undefined ? LOOK : 100)]);
    }
  }

  /** A charon that has just made its socket may not listen on it yet. */
  async #connected(): Promise<ViciClient | undefined> {
    for (let tries = 0; tries < 5; tries++) {
      const client = await connectVici(this.#places.vici).catch((error: NodeJS.ErrnoException) => error.code);
      if (typeof client === 'object') return client;
      if (client !== 'ECONNREFUSED') return undefined;
      await sleep(10);
    }
    return undefined;
  }

  async #with(client: ViciClient): Promise<void> {
    const hear = listener();
    await client.on('log', (it) => {
      const line = {
        conversation: textAt(it, 'ikesa-uniqueid'),
        connection: textAt(it, 'ikesa-name'),
        text: textAt(it, 'msg'),
      };
      const finding = hear(line);
      if (finding !== undefined) this.#book.found(this.#file, finding);
    });
    const soon = (): void => void this.refresh().catch(() => {});
    for (const event of ['ike-updown', 'child-updown']) await client.on(event, soon);
    await client.on('child-rekey', (it) => {
      this.#book.rekeyed(this.#file, rekeyedPairs(it));
      soon();
    });
    this.#client = client;
    await this.#loadAll();
    await client.ended;
  }

  take(file: KeeperFile, hash: string): void {
    this.#file = file;
    this.#hash = hash;
    if (this.#client === undefined) {
      this.#inForce = hash;
      this.#look(undefined);
    } else void this.#loadAll().catch((error) => (this.#problem = String((error as Error).message)));
  }

  async status(): Promise<IpsecStatus> {
    await this.refresh().catch(() => {});
    return {
      input: this.#inForce,
      running: this.#client !== undefined,
      kernel: this.#file.kernel,
      problem: this.#problem,
      dropped: this.#events.dropped,
      tunnels: [...this.#book.status],
    };
  }

  /** False: there is no such tunnel. */
  async steer(tunnel: string, state: 'up' | 'down'): Promise<boolean> {
    const found = this.#file.connections.flatMap((it) => it.tunnels).find((it) => it.key === tunnel);
    if (found === undefined) return false;
    if (state === 'down') this.#stopped.add(tunnel);
    else this.#stopped.delete(tunnel);
    await writeFile(this.#stoppedFile, JSON.stringify([...this.#stopped]), { mode: 0o600 });
    if (this.#client === undefined) return true;
    await this.#loadAll();
    if (state === 'up') await this.#inTurn((client) => this.#begin(client, tunnel));
    return true;
  }

  get #stoppedFile(): string {
    return `${this.#places.loaded}.stopped`;
  }

  /** What is wanted, less what a person has stopped. */
  get #wanted(): KeeperFile {
    const connections = this.#file.connections.map((it) => ({
      ...it,
      tunnels: it.tunnels.map((one) => (this.#stopped.has(one.key) ? { ...one, enabled: false } : one)),
    }));
    return { ...this.#file, connections };
  }

  #inTurn<T>(work: (client: ViciClient) => Promise<T>): Promise<T | undefined> {
    const next = this.#turn.then(async () => (this.#client === undefined ? undefined : work(this.#client)));
    this.#turn = next.catch(() => {});
    return next;
  }

  #loadAll(): Promise<unknown> {
    return this.#inTurn(async (client) => {
      const hash = this.#hash;
      const charon = await idOf(this.#places.vici);
      // What runs before it is told anything runs by what it was told before.
      const running = await agreements(client);
      const before = await loadedAt(this.#places.loaded, charon);
      const after = await load(client, this.#wanted, before);
      const old = outdated(running, before, after);
      for (const id of old.children) await client.call('terminate', { 'child-id': id, timeout: '2000' });
      for (const id of old.agreements) await client.call('terminate', { 'ike-id': id, timeout: '2000', force: 'yes' });
      await keepLoaded(this.#places.loaded, after);
      this.#attempts.clear();
      this.#problem = '';
      this.#inForce = hash;
      await this.#tend(client);
    });
  }

  /** Looks, and begins what shall be up and is not. */
  refresh(): Promise<unknown> {
    return this.#inTurn((client) => this.#tend(client));
  }

  async #tend(client: ViciClient): Promise<void> {
    const running = await agreements(client);
    this.#look(running);
    for (const connection of this.#wanted.connections) {
      if (connection.remote.length === 0) continue;
      const own = running.filter((it) => it.connection === connection.name);
      if (own.some((it) => it.state === 'CONNECTING')) continue;
      const children = own.flatMap((it) => it.children);
      const missing = connection.tunnels
        .filter((it) => startOf(it, this.#file.kernel) === 'start')
        .flatMap((it) => it.pairs.map((pair) => pair.name))
        .filter((name) => !children.some((it) => it.name === name));
      for (const name of missing) if (this.#mayTry(name)) await initiate(client, connection.name, name);
    }
    for (const it of running.flatMap((one) => one.children)) if (isUp(it)) this.#attempts.delete(it.name);
  }

  async #begin(client: ViciClient, tunnel: string): Promise<void> {
    for (const connection of this.#file.connections) {
      const found = connection.tunnels.find((it) => it.key === tunnel);
      for (const pair of connection.remote.length === 0 ? [] : (found?.pairs ?? []))
        await initiate(client, connection.name, pair.name);
    }
  }

  #mayTry(name: string): boolean {
    const now = performance.now();
    const before = this.#attempts.get(name) ?? { tries: 0, next: 0 };
    if (now < before.next) return false;
    const wait = PATIENCE[Math.min(before.tries, PATIENCE.length - 1)] ?? 0;
    this.#attempts.set(name, { tries: before.tries + 1, next: now + wait });
    return true;
  }

  #look(running: readonly SeenAgreement[] | undefined): void {
    this.#book.look(this.#file, running, this.#stopped);
  }

  #tell(event: TunnelEvent): void {
    const minute = Math.floor(event.at / 60);
    if (minute !== this.#events.minute) this.#events = { ...this.#events, minute, count: 0 };
    if (++this.#events.count > MOST_EVENTS) this.#events.dropped++;
    else this.#places.tell(event);
  }
}

const initiate = (client: ViciClient, ike: string, child: string): Promise<ViciMessage> =>
  client.call('initiate', { ike, child, timeout: '-1', 'init-limits': 'no' });

async function agreements(client: ViciClient): Promise<SeenAgreement[]> {
  const list: SeenAgreement[] = [];
  const each = (it: ViciMessage): void => void list.push(...agreementsIn(it));
  await client.call('list-sas', {}, { event: 'list-sa', each });
  return list;
}

/** Another one after each start: charon makes its socket anew. What it says of its age is a second more or less each time. */
const idOf = async (vici: string): Promise<string> => {
  const { ino, birthtimeMs } = await stat(vici);
  return `${ino} ${birthtimeMs}`;
};

/** Names of the pairs whose keys were made anew. */
function rekeyedPairs(message: ViciMessage): string[] {
  return Object.keys(message).flatMap((ike) => {
    const children = sectionAt(sectionAt(message, ike), 'child-sas');
    return Object.keys(children).map((key) => key.replace(/-\d+$/, ''));
  });
}

const parsedList = (text: string): string[] => {
  try {
    return JSON.parse(text) as string[];
  } catch {
    return [];
  }
};
