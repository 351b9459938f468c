import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RelayViolation, reasonText } from './closing.ts';
import { DATA_LIMIT, decodeFrame, encodeFrame, MESSAGE_LIMIT, type RelayFrame } from './frames.ts';

const hex = (frame: Parameters<typeof encodeFrame>[0]): string => encodeFrame(frame).toString('hex');

test('frames are those that the cloud’s clients speak, byte for byte', () => {
  expect(hex({ kind: 'connected', sid: 'abc' })).toBe('0001 00000003 616263'.replaceAll(' ', ''));
  expect(hex({ kind: 'reconnected', received: 258 })).toBe('0002 0000000000000102'.replaceAll(' ', ''));
  expect(hex({ kind: 'data', bytes: Buffer.from('hi') })).toBe('0004 00000002 6869'.replaceAll(' ', ''));
  expect(hex({ kind: 'ack', received: 2 ** 40 })).toBe('0007 0000010000000000'.replaceAll(' ', ''));
});

const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const known = fc.oneof(
  fc.record({ kind: fc.constant('connected' as const), sid: fc.string({ maxLength: 100 }) }),
  fc.record({ kind: fc.constant('reconnected' as const), received: count }),
  fc.record({
    kind: fc.constant('data' as const),
    bytes: fc.uint8Array({ maxLength: DATA_LIMIT }).map((it) => Buffer.from(it)),
  }),
  fc.record({ kind: fc.constant('ack' as const), received: count }),
);

test('what is encoded is decoded again, with anything behind it', () => {
  fc.assert(
    fc.property(known, fc.uint8Array({ maxLength: 20 }), (frame, more) => {
      const message = encodeFrame(frame);
      expect(message.length).toBeLessThanOrEqual(MESSAGE_LIMIT);
      expect(decodeFrame(message)).toEqual(frame);
      expect(decodeFrame(Buffer.concat([message, more]))).toEqual(frame);
    }),
    { numRuns: 300 },
  );
});

/** Bytes that look a little like a frame get further into the decoder than mere noise. */
const almost = fc
  .tuple(fc.integer({ min: 0, max: 12 }), fc.uint8Array({ maxLength: 40 }))
  .map(([tag, rest]) => Buffer.from([0, tag, ...rest]));

test('whatever comes is a frame or a violation with a code, never anything else', () => {
  fc.assert(
    fc.property(fc.oneof(almost, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      try {
        const frame: RelayFrame = decodeFrame(Buffer.from(bytes));
        expect(['connected', 'reconnected', 'data', 'ack', 'unknown']).toContain(frame.kind);
      } catch (error) {
        expect(error).toBeInstanceOf(RelayViolation);
        expect((error as RelayViolation).code).toBe(4013);
      }
    }),
    { numRuns: 3000 },
  );
});

test('frames that are too short, too long or count beyond reason are refused', () => {
  const refused = (text: string) => {
    try {
      decodeFrame(Buffer.from(text.replaceAll(' ', ''), 'hex'));
      return undefined;
    } catch (error) {
      return error instanceof RelayViolation ? error.code : error;
    }
  };
  expect(refused('00')).toBe(4013);
  expect(refused('0004')).toBe(4013);
  expect(refused('0004 00000002 61')).toBe(4013);
  expect(refused('0004 00004001')).toBe(4013);
  expect(refused('0004 ffffffff 61')).toBe(4013);
  expect(refused('0007 00000000000001')).toBe(4013);
  expect(refused('0007 0020000000000000')).toBe(4013);
  expect(refused('0003 00')).toBeUndefined();
});

test('a reason fits into a close frame and is never cut inside a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
      const cut = reasonText(text);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(123);
      expect(text.startsWith(cut)).toBe(true);
      expect(cut).not.toMatch(/[\uD800-\uDBFF]$/);
    }),
  );
});
