/** Ethernet, IPv4, TCP, UDP and ICMP packets as bytes, and the pcap files that hold them. Pure. */

/** One frame on the wire and when it passed, in microseconds since 1970. */
export interface Frame {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Both ends of a packet: addresses as unsigned 32-bit numbers, ports 0 where the protocol has none. */
export interface Ends {
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export const tcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export interface Segment {
  readonly ends: Ends;
  /** Sequence and acknowledgement number, unsigned 32-bit. */
  readonly sequence: number;
  readonly acknowledgement: number;
  /** Sum of {@link tcpFlags}. */
  readonly flags: number;
  readonly data: Uint8Array;
}

export const protocols = { icmp: 1, tcp: 6, udp: 17 } as const;

/** One byte for each character; code points above 255 are an error of the caller. */
export function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) throw new RangeError(`not one byte: ${JSON.stringify(text[i])}`);
    bytes[i] = code;
  }
  return bytes;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The Internet checksum (RFC 1071) of the parts taken together; every part but the last has an even length. */
export function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += ((part[i] ?? 0) << 8) | (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function pseudoHeader(ends: Ends, protocol: number, length: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint32(0, ends.source);
  view.setUint32(4, ends.destination);
  view.setUint8(9, protocol);
  view.setUint16(10, length);
  return new Uint8Array(view.buffer);
}

/** A TCP segment with a valid checksum; a SYN carries a maximum segment size of 1460. */
export function tcp(segment: Segment): Uint8Array {
  const syn = (segment.flags & tcpFlags.syn) !== 0;
  const header = new DataView(new ArrayBuffer(syn ? 24 : 20));
  header.setUint16(0, segment.ends.sourcePort);
  header.setUint16(2, segment.ends.destinationPort);
  header.setUint32(4, segment.sequence);
  header.setUint32(8, segment.acknowledgement);
  header.setUint8(12, (header.byteLength / 4) << 4);
  header.setUint8(13, segment.flags);
  header.setUint16(14, 64240);
  if (syn) header.setUint32(20, 0x020405b4);
  const bytes = concat([new Uint8Array(header.buffer), segment.data]);
  new DataView(bytes.buffer).setUint16(16, checksum(pseudoHeader(segment.ends, protocols.tcp, bytes.length), bytes));
  return bytes;
}

export function udp(ends: Ends, data: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(8));
  header.setUint16(0, ends.sourcePort);
  header.setUint16(2, ends.destinationPort);
  header.setUint16(4, 8 + data.length);
  const bytes = concat([new Uint8Array(header.buffer), data]);
  const sum = checksum(pseudoHeader(ends, protocols.udp, bytes.length), bytes);
  new DataView(bytes.buffer).setUint16(6, sum === 0 ? 0xffff : sum);
  return bytes;
}

/** An ICMP message; `rest` is the second word of its header (identifier and sequence number of an echo). */
export function icmp(type: number, code: number, rest: number, data: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(8));
  header.setUint8(0, type);
  header.setUint8(1, code);
  header.setUint32(4, rest);
  const bytes = concat([new Uint8Array(header.buffer), data]);
  new DataView(bytes.buffer).setUint16(2, checksum(bytes));
  return bytes;
}

/** An Ethernet frame around an IPv4 packet; the MAC addresses are 42:01 and the four octets of the address. */
export function frame(ends: Ends, protocol: number, payload: Uint8Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(34));
  view.setUint16(0, 0x4201);
  view.setUint32(2, ends.destination);
  view.setUint16(6, 0x4201);
  view.setUint32(8, ends.source);
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint16(16, 20 + payload.length);
  view.setUint16(20, 0x4000);
  view.setUint8(22, 64);
  view.setUint8(23, protocol);
  view.setUint32(26, ends.source);
  view.setUint32(30, ends.destination);
  view.setUint16(24, checksum(new Uint8Array(view.buffer, 14, 20)));
  return concat([new Uint8Array(view.buffer), payload]);
}

/** A pcap file (classic format, microseconds, Ethernet) of the frames in the order of their time. */
export function writePcap(frames: readonly Frame[]): Uint8Array {
  const head = new DataView(new ArrayBuffer(24));
  head.setUint32(0, 0xa1b2c3d4);
  head.setUint16(4, 2);
  head.setUint16(6, 4);
  head.setUint32(16, 262144);
  head.setUint32(20, 1);
  const parts: Uint8Array[] = [new Uint8Array(head.buffer)];
  for (const { at, bytes } of frames.toSorted((a, b) => a.at - b.at)) {
    const record = new DataView(new ArrayBuffer(16));
    record.setUint32(0, Math.floor(at / 1e6));
    record.setUint32(4, at % 1e6);
    record.setUint32(8, bytes.length);
    record.setUint32(12, bytes.length);
    parts.push(new Uint8Array(record.buffer), bytes);
  }
  return concat(parts);
}

/**
 * The frames of a pcap file of either byte order, micro- or nanoseconds. A record that is cut off at the end (the file
 * is still being written) is left out; bytes that are no pcap give no frames.
 */
export function readPcap(file: Uint8Array): Frame[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 24) return [];
  const magic = view.getUint32(0);
  const little = magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1;
  if (!little && magic !== 0xa1b2c3d4 && magic !== 0xa1b23c4d) return [];
  const perMicrosecond = magic === 0xa1b23c4d || magic === 0x4d3cb2a1 ? 1000 : 1;
  const frames: Frame[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = view.getUint32(at + 8, little);
    if (at + 16 + length > file.length) break;
    const time = view.getUint32(at, little) * 1e6 + Math.floor(view.getUint32(at + 4, little) / perMicrosecond);
    frames.push({ at: time, bytes: file.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return frames;
}

/** Protocol and ends of an Ethernet frame that holds an unfragmented IPv4 packet; undefined for any other. */
export function endsOf(bytes: Uint8Array): (Ends & { readonly protocol: number }) | undefined {
  if (bytes.length < 34 || bytes[12] !== 8 || bytes[13] !== 0 || (bytes[14] ?? 0) >> 4 !== 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const protocol = view.getUint8(23);
  const payload = 14 + (view.getUint8(14) & 15) * 4;
  const ported = (protocol === protocols.tcp || protocol === protocols.udp) && bytes.length >= payload + 4;
  return {
    protocol,
    source: view.getUint32(26),
    destination: view.getUint32(30),
    sourcePort: ported ? view.getUint16(payload) : 0,
    destinationPort: ported ? view.getUint16(payload + 2) : 0,
  };
}
