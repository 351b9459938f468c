import { formatAddress } from '#lib/ip.ts';

/**
 * The elements of HAProxy's Stream Processing Offload Protocol (doc/SPOE.txt of HAProxy 2.6, part 3.1): variable-length
 * integers and typed values. Pure; what cannot be read throws a {@link FrameFault}.
 */

/** Status codes of the protocol that we send (part 3.5). */
export const faultCodes = {
  timeout: 2,
  tooBig: 3,
  invalid: 4,
  noVersion: 5,
  noFrameSize: 6,
  noCapabilities: 7,
  unsupportedVersion: 8,
  badFrameSize: 9,
  fragmented: 10,
} as const;

/** What is wrong with what came; both sides close the connection after one. */
export class FrameFault extends RangeError {
  override readonly name = 'FrameFault';
  readonly code: number;

  constructor(kind: keyof typeof faultCodes, message: string) {
    super(message);
    this.code = faultCodes[kind];
  }
}

/** A value of a message or of an action. Addresses are texts. */
export type Value = null | boolean | number | string | Uint8Array;

/** Reads from left to right; never past the end. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new FrameFault('invalid', 'the frame ends too early');
    this.#at += 1;
    return byte;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new FrameFault('invalid', 'the frame ends too early');
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  /** One byte up to 239, then seven bits more with each byte. Numbers beyond 2^53 are refused: nobody here has any. */
  varint(): number {
    let value = this.byte();
    if (value < 240) return value;
    for (let scale = 16; ; scale *= 128) {
      const byte = this.byte();
      value += byte * scale;
      if (!Number.isSafeInteger(value)) throw new FrameFault('invalid', 'a number is too large');
      if (byte < 128) return value;
    }
  }

  text(): string {
    return this.take(this.varint()).toString('utf8');
  }

  value(): Value {
    const head = this.byte();
    switch (head & 15) {
      case 0:
        return null;
      case 1:
        return (head & 16) !== 0;
      case 2:
      case 3:
      case 4:
      case 5:
        return this.varint();
      case 6:
        return formatAddress(this.take(4).readUInt32BE());
      case 7:
        return sixText(this.take(16));
      case 8:
        return this.text();
      case 9:
        return Uint8Array.from(this.take(this.varint()));
      default:
        throw new FrameFault('invalid', `there is no type ${head & 15}`);
    }
  }
}

/** Eight groups in hexadecimal, none left out: one spelling for each address. */
const sixText = (bytes: Buffer): string =>
  Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)).join(':');

/** Writes one thing after the other. */
export class Writer {
  readonly #parts: Buffer[] = [];

  byte(value: number): this {
    this.#parts.push(Buffer.of(value));
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes));
    return this;
  }

  varint(value: number): this {
    if (value < 240) return this.byte(value);
    const bytes = [(value % 16) | 240];
    let rest = Math.floor((value - 240) / 16);
    while (rest >= 128) {
      bytes.push((rest % 128) | 128);
      rest = Math.floor((rest - 128) / 128);
    }
    bytes.push(rest);
    this.#parts.push(Buffer.from(bytes));
    return this;
  }

  text(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    return this.varint(bytes.length).raw(bytes);
  }

  /** Numbers go as 64-bit integers; they must not be negative. */
  value(value: Value): this {
    if (value === null) return this.byte(0);
    if (typeof value === 'boolean') return this.byte(value ? 17 : 1);
    if (typeof value === 'number') return this.byte(4).varint(value);
    if (typeof value === 'string') return this.byte(8).text(value);
    return this.byte(9).varint(value.length).raw(value);
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
