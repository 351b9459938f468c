import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { WebSocket } from 'ws';
import { type Closing, closeCodes } from './closing.ts';
import { type RelaySocket, relaySocket } from './socket.ts';
import type { Destination } from './target.ts';
import { Tunnel } from './tunnel.ts';

/** Whether somebody may use a tunnel, with the reason in words. */
export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

/** Somebody who was let in. */
export interface Guest {
  /** `user:alice@example.com`, `serviceAccount:…`, `token:admin`. */
  readonly principal: string;
  /** Address of the client, for the log. */
  readonly address: string;
  /** Asked again while the tunnel lasts, and when its client comes back: policy, groups, time and places change. */
  readonly still: (way: Way) => Promise<Verdict>;
}

/** Where somebody wants to go. The host may not exist: only whoever may use tunnels is told so. */
export interface Way {
  readonly instance: string;
  readonly port: number;
  readonly address: string | undefined;
}

export interface RelayParts {
  /** Address that hosts see. */
  readonly source: () => string;
  readonly now: () => number;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly limits?: Partial<RelayLimits>;
}

export interface RelayLimits {
  /** Tunnels at the same time, and those of one principal; the ones whose client is away count. */
  readonly tunnels: number;
  readonly perPrincipal: number;
  /** Bytes that all tunnels together keep for clients that confirm as they should; for others it may be several times that. */
  readonly memory: number;
  /** Milliseconds that a tunnel waits for its client to come back, and that it may be unused. */
  readonly keep: number;
  readonly idle: number;
  /** Milliseconds for a host to answer. */
  readonly connect: number;
}

const defaults: RelayLimits = {
  tunnels: 2000,
  perPrincipal: 200,
  memory: 32 * 1024 * 1024,
  keep: 10 * 60_000,
  idle: 60 * 60_000,
  connect: 10_000,
};

/** Below, a client that confirms every 32 KiB would wait, and one with 512 KiB under way be stopped; above, nothing is gained. */
const windows = { least: 128 * 1024, most: 1024 * 1024 };
/** Milliseconds between two rounds; every so many of them all permissions are asked again. */
const ROUND = 1000;
const REVIEW = 20;

interface Entry {
  readonly sid: string;
  guest: Guest;
  readonly destination: Destination;
  readonly since: number;
  readonly tunnel: Tunnel;
}

