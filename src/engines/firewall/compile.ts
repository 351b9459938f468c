import { hash } from 'node:crypto';
import { byText } from '#lib/text.ts';
import { type ClassRule, classesOf, type HostClass, type ReadRule, readRules } from './classes.ts';
import type { Interval } from './flatten.ts';
import { type Grouping, groupsOf } from './groups.ts';
import type { Direction, FirewallInput } from './input.ts';
import { type Budget, defaultBudget, type Purse, protocolSteps } from './layout.ts';
import type { Fallback, FirewallModel, Outcome, Step, Verdict } from './model.ts';
import { impliedNumber, numberRules, type RuleNumber } from './numbers.ts';
import { type Pool, poolOf } from './pool.ts';

/** What of one compilation the next may use again. */
interface Memory {
  readonly read: ReadonlyMap<string, ReadRule>;
  readonly numbers: ReadonlyMap<string, RuleNumber>;
  readonly pool: Pool;
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
  const numbers = sameNumbers(input, memory) ?? numberRules(input.rules);
  const read = readRules(input, numbers, memory?.read ?? new Map());
  const ascending = [...read.values()].sort((a, b) => a.classRule.number - b.classRule.number);
  const pool = poolOf(memory?.pool);
  const groupings = new Map<string, Grouping>();
  const purse: Purse = { group: budget.group, left: budget.table };
  const fallbacks: Fallback[] = [];
  const side = (direction: Direction) => {
    const { classes, inForce } = classesOf(input, direction, ascending);
    const named = classes.map((it) => {
      const key = `${direction} ${it.addresses[0] ?? it.routed[0]?.from}`;
      const grouping = groupsOf(it.rules, memory?.groupings.get(key));
      groupings.set(key, grouping);
      return { ...it, chain: classChain(it, grouping, { pool, purse, fallbacks }) };
    });
    return {
      chains: named.flatMap(({ addresses, chain }) => addresses.map((address) => ({ address, chain }))),
      routed: named.flatMap(({ routed, chain }) => routed.map((it) => ({ ...it, chain }))),
      verdicts: verdictsOf(input, direction, { inForce, pool }),
    };
  };
  const ingress = side('ingress');
  const egress = side('egress');
  const byFrom = (a: Interval, b: Interval) => a.from - b.from;
  const byAddress = (a: { readonly address: number }, b: { readonly address: number }) => a.address - b.address;
  const rest = {
    objects: pool.objects(),
    classes: { ingress: ingress.chains.sort(byAddress), egress: egress.chains.sort(byAddress) },
    routed: { ingress: ingress.routed.sort(byFrom), egress: egress.routed.sort(byFrom) },
    verdicts: { ingress: ingress.verdicts, egress: egress.verdicts },
    uplinks: [...new Set(input.uplinks)].sort(byText),
  };
  const model = { ...rest, numbers, fallbacks, digest: digestOf(rest) };
  memories.set(model, { read, numbers, pool, groupings });
  return model;
}

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
    ...verdicts[direction].map((it) => `${it.number} ${it.does}`),
  ]);
  return hash('sha256', [...lines, ...uplinks].join('\n'));
}

interface Work {
  readonly pool: Pool;
  readonly purse: Purse;
  readonly fallbacks: Fallback[];
}

/** The numbers of the former rules, when no rule has come, gone or changed what numbers come from. */
function sameNumbers({ rules }: FirewallInput, memory: Memory | undefined): Memory['numbers'] | undefined {
  if (memory === undefined || memory.read.size !== rules.length) return undefined;
  const same = rules.every((it) => {
    const before = memory.read.get(it.id)?.rule;
    return before !== undefined && before.priority === it.priority && before.action === it.action;
  });
  return same ? memory.numbers : undefined;
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
  const jump = (inner: readonly Step[], when: { protocol: number } | { unmatched: true }): void => {
    if (inner.length === 0) return;
    const chain = pool.add({ kind: 'chain', field, steps: inner });
    steps.push({ kind: 'go', how: 'jump', chain, when });
  };
  for (const groups of protocols) jump(protocolSteps(groups, place), { protocol: groups.protocol });
  jump(protocolSteps(anyProtocol(any), place), { unmatched: true });
  steps.push({ kind: 'judge', direction });
  return pool.add({ kind: 'chain', field, steps });
}

const anyProtocol = (rules: readonly ClassRule[]) => ({ protocol: -1, exact: new Map(), ranges: [], whole: rules });

function verdictsOf(
  input: FirewallInput,
  direction: Direction,
  { inForce, pool }: { readonly inForce: readonly ReadRule[]; readonly pool: Pool },
): readonly Verdict[] {
  const allowed: Outcome = direction === 'ingress' ? 'goto allowed' : 'return';
  const logged = (prefix: string, then: Outcome): string => {
    const content = { kind: 'log', prefix, group: input.logGroup, then } as const;
    return `goto ${pool.once(`log ${prefix} ${input.logGroup} ${then}`, () => content)}`;
  };
  const verdicts: Verdict[] = [];
  for (const { rule, classRule } of inForce) {
    const then = rule.action === 'allow' ? allowed : 'goto denied';
    verdicts.push({ number: classRule.number, does: rule.log ? logged(`${rule.action}:${rule.id}`, then) : then });
  }
  if (direction === 'egress') verdicts.push({ number: impliedNumber, does: 'return' });
  else if (!input.logImpliedDeny) verdicts.push({ number: impliedNumber, does: 'goto implied_deny' });
  else verdicts.push({ number: impliedNumber, does: logged('deny:implied-deny-ingress', 'goto implied_deny') });
  return verdicts;
}
