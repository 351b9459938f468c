import { hashOf } from '#lib/hash.ts';
import { byText } from '#lib/text.ts';
import { type ClassRule, classesOf, type HostClass } from './classes.ts';
import { groupsOf } from './groups.ts';
import type { Direction, FirewallInput } from './input.ts';
import { type Budget, defaultBudget, type Purse, protocolSteps } from './layout.ts';
import type { Fallback, FirewallModel, Outcome, Step, Verdict } from './model.ts';
import { impliedNumber, numberRules } from './numbers.ts';
import { type Pool, poolOf } from './pool.ts';

/** Compiles rules and hosts to what the kernel holds. Pure; the order of hosts and rules does not matter. */
export function compile(input: FirewallInput, budget: Budget = defaultBudget): FirewallModel {
  const numbers = numberRules(input.rules);
  const pool = poolOf();
  const purse: Purse = { group: budget.group, left: budget.table };
  const fallbacks: Fallback[] = [];
  const side = (direction: Direction) => {
    const classes = classesOf(input, direction, numbers);
    const used = new Set(classes.flatMap((it) => it.rules.map((rule) => rule.number)));
    return {
      chains: classes.flatMap((it) => {
        const chain = classChain(it, { pool, purse, fallbacks });
        return it.addresses.map((address) => ({ address, chain }));
      }),
      verdicts: verdictsOf(input, direction, { numbers, used, pool }),
    };
  };
  const ingress = side('ingress');
  const egress = side('egress');
  const byAddress = (a: { readonly address: number }, b: { readonly address: number }) => a.address - b.address;
  const model = {
    objects: pool.objects(),
    classes: { ingress: ingress.chains.sort(byAddress), egress: egress.chains.sort(byAddress) },
    verdicts: { ingress: ingress.verdicts, egress: egress.verdicts },
    uplinks: [...new Set(input.uplinks)].sort(byText),
  };
  // Class chains name all other objects by content, so the objects need not be hashed again.
  const digest = hashOf([model.classes, model.verdicts, model.uplinks]);
  return { ...model, numbers, fallbacks, digest };
}

interface Work {
  readonly pool: Pool;
  readonly purse: Purse;
  readonly fallbacks: Fallback[];
}

/** The chain that settles which rule wins for a packet of a class, and then does what that rule says. */
function classChain({ direction, addresses, rules }: HostClass, { pool, purse, fallbacks }: Work): string {
  const field = direction === 'ingress' ? 'saddr' : 'daddr';
  const { protocols, any } = groupsOf(rules);
  const fellBack = (group: string, size: number): void => {
    fallbacks.push({ direction, addresses: addresses.length, group, size });
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
  { numbers, used, pool }: { numbers: ReadonlyMap<string, number>; used: ReadonlySet<number>; pool: Pool },
): readonly Verdict[] {
  const allowed: Outcome = direction === 'ingress' ? 'goto allowed' : 'return';
  const logged = (prefix: string, then: Outcome): string =>
    `goto ${pool.add({ kind: 'log', prefix, group: input.logGroup, then })}`;
  const verdicts: Verdict[] = [];
  for (const rule of input.rules) {
    const number = numbers.get(rule.id);
    if (rule.direction !== direction || number === undefined || !used.has(number)) continue;
    const then = rule.action === 'allow' ? allowed : 'goto denied';
    verdicts.push({ number, does: rule.log ? logged(`${rule.action}:${rule.id}`, then) : then });
  }
  if (direction === 'egress') verdicts.push({ number: impliedNumber, does: 'return' });
  else if (!input.logImpliedDeny) verdicts.push({ number: impliedNumber, does: 'goto implied_deny' });
  else verdicts.push({ number: impliedNumber, does: logged('deny:implied-deny-ingress', 'goto implied_deny') });
  return verdicts.sort((a, b) => a.number - b.number);
}