/** All tunnels of one edge. */
export class Relay {
  readonly #parts: RelayParts;
  readonly #limits: RelayLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #rounds: NodeJS.Timeout;
  /** Principals whose connection to a host is being made, each as often as it is. */
  readonly #opening: string[] = [];
  #round = 0;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.#limits = { ...defaults, ...parts.limits };
    this.#rounds = setInterval(() => this.#look(), ROUND);
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Why nobody can have another tunnel at the moment; undefined when they can. */
  full(principal: string): string | undefined {
    const all = [...this.#opening, ...[...this.#entries.values()].map((it) => it.guest.principal)];
    if (all.length >= this.#limits.tunnels) return 'there are too many tunnels at the moment';
    const own = all.filter((it) => it === principal).length;
    return own >= this.#limits.perPrincipal ? `${principal} has ${own} tunnels already` : undefined;
  }

  /** Connects to the host; the client hears of it when that connection stands. */
  open(socket: WebSocket, destination: Destination, guest: Guest): void {
    const { address: host, port } = destination;
    // Asked before, but others may have come in the same moment.
    const full = this.full(guest.principal);
    if (full !== undefined) {
      relaySocket(socket, { onMessage: () => {}, onClose: () => {} }).close(closeCodes.failedToConnect, full);
      return;
    }
    const backend = connect({ host, port, localAddress: this.#parts.source(), allowHalfOpen: true });
    let tunnel: Tunnel | undefined;
    let left = false;
    this.#opening.push(guest.principal);
    const wire = relaySocket(socket, {
      onMessage: (message) => {
        if (tunnel === undefined) wire.close(closeCodes.invalidData, 'the connection to the host does not stand yet');
        else tunnel.message(wire, message);
      },
      onClose: (end) => {
        left = true;
        if (tunnel === undefined) backend.destroy();
        else tunnel.closed(wire, end);
      },
    });
    const late = setTimeout(
      () => backend.destroy(Object.assign(new RangeError('late'), { code: 'ETIMEDOUT' })),
      this.#limits.connect,
    );
    const refused = (error: NodeJS.ErrnoException): void => {
      const reason = unreachable(destination, error.code);
      this.#log('tunnel.failed', { guest, destination }, { reason });
      wire.close(closeCodes.failedToConnect, reason);
    };
    backend.once('error', refused);
    backend.once('connect', () => {
      backend.off('error', refused);
      if (left) backend.destroy();
      else tunnel = this.#begin(wire, { backend, destination, guest });
    });
    // Whichever way it went: from here on the tunnel itself is what counts.
    const settled = (): void => {
      if (!pending) return;
      pending = false;
      clearTimeout(late);
      this.#opening.splice(this.#opening.indexOf(guest.principal), 1);
    };
    let pending = true;
    backend.once('connect', settled).once('close', settled);
  }

  /** A client that lost its connection. Somebody else's session is as unknown as one that never was. */
  async comeBack(socket: WebSocket, sid: string, received: number, guest: Guest): Promise<void> {
    const entry = this.#entries.get(sid);
    let away = false;
    const wire = relaySocket(socket, {
      onMessage: (message) => entry?.tunnel.message(wire, message),
      onClose: (end) => {
        away = true;
        entry?.tunnel.closed(wire, end);
      },
    });
    if (entry === undefined || entry.guest.principal !== guest.principal) {
      wire.close(closeCodes.sidUnknown, 'there is no such session; it is over, or the relay was restarted');
      return;
    }
    const verdict = await guest.still(entry.destination);
    if (!verdict.allowed) {
      wire.close(closeCodes.notAuthorized, verdict.reason);
      return;
    }
    if (away || !this.#entries.has(sid)) return wire.cut();
    entry.guest = guest;
    entry.tunnel.comeBack(wire, received);
    this.#log('tunnel.resumed', entry, entry.tunnel.bytes);
  }

  /** Asks for every tunnel whether it may still be; ends those that may not. */
  async review(): Promise<void> {
    const asked = [...this.#entries.values()].map(async ({ guest, destination, tunnel }) => {
      const verdict = await guest.still(destination);
      if (!verdict.allowed) tunnel.end({ code: closeCodes.notAuthorized, reason: verdict.reason });
    });
    await Promise.all(asked);
  }

  stop(): void {
    clearInterval(this.#rounds);
    for (const { tunnel } of this.#entries.values())
      tunnel.end({ code: closeCodes.unknownError, reason: 'the relay is being stopped' });
  }

  #begin(
    wire: RelaySocket,
    it: Pick<Entry, 'destination' | 'guest'> & { readonly backend: import('node:net').Socket },
  ) {
    const sid = randomBytes(24).toString('base64url');
    const { now } = this.#parts;
    const tunnel = new Tunnel({
      backend: it.backend,
      window: () => this.#window(),
      now,
      onOver: (end) => this.#forget(sid, end),
    });
    const entry: Entry = { sid, guest: it.guest, destination: it.destination, since: now(), tunnel };
    this.#entries.set(sid, entry);
    this.#log('tunnel.opened', entry, {});
    tunnel.begin(wire, sid);
    return tunnel;
  }

  #forget(sid: string, { code, reason }: Closing): void {
    const entry = this.#entries.get(sid);
    if (entry === undefined) return;
    this.#entries.delete(sid);
    const seconds = Math.round((this.#parts.now() - entry.since) / 1000);
    this.#log('tunnel.closed', entry, { ...entry.tunnel.bytes, seconds, code, reason });
  }

  #window(): number {
    const share = this.#limits.memory / Math.max(1, this.#entries.size);
    return Math.min(windows.most, Math.max(windows.least, share));
  }

  #look(): void {
    const now = this.#parts.now();
    for (const { tunnel } of [...this.#entries.values()]) {
      tunnel.tick();
      if (tunnel.detachedAt !== undefined && now - tunnel.detachedAt > this.#limits.keep)
        tunnel.end({ code: closeCodes.unknownError, reason: 'the client did not come back' });
      else if (now - tunnel.lastUse > this.#limits.idle)
        tunnel.end({ code: closeCodes.unknownError, reason: 'it was not used for too long' });
    }
    this.#round += 1;
    if (this.#round % REVIEW === 0) void this.review();
  }

  #log(event: string, it: Pick<Entry, 'guest' | 'destination'> & { readonly sid?: string }, more: object): void {
    const { principal, address } = it.guest;
    this.#parts.log(event, {
      principal,
      client: address,
      ...it.destination,
      // Enough to tell sessions apart, and too little to take one over.
      ...(it.sid === undefined ? {} : { session: it.sid.slice(0, 8) }),
      ...more,
    });
  }
}

/** Why a host could not be reached, and what to do about it, within the 123 bytes of a closing word. */
function unreachable({ instance, port }: Destination, code: string | undefined): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing listens on port ${port} of ${instance}`;
    case 'ETIMEDOUT':
      return `port ${port} of ${instance} does not answer; is there a firewall rule that lets 35.235.240.0/20 in?`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `${instance} cannot be reached; does it run?`;
    default:
      return `port ${port} of ${instance} cannot be reached: ${code ?? 'unknown'}`;
  }
}
