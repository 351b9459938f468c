import { closeCodes, RelayViolation } from './closing.ts';
import { DATA_LIMIT, decodeFrame, encodeFrame } from './frames.ts';

/** One WebSocket connection, as a session uses it. */
export interface Wire {
  /** What is sent meanwhile goes out together. */
  batch(send: () => void): void;
  /** Sends one message. What cannot be delivered any more is dropped; the session sends it again on the next wire. */
  send(message: Buffer): void;
  /** Stops taking messages until {@link resume}; a few that were read already may still come. */
  pause(): void;
  resume(): void;
}

export interface SessionParts {
  /** Bytes that may be on their way without being confirmed. More is not taken from the local side. */
  readonly window: () => number;
  /** Takes bytes that came. False: no more please, until {@link Session.drained}. */
  readonly deliver: (bytes: Buffer) => boolean;
  /** There is room again for what {@link Session.write} had to refuse. */
  readonly onRoom: () => void;
}

/** Delivered bytes after which they are confirmed at once. */
export const ACK_EVERY = 32_768;
/**
 * Windows that are kept for a local side that takes nothing, before the wire is stopped. Whoever minds confirmations never
 * gets there; that matters, because behind a stopped wire wait confirmations for the other direction as well. While it is
 * stopped all the same, that direction may go on for so many windows.
 */
const BACKLOG = 8;
/** Pieces that may wait for their confirmation: a thousand single keystrokes cost more than their bytes. */
const PIECES = 4096;

/**
 * One end of a relayed TCP connection that outlives its WebSocket: it keeps what the other end has not confirmed, and
 * counts what it has received, so that after a reconnection nothing is lost and nothing comes twice. Both ends are alike;
 * they differ in who sends the first frame of a wire. No clock: whoever owns it calls {@link tick} every second or so.
 */
