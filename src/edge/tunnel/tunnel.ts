import type { Socket } from 'node:net';
import { type Closing, closeCodes, RelayViolation } from './closing.ts';
import { encodeFrame } from './frames.ts';
import { Session } from './session.ts';
import type { RelaySocket } from './socket.ts';

export interface TunnelParts {
  /** The connection to the host; it stands. With `allowHalfOpen`, else its last bytes could be lost. */
  readonly backend: Socket;
  readonly window: () => number;
  readonly now: () => number;
  /** Called once; nothing of the tunnel is left then. */
  readonly onOver: (end: Closing) => void;
}

/** Milliseconds for what a client sent last to reach the host. */
const FLUSH = 30_000;

/**
 * One relayed connection: a TCP connection to a host, and the WebSocket that a client has at the moment, if any. It ends
 * when the host or the client ends it, and not when the client's line breaks.
 */
export class Tunnel {
  readonly #parts: TunnelParts;
  readonly #session: Session;
  #socket: RelaySocket | undefined;
  /** The host has ended the connection; the client is told as soon as it has everything. */
  #ending: Closing | undefined;
  #over = false;
  #lastUse: number;
  #detachedAt: number | undefined;

  constructor(parts: TunnelParts) {
    this.#parts = parts;
    this.#lastUse = parts.now();
    const { backend } = parts;
    this.#session = new Session({
      window: parts.window,
      deliver: (bytes) => this.#toBackend(bytes),
      onRoom: () => backend.resume(),
    });
    backend.setNoDelay(true);
    backend.on('data', (chunk: Buffer) => {
      this.#lastUse = parts.now();
      if (!this.#session.write(chunk)) backend.pause();
    });
    backend.on('drain', () => this.#session.drained());
    backend.on('end', () => this.#end({ code: closeCodes.normal, reason: 'the host ended the connection' }));
    backend.on('error', (error: NodeJS.ErrnoException) =>
      this.#end({ code: closeCodes.readFailed, reason: `the connection to the host broke: ${error.code}` }),
    );
  }

  /** Bytes from the client, and to it. */
  get bytes(): { readonly received: number; readonly sent: number } {
    return { received: this.#session.received, sent: this.#session.written };
  }

  /** Milliseconds since the epoch at which the last byte went either way. */
  get lastUse(): number {
    return this.#lastUse;
  }

  /** Since when no client is there; undefined while one is. */
  get detachedAt(): number | undefined {
    return this.#detachedAt;
  }

  /** The first connection of the client. */
  begin(socket: RelaySocket, sid: string): void {
    this.#socket = socket;
    socket.send(encodeFrame({ kind: 'connected', sid }));
    this.#session.attach(socket);
    this.#sayEnd();
  }

  /** The client is back and has received so much. Whoever was there before is told that it is no longer. */
  comeBack(socket: RelaySocket, received: number): void {
    if (!this.#session.covers(received)) {
      socket.close(closeCodes.badAck, `${received} bytes were never sent, or are confirmed already`);
      return;
    }
    const former = this.#socket;
    this.#session.detach();
    this.#socket = socket;
    this.#detachedAt = undefined;
    former?.close(closeCodes.sidInUse, 'the session is used by another connection');
    socket.send(encodeFrame({ kind: 'reconnected', received: this.#session.received }));
    this.#session.resume(socket, received);
    this.#sayEnd();
  }

  message(from: RelaySocket, message: Buffer): void {
    if (from !== this.#socket || this.#over) return;
    try {
      this.#session.take(message);
      this.#sayEnd();
    } catch (error) {
      if (!(error instanceof RelayViolation)) throw error;
      this.end(error);
    }
  }

  closed(from: RelaySocket, how: { readonly lost: boolean; readonly code: number }): void {
    if (from !== this.#socket || this.#over) return;
    this.#socket = undefined;
    this.#session.detach();
    const heard = this.#ending !== undefined && this.#session.unconfirmed === 0;
    if (how.lost && !heard) this.#detachedAt = this.#parts.now();
    else if (this.#ending !== undefined) this.#finish(this.#ending);
    else this.#clientLeft(how.code);
  }

  /** Confirms what is due. */
  tick(): void {
    this.#session.tick();
  }

  /** Ends it at once, and says why. */
  end(why: Closing): void {
    this.#socket?.close(why.code, why.reason);
    this.#finish(why);
  }

  #toBackend(bytes: Buffer): boolean {
    this.#lastUse = this.#parts.now();
    const { backend } = this.#parts;
    // A host that has hung up gets nothing more; what a client still sends is of no use to anybody.
    if (!backend.writable) return true;
    // Messages that came together go on together.
    if (backend.writableCorked === 0) {
      backend.cork();
      process.nextTick(() => backend.uncork());
    }
    return backend.write(bytes);
  }

  #end(why: Closing): void {
    if (this.#ending !== undefined || this.#over) return;
    this.#ending = why;
    this.#sayEnd();
  }

  /** Said once everything has been sent; when the line breaks just then, the client comes back and gets the rest again. */
  #sayEnd(): void {
    if (this.#ending === undefined) return;
    // Nobody is there, and whoever was there has everything: there is nothing to come back for.
    if (this.#socket === undefined && this.#session.unconfirmed === 0) this.#finish(this.#ending);
    else if (this.#session.hasSentAll) this.#socket?.close(this.#ending.code, this.#ending.reason);
  }

  /** Its last bytes go to the host before the connection ends. */
  #clientLeft(code: number): void {
    const { backend } = this.#parts;
    const why = { code, reason: 'the client ended the connection' };
    if (!backend.writable) {
      this.#finish(why);
      return;
    }
    this.#session.flush();
    backend.removeAllListeners('data').resume();
    const late = setTimeout(() => backend.destroy(), FLUSH);
    backend.end(() => backend.destroy());
    backend.once('close', () => {
      clearTimeout(late);
      this.#finish(why);
    });
  }

  #finish(why: Closing): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket = undefined;
    this.#session.detach();
    this.#parts.backend.destroy();
    this.#parts.onOver(why);
  }
}
