import { startOf } from '#engines/strongswan/connections.ts';
import type { Finding } from '#engines/strongswan/failure.ts';
import type { KeeperFile, OpenConnection, Tunnel } from '#engines/strongswan/input.ts';
import type { Failure, TunnelState, TunnelStatus } from '#engines/strongswan/status.ts';
import type { SeenAgreement, SeenChild } from './seen.ts';

/** One line of the log `ipsec`. */
export interface TunnelEvent {
  /** Seconds since 1970. */
  readonly at: number;
  readonly event: 'up' | 'down' | 'rekey' | 'failure';
  readonly tunnel: string;
  readonly peer: string;
  readonly address: string;
  readonly code?: string;
  readonly message: string;
  readonly fix?: string;
}

/** What is remembered of a tunnel between two looks. */
interface Entry {
  state: TunnelState;
  since: number;
  rekeys: number;
  failure: Failure | null;
  /** Milliseconds at which the failure was last told. */
  told: number;
}

interface Counts {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
}

const nothing: Counts = { bytesIn: 0, bytesOut: 0, packetsIn: 0, packetsOut: 0 };

const sum = (a: Counts, b: Counts): Counts => ({
  bytesIn: a.bytesIn + b.bytesIn,
  bytesOut: a.bytesOut + b.bytesOut,
  packetsIn: a.packetsIn + b.packetsIn,
  packetsOut: a.packetsOut + b.packetsOut,
});

/** The same failure of one tunnel is told once in this many milliseconds. */
const QUIET = 60_000;

/** What is known of every tunnel, from one look at charon to the next. */
export class Book {
  readonly #entries = new Map<string, Entry>();
  /** By pair: what associations that are gone have counted, and those that are there. */
  readonly #counted = new Map<string, { past: Counts; living: Map<string, Counts> }>();
  readonly #tell: (event: TunnelEvent) => void;
  #status: readonly TunnelStatus[] = [];

  constructor(tell: (event: TunnelEvent) => void) {
    this.#tell = tell;
  }

  get status(): readonly TunnelStatus[] {
    return this.#status;
  }

  /** Takes a look into account. `running` undefined: charon is not there. */
  look(file: KeeperFile, running: readonly SeenAgreement[] | undefined, stopped: ReadonlySet<string>): void {
    const keys = new Set(file.connections.flatMap((it) => it.tunnels.map((one) => one.key)));
    for (const key of this.#entries.keys()) if (!keys.has(key)) this.#entries.delete(key);
    for (const it of running?.flatMap((one) => one.children) ?? []) this.#count(it);
    this.#status = file.connections.flatMap((connection) =>
      connection.tunnels.map((tunnel) =>
        this.#tunnel({ file, connection, tunnel, running, stopped: stopped.has(tunnel.key) }),
      ),
    );
    if (running !== undefined) this.#forget(new Set(running.flatMap((it) => it.children.map((one) => one.id))));
  }

  /** Why a tunnel is not up; of what is up nothing is wrong. */
  found(file: KeeperFile, finding: Finding): void {
    for (const connection of concerned(file, finding)) {
      for (const tunnel of connection.tunnels) {
        const entry = this.#entries.get(tunnel.key);
        if (entry === undefined || entry.state === 'up' || !tunnel.enabled) continue;
        const same = entry.failure?.code === finding.code;
        const { code, message, fix, address } = finding;
        entry.failure = { code, message, fix, at: seconds(), times: same ? (entry.failure?.times ?? 0) + 1 : 1 };
        if (same && performance.now() - entry.told < QUIET) continue;
        entry.told = performance.now();
        this.#say('failure', { connection, tunnel, address, code, message, fix });
      }
    }
  }

  rekeyed(file: KeeperFile, pairs: readonly string[]): void {
    for (const connection of file.connections) {
      for (const tunnel of connection.tunnels) {
        const entry = this.#entries.get(tunnel.key);
        if (entry === undefined || !tunnel.pairs.some((it) => pairs.includes(it.name))) continue;
        entry.rekeys++;
        this.#say('rekey', { connection, tunnel, address: '', message: 'the keys of packets were made anew' });
      }
    }
  }

