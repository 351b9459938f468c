import { hash } from 'node:crypto';
import { byText } from '#lib/text.ts';
import type { Interval } from '../packets/flatten.ts';
import { remembering } from '../packets/memory.ts';
import { type ClassRule, classesOf, type HostClass, type Reading, type ReadRule, readRules } from './classes.ts';
import { type Grouping, groupsOf, noPorts } from './groups.ts';
import type { Direction, FirewallInput } from './input.ts';
import { type Budget, defaultBudget, type Purse, protocolChain } from './layout.ts';
import type { Fallback, FirewallModel, Outcome, Step, Verdict } from './model.ts';
import { impliedNumber } from './numbers.ts';
import { type Pool, poolOf } from './pool.ts';

/** What of one compilation the next may use again. */
interface Memory {
  readonly reading: Reading;
  /** By direction and lowest address of the class. */
  readonly groupings: ReadonlyMap<string, Grouping>;
}

const memories = new WeakMap<FirewallModel, Memory>();

/**
 * Compiles rules and hosts to what the kernel holds. Pure; the order of hosts and rules does not matter. A `former` model
 * changes nothing but the time it takes: what has not changed since is not compiled again.
 */
export function compile(input: FirewallInput, budget: Budget = defaultBudget, former?: FirewallModel): FirewallModel {
  const memory = former === undefined ? undefined : memories.get(former);
  const reading = readRules(input.rules, memory?.reading);
  const pool = poolOf();
  const groupings = new Map<string, Grouping>();
  const purse: Purse = { group: budget.group, left: budget.table, refused: false };
  const fallbacks: Fallback[] = [];
  const roots: string[] = [];
  const side = (direction: Direction) => {
    const { classes, inForce } = classesOf(input, direction, reading.ascending);
    const named = classes.map((it) => {
      const key = `${direction} ${it.addresses[0] ?? it.routed[0]?.from}`;
      const grouping = groupsOf(it.rules, memory?.groupings.get(key));
      groupings.set(key, grouping);
      const chain = classChain(it, grouping, { pool, purse, fallbacks });
      roots.push(chain);
      return { ...it, chain };
    });
    const verdicts = verdictsOf(input, direction, { inForce, pool, roots });
    const before = former?.verdicts[direction];
    return {
      chains: named.flatMap(({ addresses, chain }) => addresses.map((address) => ({ address, chain }))),
      routed: named.flatMap(({ routed, chain }) => routed.map((it) => ({ ...it, chain }))),
      verdicts: before !== undefined && sameVerdicts(before, verdicts) ? before : verdicts,
    };
  };
  const ingress = side('ingress');
  const egress = side('egress');
  const byFrom = (a: Interval, b: Interval) => a.from - b.from;
  const byAddress = (a: { readonly address: number }, b: { readonly address: number }) => a.address - b.address;
  const rest = {
    objects: pool.objects(roots),
    classes: { ingress: ingress.chains.sort(byAddress), egress: egress.chains.sort(byAddress) },
    routed: { ingress: ingress.routed.sort(byFrom), egress: egress.routed.sort(byFrom) },
    verdicts: { ingress: ingress.verdicts, egress: egress.verdicts },
    uplinks: [...new Set(input.uplinks)].sort(byText),
  };
  const model = { ...rest, numbers: reading.numbers, fallbacks, digest: digestOf(rest) };
  memories.set(model, { reading, groupings });
  return model;
}

const sameVerdicts = (a: readonly Verdict[], b: readonly Verdict[]): boolean =>
  a.length === b.length && a.every((it, index) => it.number === b[index]?.number && it.does === b[index].does);

const verdictLines = remembering((verdicts: readonly Verdict[]): string =>
  verdicts.map((it) => `${it.number} ${it.does}`).join('\n'),
);

/** Class chains name all other objects by content, so the objects need not be hashed again. */
function digestOf({
  classes,
  routed,
  verdicts,
  uplinks,
}: Pick<FirewallModel, 'classes' | 'routed' | 'verdicts' | 'uplinks'>): string {
  const lines = (['ingress', 'egress'] as const).flatMap((direction) => [
    direction,
    ...classes[direction].map((it) => `${it.address} ${it.chain}`),
    ...routed[direction].map((it) => `${it.from} ${it.to} ${it.chain}`),
    verdictLines(verdicts[direction]),
  ]);
  return hash('sha256', [...lines, ...uplinks].join('\n'));
}

interface Work {
  readonly pool: Pool;
  readonly purse: Purse;
  readonly fallbacks: Fallback[];
}

/** The chain that settles which rule wins for a packet of a class, and then does what that rule says. */
function classChain(
  { direction, addresses, routed }: HostClass,
  { protocols, any }: Grouping,
  { pool, purse, fallbacks }: Work,
): string {
  const field = direction === 'ingress' ? 'saddr' : 'daddr';
  const fellBack = (group: string, size: number): void => {
    fallbacks.push({ direction, addresses: addresses.length + routed.length, group, size });
  };
  const place = { pool, field, purse, fellBack } as const;
  const steps: Step[] = [{ kind: 'mark', value: impliedNumber }];
  const jump = (chain: string | undefined, when: { protocol: number } | { unmatched: true }): void => {
    if (chain !== undefined) steps.push({ kind: 'go', how: 'jump', chain, when });
  };
  for (const groups of protocols) jump(protocolChain(groups, place), { protocol: groups.protocol });
  jump(protocolChain(anyProtocol(any), place), { unmatched: true });
  steps.push({ kind: 'judge', direction });
  return pool.add({ kind: 'chain', field, steps });
}

const anyProtocol = remembering((rules: readonly ClassRule[]) => ({
  protocol: -1,
  exact: noPorts,
  ranges: [],
  whole: rules,
}));

interface Judged {
  readonly inForce: readonly ReadRule[];
  readonly pool: Pool;
  /** Chains that log are put here. */
  readonly roots: string[];
}

function verdictsOf(input: FirewallInput, direction: Direction, { inForce, pool, roots }: Judged): readonly Verdict[] {
  const allowed: Outcome = direction === 'ingress' ? 'goto allowed' : 'return';
  const logged = (prefix: string, then: Outcome, of: readonly object[]): string => {
    const content = { kind: 'log', prefix, group: input.logGroup, then } as const;
    const chain = pool.once(of, `log ${prefix} ${input.logGroup} ${then}`, () => content);
    roots.push(chain);
    return `goto ${chain}`;
  };
  const verdicts: Verdict[] = [];
  for (const { rule, classRule } of inForce) {
    const then = rule.action === 'allow' ? allowed : 'goto denied';
    verdicts.push({
      number: classRule.number,
      does: rule.log ? logged(`${rule.action}:${rule.id}`, then, [classRule]) : then,
    });
  }
  if (direction === 'egress') verdicts.push({ number: impliedNumber, does: 'return' });
  else if (!input.logImpliedDeny) verdicts.push({ number: impliedNumber, does: 'goto implied_deny' });
  else verdicts.push({ number: impliedNumber, does: logged('deny:implied-deny-ingress', 'goto implied_deny', []) });
  return verdicts;
}
