import { type Ends, type Frame, frame, icmp, latin1, protocols, tcp, tcpFlags, udp } from '#lib/packets.ts';
import type { Conversation, Sample, Turn } from '../rule.ts';

/**
 * How a conversation is cut into packets. `mirrored`: every packet is seen twice, as one collector for both ends sees it.
 * `one-way`: only what the client sends is seen, as a mirror with one direction sees it.
 */
export const cuts = ['whole', 'chopped', 'reordered', 'mirrored', 'one-way'] as const;
export type Cut = (typeof cuts)[number];

/** Client and the first of the servers of the sample with a number: every sample lives in a /24 of its own in 10/8. */
export const clientOf = (index: number): number => 0x0a000000 + index * 256 + 1;
export const serverOf = (index: number, host = 0): number => 0x0a000000 + index * 256 + 2 + host;
/** The number of the sample that an address belongs to. */
export const sampleOf = (address: number): number => Math.floor((address - 0x0a000000) / 256);

const bytesOf = (turn: Turn): Uint8Array => (typeof turn.data === 'string' ? latin1(turn.data) : turn.data);
const back = (ends: Ends): Ends => ({
  source: ends.destination,
  destination: ends.source,
  sourcePort: ends.destinationPort,
  destinationPort: ends.sourcePort,
});

/** Odd sizes, so that cuts fall into the middle of names, escapes and line ends. */
const chops = [1, 2, 3, 5, 7, 11, 13];

function pieces(data: Uint8Array, cut: Cut): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0, i = 0; at < data.length; i++) {
    const size =
      cut === 'chopped' || cut === 'reordered' ? (chops[i % chops.length] ?? 1) * (data.length > 400 ? 9 : 1) : 1460;
    out.push(data.subarray(at, at + size));
    at += size;
  }
  return out;
}

/** Pairs of neighbours swapped; the first stays, so that the protocol is known from its beginning. */
function swapped<T>(list: readonly T[]): T[] {
  const out = [...list];
  for (let i = 1; i + 1 < out.length; i += 2) {
    const [a, b] = [out[i], out[i + 1]];
    if (a !== undefined && b !== undefined) [out[i], out[i + 1]] = [b, a];
  }
  return out;
}

/** A TCP conversation from handshake to the last FIN. */
function tcpFrames(ends: Ends, turns: readonly Turn[], cut: Cut): Uint8Array[] {
  const { syn, ack, psh, fin } = tcpFlags;
  const sent = { client: 1000, server: 900_000 };
  const out: Uint8Array[] = [];
  const send = (from: 'client' | 'server', sequence: number, flags: number, data: Uint8Array = new Uint8Array()) => {
    if (cut === 'one-way' && from === 'server') return;
    const way = from === 'client' ? ends : back(ends);
    const other = from === 'client' ? 'server' : 'client';
    const acknowledgement = (flags & ack) !== 0 ? sent[other] : 0;
    const bytes = frame(way, protocols.tcp, tcp({ ends: way, sequence, acknowledgement, flags, data }));
    out.push(bytes);
    if (cut === 'mirrored') out.push(bytes);
  };
  send('client', sent.client++, syn);
  send('server', sent.server++, syn + ack);
  send('client', sent.client, ack);
  for (const turn of turns) {
    const other = turn.from === 'client' ? 'server' : 'client';
    let sequence = sent[turn.from];
    const placed = pieces(bytesOf(turn), cut).map((data) => {
      const at = sequence;
      sequence += data.length;
      return { at, data };
    });
    for (const { at, data } of cut === 'reordered' ? swapped(placed) : placed) send(turn.from, at, psh + ack, data);
    sent[turn.from] = sequence;
    send(other, sent[other], ack);
  }
  send('client', sent.client++, fin + ack);
  send('server', sent.server++, fin + ack);
  send('client', sent.client, ack);
  return out;
}

function conversation(index: number, it: Conversation, clientPort: number, cut: Cut): Uint8Array[] {
  const ends = {
    source: clientOf(index),
    destination: serverOf(index),
    sourcePort: clientPort,
    destinationPort: it.port,
  };
  if (it.kind === 'tcp') return tcpFrames(ends, it.turns, cut);
  return it.turns.flatMap((turn) => {
    if (cut === 'one-way' && turn.from === 'server') return [];
    const way = turn.from === 'client' ? ends : back(ends);
    const bytes = frame(way, protocols.udp, udp(way, bytesOf(turn)));
    return cut === 'mirrored' ? [bytes, bytes] : [bytes];
  });
}

function pings(index: number, sample: Sample & { kind: 'ping' }): Uint8Array[][] {
  return Array.from({ length: sample.hosts }, (_, i) => {
    const way = { source: clientOf(index), destination: serverOf(index, i), sourcePort: 0, destinationPort: 0 };
    const data = new Uint8Array(sample.size ?? 56).fill(0x61);
    return [
      frame(way, protocols.icmp, icmp(8, 0, 0x00010000 + i, data)),
      frame(back(way), protocols.icmp, icmp(0, 0, 0x00010000 + i, data)),
    ];
  });
}

function attempts(index: number, sample: Sample & { kind: 'connect' }): Uint8Array[][] {
  const { syn, ack, rst, fin } = tcpFlags;
  const empty = new Uint8Array();
  const segment = (way: Ends, sequence: number, acknowledgement: number, flags: number) =>
    frame(way, protocols.tcp, tcp({ ends: way, sequence, acknowledgement, flags, data: empty }));
  const out: Uint8Array[][] = [];
  for (let host = 0; host < sample.hosts; host++) {
    for (const port of sample.ports) {
      const way = {
        source: clientOf(index),
        destination: serverOf(index, host),
        sourcePort: 30_000 + out.length,
        destinationPort: port,
      };
      const packets = [segment(way, 7000, 0, syn)];
      if (sample.answer === 'reset') packets.push(segment(back(way), 0, 7001, rst + ack));
      if (sample.answer === 'accept') {
        packets.push(segment(back(way), 90, 7001, syn + ack), segment(way, 7001, 91, ack));
        packets.push(
          segment(way, 7001, 91, fin + ack),
          segment(back(way), 91, 7002, fin + ack),
          segment(way, 7002, 92, ack),
        );
      }
      out.push(packets);
    }
  }
  return out;
}

/** The frames of a sample; `start` in microseconds. Packets of one step are 200 microseconds apart. */
export function play(index: number, sample: Sample, cut: Cut, start: number): Frame[] {
  const steps =
    sample.kind === 'ping'
      ? pings(index, sample)
      : sample.kind === 'connect'
        ? attempts(index, sample)
        : sample.kind === 'series'
          ? sample.parts.map((part, i) => conversation(index, part, 40_000 + i, cut))
          : [conversation(index, sample, 40_000, cut)];
  const every = 'every' in sample ? sample.every * 1000 : 0;
  return steps.flatMap((step, i) => step.map((bytes, j) => ({ at: start + i * every + j * 200, bytes })));
}

/** Which ways of cutting make sense for a sample: answers cannot be seen one-way, sweeps have nothing to cut. */
export function cutsOf(sample: Sample, attackedBy: 'client' | 'server' = 'client'): readonly Cut[] {
  if (sample.kind !== 'tcp' && sample.kind !== 'udp') return ['whole'];
  const oneWay = attackedBy === 'client' && sample.twoWay !== true;
  const possible: readonly Cut[] = sample.kind === 'udp' ? ['whole', 'mirrored', 'one-way'] : cuts;
  return possible.filter((cut) => cut !== 'one-way' || oneWay);
}
