import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PcapSession, packetsIn, sessionPcap } from './pcap.ts';

const client = 0xc0a80a0a;
const server = 0xc0a80a14;
const session: PcapSession = {
  protocol: 6,
  source: client,
  destination: server,
  sourcePort: 59182,
  destinationPort: 80,
};

interface Shape {
  readonly from: number;
  readonly to: number;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly protocol?: number;
  readonly vlan?: boolean;
  /** Flags and offset of the fragment. */
  readonly fragment?: number;
  readonly identification?: number;
}

function packet(shape: Shape): Uint8Array {
  const tag = shape.vlan === true ? 4 : 0;
  const view = new DataView(new ArrayBuffer(14 + tag + 20 + 8));
  if (tag > 0) view.setUint16(12, 0x8100);
  view.setUint16(12 + tag, 0x0800);
  const ip = 14 + tag;
  view.setUint8(ip, 0x45);
  view.setUint16(ip + 4, shape.identification ?? 0);
  view.setUint16(ip + 6, shape.fragment ?? 0);
  view.setUint8(ip + 9, shape.protocol ?? 6);
  view.setUint32(ip + 12, shape.from);
  view.setUint32(ip + 16, shape.to);
  view.setUint16(ip + 20, shape.fromPort ?? 0);
  view.setUint16(ip + 22, shape.toPort ?? 0);
  return new Uint8Array(view.buffer);
}

function pcap(packets: readonly Uint8Array[], magic = 0xa1b2c3d4, little = false, link = 1): Uint8Array {
  const size = packets.reduce((sum, it) => sum + 16 + it.length, 24);
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, magic, little);
  view.setUint32(20, link, little);
  let at = 24;
  for (const [index, bytes] of packets.entries()) {
    view.setUint32(at, 1_700_000_000 + index, little);
    view.setUint32(at + 4, index, little);
    view.setUint32(at + 8, bytes.length, little);
    view.setUint32(at + 12, bytes.length, little);
    new Uint8Array(view.buffer).set(bytes, at + 16);
    at += 16 + bytes.length;
  }
  return new Uint8Array(view.buffer);
}

const request = packet({ from: client, to: server, fromPort: 59182, toPort: 80 });
const answer = packet({ from: server, to: client, fromPort: 80, toPort: 59182 });
const others = [
  packet({ from: client, to: server, fromPort: 59183, toPort: 80 }),
  packet({ from: client, to: server, fromPort: 59182, toPort: 80, protocol: 17 }),
  packet({ from: server, to: client, fromPort: 59182, toPort: 80 }),
  packet({ from: client, to: client, fromPort: 59182, toPort: 80 }),
];

describe('cutting a session out of a capture', () => {
  for (const [name, magic, little] of [
    ['big endian', 0xa1b2c3d4, false],
    ['little endian', 0xa1b2c3d4, true],
    ['big endian with nanoseconds', 0xa1b23c4d, false],
    ['little endian with nanoseconds', 0xa1b23c4d, true],
  ] as const) {
    test(`keeps both directions, times and format of a ${name} file, byte for byte`, () => {
      const [a, b, c, d] = others as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
      const file = pcap([a, request, b, answer, c, d, request], magic, little);
      const cut = sessionPcap(file, session);
      const record = (index: number, bytes: Uint8Array): Uint8Array => {
        const whole = pcap([...Array.from({ length: index }, () => new Uint8Array()), bytes], magic, little);
        return whole.subarray(24 + 16 * index);
      };
      const wanted = Buffer.concat([file.subarray(0, 24), record(1, request), record(3, answer), record(6, request)]);
      expect(Buffer.from(cut ?? [])).toEqual(wanted);
    });
  }

  test('sees through a VLAN tag', () => {
    const tagged = packet({ from: client, to: server, fromPort: 59182, toPort: 80, vlan: true });
    expect(packetsIn(sessionPcap(pcap([tagged, ...others]), session) ?? new Uint8Array())).toBe(1);
  });

  test('keeps later fragments of a packet whose first fragment belongs', () => {
    const first = packet({
      from: client,
      to: server,
      fromPort: 59182,
      toPort: 80,
      fragment: 0x2000,
      identification: 7,
    });
    const later = packet({ from: client, to: server, fragment: 3, identification: 7 });
    const foreign = packet({ from: client, to: server, fragment: 3, identification: 8 });
    expect(packetsIn(sessionPcap(pcap([first, later, foreign]), session) ?? new Uint8Array())).toBe(2);
  });

  test('compares no ports for ICMP', () => {
    const echo = packet({ from: client, to: server, protocol: 1, fromPort: 0x0800, toPort: 1 });
    const icmp = { ...session, protocol: 1, sourcePort: 0, destinationPort: 0 };
    expect(packetsIn(sessionPcap(pcap([echo, request]), icmp) ?? new Uint8Array())).toBe(1);
  });

  test('leaves out a record that is still being written', () => {
    const file = pcap([request, answer]);
    expect(packetsIn(sessionPcap(file.subarray(0, file.length - 3), session) ?? new Uint8Array())).toBe(1);
  });

  test('reads packets without a header of the link', () => {
    const bare = [request, ...others].map((it) => it.subarray(14));
    expect(packetsIn(sessionPcap(pcap(bare, 0xa1b2c3d4, false, 101), session) ?? new Uint8Array())).toBe(1);
  });

  test('refuses what is no capture of Ethernet or of bare IP', () => {
    expect(sessionPcap(new Uint8Array(10), session)).toBeUndefined();
    expect(sessionPcap(new Uint8Array(100), session)).toBeUndefined();
    expect(sessionPcap(pcap([request], 0xa1b2c3d4, false, 105), session)).toBeUndefined();
  });

  test('survives any bytes, and cutting twice changes nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 })), fc.nat(200), (packets, keep) => {
        const file = pcap([...packets, request]);
        const cut = sessionPcap(file.subarray(0, keep), session);
        if (cut !== undefined) expect(Buffer.from(sessionPcap(cut, session) ?? [])).toEqual(Buffer.from(cut));
      }),
    );
  });
});
