import { address as addressOf } from '#lib/ip.ts';
import type { Interval } from '../packets/flatten.ts';
import { implicitKeys } from './implicit.ts';
import type { FilterInput, FilterRule } from './input.ts';
import { days } from './policy.ts';
import { parseRange } from './ranges.ts';
import { protocolNumber } from './service.ts';
import type { Side } from './side.ts';

/** The first packet of a connection, as its sender wrote it. */
export interface Packet {
  /** Interface that it came in by. */
  readonly in: string;
  /** Interface that it leaves by; absent when it is for the gateway itself. */
  readonly out?: string;
  readonly source: string;
  readonly destination: string;
  /** IP protocol number. */
  readonly protocol: number;
  /** Destination port, or message type of ICMP. */
  readonly port?: number;
}

/** What changes by itself. */
export interface Circumstances {
  /** Day of the week, Monday is 0, and minute of the day, in UTC. Absent: no schedule holds. */
  readonly at?: { readonly day: number; readonly minute: number };
  /** Whether somebody may reach a destination by a set of people. Absent: nobody may. */
  readonly may?: (people: string, source: string, destination: string) => boolean;
}

/** The first rule that matches; undefined when none does. */
export type Judge<R> = (packet: Packet, circumstances?: Circumstances) => R | undefined;

/**
 * Reads a list of rules one after the other, as a person would. Slow and obvious: what is compiled is judged by it.
 */
export function judgeOf(input: Pick<FilterInput, 'addressSets' | 'serviceSets' | 'rules'>): Judge<FilterRule> {
  const asks = asker(input);
  return (packet, circumstances = {}) =>
    input.rules.find(
      (rule) =>
        rule.enabled &&
        asks.named(rule.inInterfaces, packet.in) &&
        asks.named(rule.outInterfaces, packet.out) &&
        asks.side(rule.source, packet.source) &&
        asks.side(rule.destination, packet.destination) &&
        asks.services(rule.services, packet) &&
        isNow(rule, circumstances) &&
        (rule.people === undefined || circumstances.may?.(rule.people, packet.source, packet.destination) === true),
    );
}

/** What decides about a packet for the gateway itself. */
export interface OwnVerdict {
  readonly id: string;
  readonly action: FilterRule['action'];
}

/**
 * The same for what is meant for the gateway itself. First comes what it accepts without a rule, and nobody else may have
 * such a service, save for ICMP; then the rules.
 */
export function ownJudgeOf(
  input: Pick<FilterInput, 'addressSets' | 'serviceSets' | 'local' | 'rules' | 'owner'>,
): Judge<OwnVerdict> {
  const asks = asker(input);
  const judge = judgeOf(input);
  return ({ out: _, ...packet }, circumstances) => {
    const accepted = input.local.find(
      (it) =>
        asks.named(it.inInterfaces, packet.in) &&
        asks.side(it.source, packet.source) &&
        asks.side(it.destination, packet.destination) &&
        asks.services(it.services, packet),
    );
    if (accepted !== undefined) return { id: accepted.id, action: 'pass' };
    const reserved = input.local.some(
      ({ services }) => asks.everything(services) || (packet.protocol !== 1 && asks.services(services, packet)),
    );
    if (reserved) return { id: implicitKeys(input.owner).local, action: 'block' };
    return judge(packet, circumstances);
  };
}

function asker({ addressSets, serviceSets }: Pick<FilterInput, 'addressSets' | 'serviceSets'>) {
  const addresses = new Map(addressSets.map(({ key, ranges }) => [key, ranges.flatMap((it) => parseRange(it) ?? [])]));
  const services = new Map(serviceSets.map((it) => [it.key, it.services]));
  const holds = (ranges: readonly Interval[], value: number) => ranges.some((it) => it.from <= value && value <= it.to);
  return {
    named: (names: readonly string[], name: string | undefined): boolean =>
      names.length === 0 || (name !== undefined && names.includes(name)),
    side: ({ sets, negated }: Side, text: string): boolean => {
      if (sets.length === 0) return true;
      return sets.some((key) => holds(addresses.get(key) ?? [], addressOf(text))) !== negated;
    },
    everything: (keys: readonly string[]): boolean =>
      keys.length === 0 ||
      keys.some((key) => services.get(key)?.some((it) => protocolNumber(it.protocol) === undefined)),
    services: (keys: readonly string[], { protocol, port }: Packet): boolean =>
      keys.length === 0 ||
      keys
        .flatMap((key) => services.get(key) ?? [])
        .some((it) => {
          const number = protocolNumber(it.protocol);
          if (number !== undefined && number !== protocol) return false;
          const ranges = (it.ports ?? it.types)?.map(([from, to]) => ({ from, to }));
          return ranges === undefined || (port !== undefined && holds(ranges, port));
        }),
  };
}

/** Whether a rule's schedule holds. */
function isNow({ schedule }: Pick<FilterRule, 'schedule'>, { at }: Circumstances): boolean {
  if (schedule === undefined) return true;
  if (at === undefined) return false;
  const clock = `${String(Math.floor(at.minute / 60)).padStart(2, '0')}:${String(at.minute % 60).padStart(2, '0')}`;
  const today = days[at.day];
  return schedule.some((it) => it.days.some((day) => day === today) && it.from <= clock && clock < it.to);
}
