import type { Interval } from '../packets/flatten.ts';
import type { FilterTranslation } from './input.ts';
import { lastTranslated } from './marks.ts';
import type { Services } from './match.ts';
import { hasPorts, protocolNumbers } from './service.ts';

type Leading = Extract<FilterTranslation, { readonly kind: 'publish' | 'bidirectional' }>;

/** Something of one server that has an address outside. */
export interface Published {
  /** Key of the rule of address translation. */
  readonly id: string;
  /** Where it is asked for. */
  readonly address: string;
  /** Who answers. */
  readonly server: string;
  /** As it is asked for; undefined: everything. */
  readonly services: Services | undefined;
  /** Port that answers; undefined: the same. */
  readonly port?: number;
}

export const publishedBy = (it: Leading, services: Services | undefined): Published =>
  it.kind === 'publish'
    ? {
        id: it.id,
        address: it.address,
        server: it.to,
        services,
        ...(it.port === undefined ? {} : { port: it.port }),
      }
    : { id: it.id, address: hostOf(it.outside), server: hostOf(it.inside), services: undefined };

const hostOf = (prefix: string): string => prefix.replace(/\/32$/, '');

/** As the server sees it. */
function answering({ services, port }: Published): Services | undefined {
  if (port === undefined) return services;
  const ports = [{ from: port, to: port }];
  const { tcp, udp, sctp } = protocolNumbers;
  const protocols = services === undefined ? [tcp, udp, sctp] : [...services.keys()].filter(hasPorts);
  return new Map(protocols.map((it) => [it, ports]));
}

const touch = (a: readonly Interval[] | undefined, b: readonly Interval[] | undefined): boolean =>
  a === undefined || b === undefined || a.some((one) => b.some((it) => one.from <= it.to && it.from <= one.to));

/** Whether something is of both. */
export function servicesMeet(a: Services | undefined, b: Services | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  return [...a].some(([protocol, ports]) => b.has(protocol) && touch(ports, b.get(protocol)));
}

/**
 * Behind the gateway a packet only shows who answers. What leads to the same port of the same server gets numbers that
 * differ, so that the two together name the rule. There are few numbers; those that are left without one of their own
 * share the last.
 */
export function numberPublished(list: readonly Published[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  for (const [, ofServer] of Map.groupBy(list, (it) => it.server)) {
    const before: { readonly number: number; readonly seen: Services | undefined }[] = [];
    for (const it of ofServer) {
      const seen = answering(it);
      const taken = new Set(before.filter((other) => servicesMeet(other.seen, seen)).map((other) => other.number));
      let number = 1;
      while (number < lastTranslated && taken.has(number)) number++;
      before.push({ number, seen });
      numbers.set(it.id, number);
    }
  }
  return numbers;
}

/** A packet behind the gateway, and the number that its mark has. */
export interface Arrived {
  readonly number: number;
  readonly address: string;
  readonly protocol: number;
  readonly port?: number;
}

/** Where a connection was sent to. What several rules could have done is left out. */
export interface Original {
  readonly address?: string;
  readonly port?: number;
  /** Key of the rule of address translation. */
  readonly rule?: string;
}

export type Tracing = (arrived: Arrived) => Original | undefined;

/** Traces what arrived back to what was asked for; undefined: nobody translated it, or rules that are gone since. */
export function tracing(list: readonly Published[]): Tracing {
  const numbers = numberPublished(list);
  const byServer = Map.groupBy(list, (it) => it.server);
  return (arrived) => {
    if (arrived.number === 0) return undefined;
    const fitting = (byServer.get(arrived.address) ?? []).filter(
      (it) => numbers.get(it.id) === arrived.number && fits(answering(it), arrived),
    );
    if (fitting.length === 0) return undefined;
    const address = only(fitting.map((it) => it.address));
    const port = only(fitting.map((it) => portOf(it, arrived)));
    const rule = only(fitting.map((it) => it.id));
    return {
      ...(address === undefined ? {} : { address }),
      ...(port === undefined ? {} : { port }),
      ...(rule === undefined ? {} : { rule }),
    };
  };
}

function fits(services: Services | undefined, { protocol, port }: Arrived): boolean {
  if (services === undefined) return true;
  if (!services.has(protocol)) return false;
  return !hasPorts(protocol) || port === undefined || touch(services.get(protocol), [{ from: port, to: port }]);
}

/** Undefined where the packet does not say: several ports outside lead to one inside. */
function portOf({ services, port }: Published, arrived: Arrived): number | undefined {
  if (port === undefined) return arrived.port;
  const [first, ...more] = services?.get(arrived.protocol) ?? [];
  return first !== undefined && more.length === 0 && first.from === first.to ? first.from : undefined;
}

function only<V>(values: readonly V[]): V | undefined {
  const [first, ...more] = new Set(values);
  return more.length === 0 ? first : undefined;
}
