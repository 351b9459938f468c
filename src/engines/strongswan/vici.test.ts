import { expect, test } from 'vitest';
import { decodeMessage, decodePacket, encodeMessage, encodePacket, frames, type ViciMessage } from './vici.ts';

/** The example in strongSwan’s own documentation of the protocol. */
const documented: ViciMessage = {
  key1: 'value1',
  section1: { 'sub-section': { key2: 'value2' }, list1: ['item1', 'item2'] },
};
const documentedBytes = [
  ...['\x03\x04key1\x00\x06value1', '\x01\x08section1', '\x01\x0bsub-section', '\x03\x04key2\x00\x06value2', '\x02'],
  ...['\x04\x05list1', '\x05\x00\x05item1', '\x05\x00\x05item2', '\x06', '\x02'],
].join('');

test('the documented example has the documented bytes, both ways', () => {
  expect(encodeMessage(documented).toString('latin1')).toBe(documentedBytes);
  expect(decodeMessage(Buffer.from(documentedBytes, 'latin1'))).toEqual(documented);
});

test('every packet comes back as it went, whatever a name is and however the stream is cut', () => {
  const packets = [
    { type: 'request', name: 'load-conn', message: { ...documented, empty: [], none: '', utf: 'clé' } },
    { type: 'event', name: 'log', message: { constructor: 'x', toString: ['y'] } },
    { type: 'response', message: {} },
    { type: 'register', name: 'ike-updown' },
    { type: 'confirmed' },
    { type: 'unknownCommand' },
    { type: 'unknownEvent' },
  ] as const;
  const bytes = Buffer.concat(packets.map(encodePacket));
  for (const size of [1, 3, 7, bytes.length]) {
    const take = frames();
    const out = [];
    for (let at = 0; at < bytes.length; at += size) out.push(...take(bytes.subarray(at, at + size)));
    expect(out.map(decodePacket)).toEqual(packets);
  }
});

test('a name that an object has by birth is a key like any other', () => {
  const bytes = Buffer.from('\x03\x09__proto__\x00\x01x', 'latin1');
  const message = decodeMessage(bytes);
  expect(Object.keys(message)).toEqual(['__proto__']);
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

test('what is cut off, out of order, too deep or too long is refused, never guessed', () => {
  const bytes = Buffer.from(documentedBytes, 'latin1');
  // Where the outermost section has begun and not ended, or in the middle of an element.
  for (let length = 1; length < bytes.length; length++) {
    if (length === 14) continue;
    expect(() => decodeMessage(bytes.subarray(0, length))).toThrow();
  }
  expect(() => decodeMessage(Buffer.from([2]))).toThrow();
  expect(() => decodeMessage(Buffer.from([5, 0, 1, 65]))).toThrow();
  expect(() => decodeMessage(Buffer.from('\x01\x01a'.repeat(100), 'latin1'))).toThrow();
  expect(() => decodePacket(Buffer.from([9]))).toThrow();
  expect(() => frames()(Buffer.from([0xff, 0xff, 0xff, 0xff]))).toThrow();
  expect(() => encodeMessage({ key: 'x'.repeat(65_536) })).toThrow();
  expect(() => encodeMessage({ ['k'.repeat(256)]: 'x' })).toThrow();
});