export class Session {
  readonly #parts: SessionParts;
  readonly #pieces: Buffer[] = [];
  #wire: Wire | undefined;
  /** Pieces that went out on the present wire, up to which byte, and the furthest byte that ever did on any. */
  #out = 0;
  #sent = 0;
  #reached = 0;
  /** Bytes given to us so far, those confirmed, those received, and those of them that we have confirmed. */
  #written = 0;
  #confirmed = 0;
  #received = 0;
  #acknowledged = 0;
  /** What the local side has not taken. */
  #backlog: Buffer[] = [];
  #waiting = 0;
  #blocked = false;
  #stopped = false;
  #full = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  get attached(): boolean {
    return this.#wire !== undefined;
  }

  /** Bytes received so far: the `ack` of a reconnection. */
  get received(): number {
    return this.#received;
  }

  get written(): number {
    return this.#written;
  }

  /** Bytes that the other end has not confirmed. */
  get unconfirmed(): number {
    return this.#written - this.#confirmed;
  }

  /** Whether everything has gone out on the present wire. */
  get hasSentAll(): boolean {
    return this.#out === this.#pieces.length;
  }

  get hasRoom(): boolean {
    return this.unconfirmed < this.#window && this.#pieces.length < PIECES;
  }

  get #window(): number {
    return this.#parts.window() * (this.#stopped ? BACKLOG : 1);
  }

  /**
   * Sends bytes: at once as far as the window reaches, the rest as confirmations come. They are always taken; false asks to
   * wait for `onRoom` before the next.
   */
  write(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length; at += DATA_LIMIT) {
      const piece = bytes.subarray(at, at + DATA_LIMIT);
      this.#pieces.push(piece);
      this.#written += piece.length;
    }
    this.#pump();
    this.#full = !this.hasRoom;
    return !this.#full;
  }

  /** Begins on a new connection of a new session. */
  attach(wire: Wire): void {
    this.#wire = wire;
    if (this.#stopped) wire.pause();
    [this.#out, this.#sent] = [0, this.#confirmed];
    this.#pump();
  }

  /** Whether the other end may go on from there: neither before what it has confirmed nor beyond what was ever sent. */
  covers(received: number): boolean {
    return received >= this.#confirmed && received <= this.#reached;
  }

  /** Goes on where the other end is: it says what it has received. Throws a RelayViolation when that cannot be. */
  resume(wire: Wire, received: number): void {
    if (!this.covers(received))
      throw new RelayViolation(closeCodes.badAck, `${received} bytes were never sent, or are confirmed already`);
    this.#confirm(received);
    this.attach(wire);
    this.#makeRoom();
  }

  /** The wire is gone; what comes late from it must not be given to {@link take} any more. */
  detach(): void {
    this.#wire = undefined;
    // What was received is told at the reconnection, and no confirmation may say less after that.
    this.#acknowledged = this.#received;
  }

  /** Takes a DATA or ACK message of the present wire. Throws a RelayViolation for what may not come here. */
  take(message: Buffer): void {
    const frame = decodeFrame(message);
    if (frame.kind === 'data') this.#takeData(frame.bytes);
    else if (frame.kind === 'ack') this.#takeAck(frame.received);
    else if (frame.kind !== 'unknown')
      throw new RelayViolation(closeCodes.invalidTag, `a frame "${frame.kind}" does not belong here`);
  }

  /** The local side takes bytes again. */
  drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    while (!this.#blocked) {
      const next = this.#backlog.shift();
      if (next === undefined) break;
      this.#waiting -= next.length;
      this.#deliver(next);
    }
    if (!this.#stopped || this.#waiting > this.#parts.window()) return;
    this.#stopped = false;
    this.#wire?.resume();
  }

  /** Gives the local side everything that came, whether it likes it or not: there will be no more. */
  flush(): void {
    for (const bytes of this.#backlog.splice(0)) this.#parts.deliver(bytes);
    this.#waiting = 0;
  }

  /** Confirms what was delivered and was not much: the other end must not keep it for ever. */
  tick(): void {
    if (this.#delivered > this.#acknowledged) this.#acknowledge();
  }

  get #delivered(): number {
    return this.#received - this.#waiting;
  }

  #takeData(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#received += bytes.length;
    if (!this.#blocked) {
      this.#deliver(bytes);
      return;
    }
    this.#backlog.push(bytes);
    this.#waiting += bytes.length;
    if (this.#stopped || this.#waiting < this.#parts.window() * BACKLOG) return;
    this.#stopped = true;
    this.#wire?.pause();
    this.#pump();
    this.#makeRoom();
  }

  #deliver(bytes: Buffer): void {
    this.#blocked = !this.#parts.deliver(bytes);
    if (this.#delivered - this.#acknowledged > ACK_EVERY) this.#acknowledge();
  }

  #takeAck(received: number): void {
    if (!this.covers(received))
      throw new RelayViolation(
        closeCodes.invalidAck,
        `${received} bytes are confirmed of ${this.#reached}, after ${this.#confirmed}`,
      );
    this.#confirm(received);
    this.#pump();
    this.#makeRoom();
  }

  #acknowledge(): void {
    if (this.#wire === undefined) return;
    this.#acknowledged = this.#delivered;
    this.#wire.send(encodeFrame({ kind: 'ack', received: this.#acknowledged }));
  }

  #confirm(received: number): void {
    let left = received - this.#confirmed;
    this.#confirmed = received;
    let whole = 0;
    for (const piece of this.#pieces) {
      if (piece.length > left) break;
      left -= piece.length;
      whole += 1;
    }
    this.#pieces.splice(0, whole);
    this.#out = Math.max(0, this.#out - whole);
    const [first] = this.#pieces;
    if (left > 0 && first !== undefined) this.#pieces[0] = first.subarray(left);
  }

  /** Whole pieces, as long as the window is not full. */
  #pump(): void {
    const wire = this.#wire;
    if (wire === undefined || this.hasSentAll) return;
    wire.batch(() => {
      while (this.#sent - this.#confirmed < this.#window) {
        const piece = this.#pieces[this.#out];
        if (piece === undefined) return;
        this.#out += 1;
        this.#sent += piece.length;
        this.#reached = Math.max(this.#reached, this.#sent);
        wire.send(encodeFrame({ kind: 'data', bytes: piece }));
      }
    });
  }

  #makeRoom(): void {
    if (!this.#full || !this.hasRoom) return;
    this.#full = false;
    this.#parts.onRoom();
  }
}
