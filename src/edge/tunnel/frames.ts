import { closeCodes, RelayViolation } from './closing.ts';

/**
 * Messages of the TCP relay, as the cloud's clients speak it: one binary WebSocket message each, a tag of two bytes, then
 * what it carries, big-endian. What follows after a frame in the same message is ignored, as those clients do.
 */
export type RelayFrame =
  /** From the relay, first on a new session: its id, to come back with. */
  | { readonly kind: 'connected'; readonly sid: string }
  /** From the relay, first after a reconnection: bytes that it has received from the client so far. */
  | { readonly kind: 'reconnected'; readonly received: number }
  | { readonly kind: 'data'; readonly bytes: Buffer }
  /** Bytes received so far in that direction. */
  | { readonly kind: 'ack'; readonly received: number }
  /** A tag that this version does not know; to be passed over. */
  | { readonly kind: 'unknown'; readonly tag: number };

const tags = { connected: 1, reconnected: 2, data: 4, ack: 7 } as const;

/** Bytes of one DATA frame at most. */
export const DATA_LIMIT = 16_384;
/** Bytes of a session id at most. */
export const SID_LIMIT = 1024;
/** Bytes of a whole message at most: a DATA frame with its head, or a session id; more is nobody's. */
export const MESSAGE_LIMIT = 6 + DATA_LIMIT;
/** Sessions are counted in numbers that JavaScript holds exactly: 8 PiB. */
const COUNT_LIMIT = BigInt(Number.MAX_SAFE_INTEGER);

const HEAD = 2;

function withBytes(tag: number, bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD + 4 + bytes.length);
  frame.writeUInt16BE(tag, 0);
  frame.writeUInt32BE(bytes.length, HEAD);
  frame.set(bytes, HEAD + 4);
  return frame;
}

function withCount(tag: number, count: number): Buffer {
  const frame = Buffer.allocUnsafe(HEAD + 8);
  frame.writeUInt16BE(tag, 0);
  frame.writeBigUInt64BE(BigInt(count), HEAD);
  return frame;
}

/** A message for a frame. Throws a RangeError for more than {@link DATA_LIMIT} bytes. */
export function encodeFrame(frame: Exclude<RelayFrame, { readonly kind: 'unknown' }>): Buffer {
  switch (frame.kind) {
    case 'connected':
      return withBytes(tags.connected, Buffer.from(frame.sid));
    case 'data':
      if (frame.bytes.length > DATA_LIMIT) throw new RangeError(`a DATA frame of ${frame.bytes.length} bytes`);
      return withBytes(tags.data, frame.bytes);
    case 'reconnected':
      return withCount(tags.reconnected, frame.received);
    case 'ack':
      return withCount(tags.ack, frame.received);
  }
}

/** The frame of a message; its bytes are a view of it. Throws a RelayViolation for anything malformed. */
export function decodeFrame(message: Buffer): RelayFrame {
  if (message.length < HEAD) throw malformed('a message without a tag');
  const tag = message.readUInt16BE(0);
  switch (tag) {
    case tags.connected:
      return { kind: 'connected', sid: bytesOf(message, SID_LIMIT).toString('utf8') };
    case tags.data:
      return { kind: 'data', bytes: bytesOf(message, DATA_LIMIT) };
    case tags.reconnected:
      return { kind: 'reconnected', received: countOf(message) };
    case tags.ack:
      return { kind: 'ack', received: countOf(message) };
    default:
      return { kind: 'unknown', tag };
  }
}

const malformed = (reason: string): RelayViolation => new RelayViolation(closeCodes.invalidData, reason);

function bytesOf(message: Buffer, limit: number): Buffer {
  if (message.length < HEAD + 4) throw malformed('a frame without its length');
  const length = message.readUInt32BE(HEAD);
  if (length > limit) throw malformed(`a frame of ${length} bytes; ${limit} are the limit`);
  if (message.length < HEAD + 4 + length) throw malformed('a frame shorter than it says');
  return message.subarray(HEAD + 4, HEAD + 4 + length);
}

function countOf(message: Buffer): number {
  if (message.length < HEAD + 8) throw malformed('a frame without its count');
  const count = message.readBigUInt64BE(HEAD);
  if (count > COUNT_LIMIT) throw malformed(`a count of ${count} bytes`);
  return Number(count);
}