  #say(
    event: TunnelEvent['event'],
    {
      connection,
      tunnel,
      ...rest
    }: { connection: OpenConnection; tunnel: Tunnel } & Pick<TunnelEvent, 'address' | 'message' | 'code' | 'fix'>,
  ): void {
    this.#tell({ at: seconds(), event, tunnel: tunnel.key, peer: connection.key, ...rest });
  }

  #count({ name, id, ...counts }: SeenChild): void {
    const book = this.#counted.get(name) ?? { past: nothing, living: new Map() };
    book.living.set(id, counts);
    this.#counted.set(name, book);
  }

  /** What is gone has counted to the end. */
  #forget(living: ReadonlySet<string>): void {
    for (const book of this.#counted.values()) {
      for (const [id, counts] of book.living) {
        if (living.has(id)) continue;
        book.past = sum(book.past, counts);
        book.living.delete(id);
      }
    }
  }

  #countsOf(name: string): Counts {
    const book = this.#counted.get(name);
    const { bytesIn, bytesOut, packetsIn, packetsOut } = [...(book?.living.values() ?? [])].reduce(
      sum,
      book?.past ?? nothing,
    );
    return { bytesIn, bytesOut, packetsIn, packetsOut };
  }

  #tunnel(it: Looking): TunnelStatus {
    const { connection, tunnel, running, file } = it;
    const own = running?.filter((one) => one.connection === connection.name) ?? [];
    const best = own.find((one) => one.state === 'ESTABLISHED') ?? own[0];
    const pairs = tunnel.pairs.map((pair) => {
      const child = own.flatMap((one) => one.children).find((one) => one.name === pair.name && isUp(one));
      return { ...pair, up: child !== undefined, ...this.#countsOf(pair.name), algorithms: child?.algorithms ?? '' };
    });
    const entry = this.#settle(it, stateOf(it, { agreement: best, up: pairs.filter((one) => one.up).length }), best);
    return {
      key: tunnel.key,
      peer: connection.key,
      state: entry.state,
      since: entry.since,
      start: startOf(tunnel, file.kernel),
      address: best?.address ?? '',
      identity: best?.identity === '%any' ? '' : (best?.identity ?? ''),
      initiator: best?.initiator ?? false,
      behindNat: best?.behindNat ?? false,
      agreement: best?.algorithms ?? '',
      rekeys: entry.rekeys,
      ...pairs.map((one) => one as Counts).reduce((a, b) => sum(a, b), nothing),
      pairs,
      failure: entry.failure,
    };
  }

  /** A tunnel that is up has no failure; one that was and is no longer is told. */
  #settle({ connection, tunnel }: Looking, state: TunnelState, agreement: SeenAgreement | undefined): Entry {
    const fresh: Entry = { state, since: seconds(), rekeys: 0, failure: null, told: Number.NEGATIVE_INFINITY };
    const entry = this.#entries.get(tunnel.key) ?? fresh;
    const was = this.#entries.has(tunnel.key) ? entry.state : undefined;
    this.#entries.set(tunnel.key, entry);
    if (was === state) return entry;
    entry.state = state;
    entry.since = seconds();
    const address = agreement?.address ?? '';
    if (state === 'up') {
      entry.failure = null;
      entry.rekeys = 0;
      this.#say('up', { connection, tunnel, address, message: `the tunnel to ${address} is up` });
    } else if (was === 'up') {
      this.#say('down', { connection, tunnel, address, message: 'the tunnel is down' });
    }
    return entry;
  }
}

interface Looking {
  readonly file: KeeperFile;
  readonly connection: OpenConnection;
  readonly tunnel: Tunnel;
  readonly running: readonly SeenAgreement[] | undefined;
  readonly stopped: boolean;
}

export const isUp = ({ state }: SeenChild): boolean => ['INSTALLED', 'UPDATING', 'REKEYING', 'REKEYED'].includes(state);

const seconds = (): number => Date.now() / 1000;

function stateOf(
  { tunnel, running, stopped, file }: Looking,
  { agreement, up }: { readonly agreement: SeenAgreement | undefined; readonly up: number },
): TunnelState {
  if (!tunnel.enabled && !stopped) return 'disabled';
  if (running === undefined) return 'standby';
  if (up === tunnel.pairs.length) return 'up';
  if (up > 0) return 'partly-up';
  if (stopped) return 'stopped';
  if (agreement?.state === 'CONNECTING') return 'connecting';
  return startOf(tunnel, file.kernel) === 'start' ? 'down' : 'waiting';
}

/** By its name; where charon found no connection that fits, those that the address could be meant for. */
function concerned({ connections }: KeeperFile, { connection, address }: Finding): readonly OpenConnection[] {
  const named = connections.filter((it) => it.name === connection);
  if (named.length > 0 || address === '') return named;
  const there = connections.filter((it) => it.remote.includes(address));
  return there.length > 0 ? there : connections.filter((it) => it.remote.length === 0);
}
