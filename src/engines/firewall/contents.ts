import { formatAddress } from '#lib/ip.ts';
import { remembering } from '../packets/memory.ts';
import { type CountedName, counted, dispatched, forwardRules, type LookupName } from './base.ts';
import type { Direction } from './input.ts';
import type { FirewallModel, Verdict } from './model.ts';
import { allowBit, formatNumber } from './numbers.ts';

/** The elements of the permanent maps and sets, by name, as key and data; data is empty in sets. */
type Elements = Readonly<Record<LookupName, ReadonlyMap<string, string>>>;

/** Counters that no rule of ours needs any more but that are still there, with the rule or host that they counted. */
export type Spare = Readonly<Record<CountedName, ReadonlyMap<string, string>>>;
export const noSpare: Spare = { hits_egress: new Map(), hits_ingress: new Map(), denied_to: new Map() };

/** What the kernel holds, or shall hold. */
export interface Contents {
  readonly objects: ReadonlyMap<string, 'chain' | 'map'>;
  readonly elements: Elements;
  /** Rules of the forward chain; undefined when they were not read. */
  readonly forward: readonly string[] | undefined;
  /** Beyond `elements`. */
  readonly spare: Spare;
}

/** Whether two contents hold the same. */
export function sameContents(a: Contents, b: Contents): boolean {
  const same = (x: ReadonlyMap<string, string>, y: ReadonlyMap<string, string>): boolean =>
    x === y || (x.size === y.size && x.entries().every(([key, data]) => y.get(key) === data));
  return (
    same(a.objects, b.objects) &&
    [...counted, ...dispatched].every((name) => same(a.elements[name], b.elements[name])) &&
    counted.every((name) => a.spare[name].size === b.spare[name].size) &&
    a.forward?.join('\n') === b.forward?.join('\n')
  );
}

const verb = { ingress: 'goto', egress: 'jump' } as const;

/** What the table holds when exactly this model is loaded. */
export const contentsOf = remembering((model: FirewallModel): Contents => {
  const of = (direction: Direction) =>
    new Map(model.classes[direction].map((it) => [formatAddress(it.address), `${verb[direction]} ${it.chain}`]));
  const via = (direction: Direction) =>
    new Map(
      model.routed[direction].map(({ from, to, chain }) => [
        from === to ? formatAddress(from) : `${formatAddress(from)}-${formatAddress(to)}`,
        `${verb[direction]} ${chain}`,
      ]),
    );
  const hosts = new Map(model.classes.ingress.map(({ address }) => [formatAddress(address), '']));
  const routed = model.routed.ingress.length > 0;
  return {
    objects: new Map(
      model.objects.map((it) => [it.name, it.kind === 'chain' || it.kind === 'log' ? 'chain' : 'map'] as const),
    ),
    elements: {
      egress_of: of('egress'),
      ingress_of: of('ingress'),
      egress_via: via('egress'),
      ingress_via: via('ingress'),
      verdict_egress: special.egress(model.verdicts.egress),
      verdict_ingress: special.ingress(model.verdicts.ingress),
      hits_egress: hits(model.verdicts.egress),
      hits_ingress: hits(model.verdicts.ingress),
      hosts,
      denied_to: hosts,
      uplinks: new Map(model.uplinks.map((name) => [`"${name}"`, ''])),
    },
    forward: forwardRules({ uplinks: model.uplinks, routed }),
    spare: noSpare,
  };
});

const hits = remembering(
  (verdicts: readonly Verdict[]): ReadonlyMap<string, string> =>
    new Map(verdicts.map((it) => [formatNumber(it.number), ''])),
);

const specialOf = (allowed: string) =>
  remembering(
    (verdicts: readonly Verdict[]): ReadonlyMap<string, string> =>
      new Map(
        verdicts
          .filter(({ number, does }) => does !== ((number & allowBit) === 0 ? 'goto denied' : allowed))
          .map(({ number, does }) => [formatNumber(number), does]),
      ),
  );

/** Verdicts that do not follow from the number alone: those that log, and the implied one. */
const special = { egress: specialOf('return'), ingress: specialOf('goto allowed') } as const;
