/** Cuts one session out of a capture file (classic pcap). Pure. */

/** One session: both ends, either of which may be the sender of a packet. */
export interface PcapSession {
  /** Number of the IP protocol: 1 ICMP, 6 TCP, 17 UDP. */
  readonly protocol: number;
  /** Unsigned 32-bit. */
  readonly source: number;
  readonly destination: number;
  /** Ports are compared for TCP and UDP only. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A record of the file: header of 16 bytes and the packet behind it. */
interface PcapRecord {
  readonly start: number;
  readonly packet: number;
  readonly end: number;
}

const fileHeader = 24;
const recordHeader = 16;
const ethernet = 1;
/** Packets without a header of the link, as a gateway's filter hands them over: DLT_RAW of Linux, and LINKTYPE_RAW. */
const raw: readonly number[] = [12, 101];
/** Longer than any packet that a capture on Ethernet can hold (the limit of libpcap): such a length is damage. */
const longest = 262_144;

/**
 * The capture with the packets of one session alone, both directions, in their order, with the times and the byte order
 * of the original. Fragments behind the first are found by their identification. A record that is cut off at the end
 * (the file is still being written) is left out. Undefined when the bytes are no pcap file of Ethernet or of bare IP.
 */
export function sessionPcap(file: Uint8Array, session: PcapSession): Uint8Array | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = byteOrder(view);
  if (little === undefined) return undefined;
  const link = view.getUint32(20, little) & 0x0fff_ffff;
  const bare = raw.includes(link);
  if (link !== ethernet && !bare) return undefined;
  const parts = [file.subarray(0, fileHeader)];
  const fragments = new Set<string>();
  for (const { start, packet, end } of records(view, little)) {
    const bytes = new DataView(file.buffer, file.byteOffset + packet, end - packet);
    const ip = bare ? bareIpv4(bytes) : ipv4At(bytes);
    if (ip !== undefined && belongs({ view: bytes, ip }, session, fragments)) {
      parts.push(file.subarray(start, end));
    }
  }
  return joined(parts);
}

/** Number of complete records. */
export function packetsIn(file: Uint8Array): number {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = byteOrder(view);
  let count = 0;
  if (little !== undefined) for (const _ of records(view, little)) count += 1;
  return count;
}

/** True for little endian; undefined when it is no pcap file. The second pair of numbers stands for nanoseconds. */
function byteOrder(view: DataView): boolean | undefined {
  if (view.byteLength < fileHeader) return undefined;
  const magic = view.getUint32(0);
  if (magic === 0xa1b2c3d4 || magic === 0xa1b23c4d) return false;
  return magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1 ? true : undefined;
}

function* records(view: DataView, little: boolean): Generator<PcapRecord> {
  for (let start = fileHeader; start + recordHeader <= view.byteLength; ) {
    const length = view.getUint32(start + 8, little);
    const packet = start + recordHeader;
    const end = packet + length;
    if (length > longest || end > view.byteLength) return;
    yield { start, packet, end };
    start = end;
  }
}

/** `fragments` remembers the identification of first fragments that belong, for those that follow without ports. */
function belongs({ view, ip }: Located, session: PcapSession, fragments: Set<string>): boolean {
  if (view.byteLength < ip + 20 || view.getUint8(ip + 9) !== session.protocol) return false;
  const from = view.getUint32(ip + 12);
  const to = view.getUint32(ip + 16);
  const forward = from === session.source && to === session.destination;
  const backward = from === session.destination && to === session.source;
  if (!forward && !backward) return false;
  if (session.protocol !== 6 && session.protocol !== 17) return true;
  const flags = view.getUint16(ip + 6);
  const fragment = `${from} ${to} ${view.getUint16(ip + 4)}`;
  if ((flags & 0x1fff) !== 0) return fragments.has(fragment);
  const ports = ip + (view.getUint8(ip) & 15) * 4;
  if (view.byteLength < ports + 4) return false;
  const [fromPort, toPort] = [view.getUint16(ports), view.getUint16(ports + 2)];
  const { sourcePort, destinationPort } = session;
  const found =
    (forward && fromPort === sourcePort && toPort === destinationPort) ||
    (backward && fromPort === destinationPort && toPort === sourcePort);
  if (found && (flags & 0x2000) !== 0) fragments.add(fragment);
  return found;
}

const bareIpv4 = (view: DataView): number | undefined =>
  view.byteLength > 0 && view.getUint8(0) >> 4 === 4 ? 0 : undefined;

/** A packet, and where its IPv4 header begins. */
interface Located {
  readonly view: DataView;
  readonly ip: number;
}

/** Where the IPv4 header begins, behind the Ethernet header and up to two VLAN tags. */
function ipv4At(view: DataView): number | undefined {
  for (let at = 12; at <= 20 && at + 3 <= view.byteLength; at += 4) {
    const type = view.getUint16(at);
    if (type === 0x0800) return view.getUint8(at + 2) >> 4 === 4 ? at + 2 : undefined;
    if (type !== 0x8100 && type !== 0x88a8) return undefined;
  }
  return undefined;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
