import { closeCodes, RelayViolation } from './closing.ts';
import { DATA_LIMIT, decodeFrame, encodeFrame } from './frames.ts';

/** One WebSocket connection, as a session uses it. */
export interface Wire {
  /** Sends one message. What cannot be delivered any more is dropped; the session sends it again on the next wire. */
  send(message: Buffer): void;
  /** Stops taking messages until {@link resume}; a few that were read already may still come. */
  pause(): void;
  resume(): void;
}

export interface SessionParts {
  /** Bytes that may be on their way without being confirmed. More is not taken from the local side. */
  readonly window: () => number;
  /** Takes bytes that came. False: nothing more please, until {@link Session.drained}. */
  readonly deliver: (bytes: Buffer) => boolean;
  /** There is room again for what {@link Session.write} had to refuse. */
  readonly onRoom: () => void;
}

/** Received bytes after which they are confirmed at once. */
export const ACK_EVERY = 32_768;
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
  /** Bytes given to us so far, those confirmed, those received, and those of them that we have confirmed. */
  #written = 0;
  #confirmed = 0;
  #received = 0;
  #acknowledged = 0;
  #full = false;
  #stalled = false;

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

  get hasRoom(): boolean {
    return this.unconfirmed < this.#parts.window() && this.#pieces.length < PIECES;
  }

  /** Sends bytes, now or on the next wire. They are always taken; false asks to wait for `onRoom` before the next. */
  write(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length; at += DATA_LIMIT) {
      const piece = bytes.subarray(at, at + DATA_LIMIT);
      this.#pieces.push(piece);
      this.#written += piece.length;
      this.#wire?.send(encodeFrame({ kind: 'data', bytes: piece }));
    }
    this.#full = !this.hasRoom;
    return !this.#full;
  }

  /** Begins on a new connection of a new session. */
  attach(wire: Wire): void {
    this.#wire = wire;
    if (this.#stalled) wire.pause();
    for (const bytes of this.#pieces) wire.send(encodeFrame({ kind: 'data', bytes }));
  }

  /** Whether the other end may go on from there: neither before what it has confirmed nor beyond what was written. */
  covers(received: number): boolean {
    return received >= this.#confirmed && received <= this.#written;
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
    // What was received is told at the reconnection.
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
    if (!this.#stalled) return;
    this.#stalled = false;
    this.#wire?.resume();
  }

  /** Confirms what came and was not much: the other end must not keep it for ever. */
  tick(): void {
    if (this.#received > this.#acknowledged) this.#acknowledge();
  }

  #takeData(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#received += bytes.length;
    const more = this.#parts.deliver(bytes);
    if (this.#received - this.#acknowledged > ACK_EVERY) this.#acknowledge();
    if (more || this.#stalled) return;
    this.#stalled = true;
    this.#wire?.pause();
  }

  #takeAck(received: number): void {
    if (!this.covers(received))
      throw new RelayViolation(
        closeCodes.invalidAck,
        `${received} bytes are confirmed of ${this.#written}, after ${this.#confirmed}`,
      );
    this.#confirm(received);
    this.#makeRoom();
  }

  #acknowledge(): void {
    if (this.#wire === undefined) return;
    this.#acknowledged = this.#received;
    this.#wire.send(encodeFrame({ kind: 'ack', received: this.#received }));
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
    const [first] = this.#pieces;
    if (left > 0 && first !== undefined) this.#pieces[0] = first.subarray(left);
  }

  #makeRoom(): void {
    if (!this.#full || !this.hasRoom) return;
    this.#full = false;
    this.#parts.onRoom();
  }
}
