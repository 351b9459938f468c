import { Problem } from '#core/problem.ts';

/**
 * VICI, the protocol by which strongSwan is configured and watched (README.md of its plugin `vici`): frames with a length
 * of 32 bits, in each a packet of one type, in some of them a name, in most a message of nested sections.
 */

export type ViciValue = string | readonly string[] | ViciMessage;
export interface ViciMessage {
  readonly [key: string]: ViciValue;
}

export type Packet =
  | { readonly type: 'request' | 'event'; readonly name: string; readonly message: ViciMessage }
  | { readonly type: 'response'; readonly message: ViciMessage }
  | { readonly type: 'register' | 'unregister'; readonly name: string }
  | { readonly type: 'unknownCommand' | 'confirmed' | 'unknownEvent' };

const types = [
  'request',
  'response',
  'unknownCommand',
  'register',
  'unregister',
  'confirmed',
  'unknownEvent',
  'event',
] as const;

const element = { sectionStart: 1, sectionEnd: 2, keyValue: 3, listStart: 4, listItem: 5, listEnd: 6 } as const;

/** Bytes of one frame; charon drops who sends more. */
const LARGEST = 512 * 1024;

const faulty = (message: string): Problem =>
  new Problem('ENGINE_FAILED', {
    at: 'vici',
    message,
    fix: 'Report it: strongSwan and Vauban do not understand each other.',
  });

/** A packet as it goes over the socket, with its length. */
export function encodePacket(packet: Packet): Buffer {
  const parts: Buffer[] = [Buffer.from([types.indexOf(packet.type)])];
  if ('name' in packet) parts.push(named(packet.name));
  if ('message' in packet) parts.push(encodeMessage(packet.message));
  const body = Buffer.concat(parts);
  if (body.length > LARGEST) throw faulty(`a message of ${body.length} bytes is too long`);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

export function encodeMessage(message: ViciMessage): Buffer {
  const parts: Buffer[] = [];
  for (const [key, value] of Object.entries(message)) {
    if (typeof value === 'string') parts.push(Buffer.from([element.keyValue]), named(key), blob(value));
    else if (isList(value)) {
      parts.push(Buffer.from([element.listStart]), named(key));
      for (const it of value) parts.push(Buffer.from([element.listItem]), blob(it));
      parts.push(Buffer.from([element.listEnd]));
    } else {
      parts.push(Buffer.from([element.sectionStart]), named(key), encodeMessage(value));
      parts.push(Buffer.from([element.sectionEnd]));
    }
  }
  return Buffer.concat(parts);
}

const isList = (value: ViciValue): value is readonly string[] => Array.isArray(value);

function named(name: string): Buffer {
  const bytes = Buffer.from(name, 'utf8');
  if (bytes.length === 0 || bytes.length > 255) throw faulty(`a name of ${bytes.length} bytes`);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function blob(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length > 65_535) throw faulty(`a value of ${bytes.length} bytes`);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** What a frame holds, without its length. Throws for what is cut off or out of order. */
export function decodePacket(frame: Buffer): Packet {
  const reader = readerOf(frame);
  const type = types[reader.byte()];
  switch (type) {
    case 'request':
    case 'event': {
      const name = reader.name();
      return { type, name, message: messageOf(reader) };
    }
    case 'response':
      return { type, message: messageOf(reader) };
    case 'register':
    case 'unregister':
      return { type, name: reader.name() };
    case undefined:
      throw faulty('a packet of an unknown type');
    default:
      return { type };
  }
}

export const decodeMessage = (bytes: Buffer): ViciMessage => messageOf(readerOf(bytes));

interface Reader {
  readonly ended: () => boolean;
  readonly byte: () => number;
  readonly name: () => string;
  readonly value: () => string;
}

function readerOf(bytes: Buffer): Reader {
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw faulty('a message that is cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const byte = (): number => take(1).readUInt8();
  return {
    ended: () => at === bytes.length,
    byte,
    name: () => take(byte()).toString('utf8'),
    value: () => take(take(2).readUInt16BE()).toString('utf8'),
  };
}

/** Deeper than charon nests anything. */
const DEEPEST = 32;

function messageOf(reader: Reader, depth = 0): ViciMessage {
  if (depth > DEEPEST) throw faulty('sections within sections without end');
  // A key may have any name, `__proto__` too.
  const entries = new Map<string, ViciValue>();
  while (!reader.ended()) {
    const kind = reader.byte();
    if (kind === element.sectionEnd && depth > 0) return Object.fromEntries(entries);
    const key = reader.name();
    if (kind === element.keyValue) entries.set(key, reader.value());
    else if (kind === element.sectionStart) entries.set(key, messageOf(reader, depth + 1));
    else if (kind === element.listStart) entries.set(key, listOf(reader));
    else throw faulty(`an element of type ${kind} in a section`);
  }
  if (depth > 0) throw faulty('a section without an end');
  return Object.fromEntries(entries);
}

function listOf(reader: Reader): readonly string[] {
  const items: string[] = [];
  for (;;) {
    const kind = reader.byte();
    if (kind === element.listEnd) return items;
    if (kind !== element.listItem) throw faulty(`an element of type ${kind} in a list`);
    items.push(reader.value());
  }
}

/** Cuts what comes over the socket into frames, however it is split. */
export function frames(): (chunk: Buffer) => readonly Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const out: Buffer[] = [];
    while (rest.length >= 4) {
      const length = rest.readUInt32BE();
      if (length > LARGEST) throw faulty(`a frame of ${length} bytes`);
      if (rest.length < 4 + length) break;
      out.push(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
    return out;
  };
}

/** The text of a key; empty when it is not there or is none. */
export const textAt = (message: ViciMessage, key: string): string => {
  const value = message[key];
  return typeof value === 'string' ? value : '';
};

export const sectionAt = (message: ViciMessage, key: string): ViciMessage => {
  const value = message[key];
  return typeof value === 'object' && !isList(value) ? value : {};
};

export const listAt = (message: ViciMessage, key: string): readonly string[] => {
  const value = message[key];
  return value !== undefined && typeof value !== 'string' && isList(value) ? value : [];
};
