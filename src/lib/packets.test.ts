import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  checksum,
  endsOf,
  frame,
  icmp,
  latin1,
  protocols,
  readPcap,
  tcp,
  tcpFlags,
  udp,
  writePcap,
} from './packets.ts';

const ends = { source: 0x0a000001, destination: 0x0a000002, sourcePort: 40_000, destinationPort: 80 };
const data = latin1('hello');
const segment = { ends, sequence: 1, acknowledgement: 2, flags: tcpFlags.ack, data };

test('a checksum is the one of RFC 1071, whatever its parts', () => {
  expect(checksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(0x220d);
  expect(checksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03), Uint8Array.of(0xf4, 0xf5, 0xf6, 0xf7))).toBe(0x220d);
});

test('a packet that carries its own checksum sums up to nothing', () => {
  expect(checksum(frame(ends, protocols.tcp, tcp(segment)).subarray(14, 34))).toBe(0);
  expect(checksum(icmp(8, 0, 1, data))).toBe(0);
});

test('the ends that were written are the ends that are read', () => {
  expect(endsOf(frame(ends, protocols.tcp, tcp(segment)))).toEqual({ ...ends, protocol: protocols.tcp });
  expect(endsOf(frame(ends, protocols.udp, udp(ends, data)))).toEqual({ ...ends, protocol: protocols.udp });
  expect(endsOf(frame(ends, protocols.icmp, icmp(8, 0, 1, data)))).toMatchObject({ sourcePort: 0, destinationPort: 0 });
  expect(endsOf(latin1('short'))).toBeUndefined();
});

test('frames come back from a pcap file, in order, and a record that is still being written is left out', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ at: fc.nat(4e15), bytes: fc.uint8Array({ maxLength: 80 }) })), (frames) => {
      const sorted = frames.toSorted((a, b) => a.at - b.at);
      const file = writePcap(frames);
      expect(readPcap(file)).toEqual(sorted);
      if (frames.length > 0) expect(readPcap(file.subarray(0, file.length - 1)).length).toBe(frames.length - 1);
    }),
  );
});

test('any bytes can be read as a pcap file, without an error', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => readPcap(bytes).length < 100));
});

test('text outside one byte is refused', () => {
  expect(() => latin1('€')).toThrow(RangeError);
});
