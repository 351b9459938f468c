/** Frames of an interactive session: one byte of type, four bytes of length (big-endian), the payload. */
export const frameTypes = { input: 0, output: 1, error: 2, resize: 3, exit: 4, end: 5 } as const;
export type FrameType = keyof typeof frameTypes;

const names = Object.keys(frameTypes) as FrameType[];

/** Bytes of one payload at most; more is split by the sender. */
export const FRAME_LIMIT = 1024 * 1024;

export function encodeFrame(type: FrameType, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(frameTypes[type], 0);
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

export const encodeJsonFrame = (type: FrameType, value: unknown): Buffer =>
  encodeFrame(type, Buffer.from(JSON.stringify(value)));

/** Cuts a byte stream into frames. Throws a RangeError on a type or length that nobody sends. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): { readonly type: FrameType; readonly payload: Buffer }[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const frames: { type: FrameType; payload: Buffer }[] = [];
    while (this.#rest.length >= 5) {
      const type = names[this.#rest.readUInt8(0)];
      const length = this.#rest.readUInt32BE(1);
      if (type === undefined || length > FRAME_LIMIT) throw new RangeError('not a frame');
      if (this.#rest.length < 5 + length) break;
      frames.push({ type, payload: this.#rest.subarray(5, 5 + length) });
      this.#rest = this.#rest.subarray(5 + length);
    }
    return frames;
  }
}
