import { FrameFault, Reader, type Value, Writer } from './bytes.ts';

/** Frames of the protocol (part 3.2), both ways: what we read HAProxy writes, and the other way round in tests. */

export const frameTypes = {
  hello: 1,
  disconnect: 2,
  notify: 3,
  agentHello: 101,
  agentDisconnect: 102,
  ack: 103,
} as const;

const FIN = 1;

export interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly frame: number;
  readonly payload: Buffer;
}

export type Values = Readonly<Record<string, Value>>;

export interface Message {
  readonly name: string;
  readonly args: Values;
}

/** Sets a variable of the transaction; HAProxy puts the agent's prefix before its name. */
export interface SetVariable {
  readonly name: string;
  readonly value: Value;
}

/** Reads one frame, its length already taken off. Fragments are refused: we never announce that we could join them. */
export function readFrame(bytes: Buffer): Frame {
  const reader = new Reader(bytes);
  const type = reader.byte();
  const flags = reader.take(4).readUInt32BE();
  const stream = reader.varint();
  const frame = reader.varint();
  if (type === 0 || (flags & FIN) === 0) throw new FrameFault('fragmented', 'frames in fragments are not supported');
  const header = 5 + varintLength(stream) + varintLength(frame);
  return { type, stream, frame, payload: bytes.subarray(header) };
}

const varintLength = (value: number): number => new Writer().varint(value).done().length;

/** With its length in front. */
export function writeFrame({ type, stream, frame, payload }: Frame): Buffer {
  const head = new Writer()
    .byte(type)
    .raw(Uint8Array.of(0, 0, 0, FIN))
    .varint(stream)
    .varint(frame)
    .done();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length + payload.length);
  return Buffer.concat([length, head, payload]);
}

export function readValues(payload: Buffer): Values {
  const reader = new Reader(payload);
  const values: [string, Value][] = [];
  while (!reader.done) values.push([reader.text(), reader.value()]);
  return Object.fromEntries(values);
}

/** The payload of a hello or of a disconnect: their numbers are unsigned 32-bit ones. */
export function writeValues(values: Values): Buffer {
  const writer = new Writer();
  for (const [name, value] of Object.entries(values)) {
    writer.text(name);
    if (typeof value === 'number') writer.byte(3).varint(value);
    else writer.value(value);
  }
  return writer.done();
}

export function readMessages(payload: Buffer): readonly Message[] {
  const reader = new Reader(payload);
  const messages: Message[] = [];
  while (!reader.done) {
    const name = reader.text();
    const count = reader.byte();
    const args: [string, Value][] = [];
    for (let index = 0; index < count; index++) args.push([reader.text(), reader.value()]);
    messages.push({ name, args: Object.fromEntries(args) });
  }
  return messages;
}

export function writeMessages(messages: readonly Message[]): Buffer {
  const writer = new Writer();
  for (const { name, args } of messages) {
    const entries = Object.entries(args);
    writer.text(name).byte(entries.length);
    for (const [key, value] of entries) writer.text(key).value(value);
  }
  return writer.done();
}

const SET_VARIABLE = 1;
const TRANSACTION = 2;

export function writeActions(actions: readonly SetVariable[]): Buffer {
  const writer = new Writer();
  for (const { name, value } of actions) writer.byte(SET_VARIABLE).byte(3).byte(TRANSACTION).text(name).value(value);
  return writer.done();
}

export function readActions(payload: Buffer): readonly SetVariable[] {
  const reader = new Reader(payload);
  const actions: SetVariable[] = [];
  while (!reader.done) {
    const [type, count, scope] = [reader.byte(), reader.byte(), reader.byte()];
    if (type !== SET_VARIABLE || count !== 3 || scope !== TRANSACTION)
      throw new FrameFault('invalid', 'another action');
    actions.push({ name: reader.text(), value: reader.value() });
  }
  return actions;
}

/** Cuts a stream of bytes into frames; what is left of a frame waits for more. */
export class FrameCutter {
  #rest: Buffer = Buffer.alloc(0);
  readonly #largest: () => number;

  /** `largest`: bytes that a frame may have, its length left aside. */
  constructor(largest: () => number) {
    this.#largest = largest;
  }

  push(bytes: Buffer): readonly Buffer[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: Buffer[] = [];
    let at = 0;
    while (this.#rest.length - at >= 4) {
      const length = this.#rest.readUInt32BE(at);
      if (length > this.#largest()) throw new FrameFault('tooBig', `a frame of ${length} bytes`);
      if (this.#rest.length - at - 4 < length) break;
      frames.push(this.#rest.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    this.#rest = this.#rest.subarray(at);
    return frames;
  }
}
