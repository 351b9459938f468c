import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';

/** One direction of an interface. */
export interface Direction {
  /** Bits a second over the time that it was looked at. */
  readonly bitsPerSecond: number;
  readonly packetsPerSecond: number;
  /** Since the interface was made. */
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  /** Packets that the interface itself did not take or send; what rules drop is not among them. */
  readonly dropped: number;
}

/** What an interface carries, as the kernel counts it: `ip -s address`. */
export interface InterfaceTraffic {
  readonly device: string;
  /** Whether it carries anything: switched on, and with a cable. */
  readonly up: boolean;
  /** Bytes. */
  readonly mtu: number;
  /** IPv4, each with the length of its network. */
  readonly addresses: readonly string[];
  readonly received: Direction;
  readonly sent: Direction;
}

const Counted = z.looseObject({ bytes: z.number(), packets: z.number(), errors: z.number(), dropped: z.number() });
const Listed = z.array(
  z.looseObject({
    ifname: z.string(),
    flags: z.array(z.string()),
    mtu: z.number(),
    addr_info: z.array(z.looseObject({ family: z.string(), local: z.string(), prefixlen: z.number() })),
    stats64: z.looseObject({ rx: Counted, tx: Counted }),
  }),
);
export type Listed = z.infer<typeof Listed>;

/** How long it is looked, in seconds. */
const Detail = z.strictObject({ seconds: z.number().min(0.1).max(30) });

/** Looks twice: what came between is the present throughput. */
export async function askInterfaces(
  machine: Machine,
  { id, namespace, detail }: { readonly id: string; readonly namespace: string; readonly detail: string | undefined },
): Promise<readonly InterfaceTraffic[]> {
  const wanted = Detail.safeParse(JSON.parse(detail ?? '{"seconds":1}'));
  if (!wanted.success) {
    const message = 'interfaces are looked at for 0.1 to 30 seconds';
    throw new Problem('INVALID_REQUEST', { at: id, message, fix: 'Ask for that.' });
  }
  const look = async () => {
    const { stdout } = await must(machine, id, ['ip', '-j', '-s', 'addr', 'show'], { namespace });
    return { at: performance.now(), listed: Listed.parse(JSON.parse(stdout.trim() || '[]')) };
  };
  const first = await look();
  await sleep(wanted.data.seconds * 1000);
  const second = await look();
  return trafficOf(first.listed, second.listed, (second.at - first.at) / 1000);
}

/** Pure: two looks, `seconds` apart. An interface that came, or came anew, between them has carried all that it counts. */
export function trafficOf(before: Listed, after: Listed, seconds: number): readonly InterfaceTraffic[] {
  const earlier = new Map(before.map((it) => [it.ifname, it.stats64]));
  return after
    .filter((it) => !it.flags.includes('LOOPBACK'))
    .map(({ ifname, flags, mtu, addr_info, stats64 }) => {
      const direction = (way: 'rx' | 'tx'): Direction => {
        const { bytes, packets, errors, dropped } = stats64[way];
        const was = earlier.get(ifname)?.[way];
        const since = (now: number, then = 0): number => Math.round((now >= then ? now - then : now) / seconds);
        return {
          bitsPerSecond: since(bytes * 8, (was?.bytes ?? 0) * 8),
          packetsPerSecond: since(packets, was?.packets),
          ...{ bytes, packets, errors, dropped },
        };
      };
      const up = flags.includes('UP') && flags.includes('LOWER_UP');
      const addresses = addr_info.filter((it) => it.family === 'inet').map((it) => `${it.local}/${it.prefixlen}`);
      return { device: ifname, up, mtu, addresses, received: direction('rx'), sent: direction('tx') };
    });
}
