import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { canonical } from '#lib/hash.ts';
import { sameRule } from './classes.ts';
import { cutLines, type Flow, isWholeListing, parseFlows } from './flows.ts';
import type { FirewallInput, FirewallRule } from './input.ts';
import { interpreterOf } from './interpret.ts';
import type { FirewallModel } from './model.ts';
import { compiled } from './plan.ts';

/** Milliseconds that cutting may take. */
const timeout = 300_000;

/** Flows that the rules do not allow. Those of the namespace itself are no business of forwarding rules. */
export function forbiddenFlows(
  model: FirewallModel,
  flows: readonly Flow[],
  own: ReadonlySet<string>,
): readonly Flow[] {
  const interpret = interpreterOf(model);
  return flows.filter(({ packet }) => {
    if (own.has(packet.source) || own.has(packet.destination)) return false;
    return interpret(packet).verdict === 'deny';
  });
}

/**
 * Whether something that one input allows may be forbidden by the other. More that is allowed, or less that is denied,
 * never forbids.
 */
export function canForbid(from: FirewallInput, to: FirewallInput): boolean {
  if (canonical([from.hosts, from.routes]) !== canonical([to.hosts, to.routes])) return true;
  let former: Map<string, FirewallRule> | undefined;
  // Most rules stand where they stood; only those that do not are looked for.
  const moved = to.rules.filter((it, index) => it.id !== from.rules[index]?.id);
  if (moved.length > 0 || from.rules.length !== to.rules.length) {
    former = new Map(from.rules.map((it) => [it.id, it]));
  }
  for (const [index, rule] of to.rules.entries()) {
    const before = former === undefined ? from.rules[index] : former.get(rule.id);
    former?.delete(rule.id);
    if (before !== undefined && sameRule(before, rule)) continue;
    if (rule.action === 'deny' || before?.action === 'allow') return true;
  }
  return former?.values().some((it) => it.action === 'allow') ?? false;
}

/** Ends established connections that the rules now in force would not let start. */
export async function cutFlows(machine: Machine, wanted: Artifact<FirewallInput>): Promise<void> {
  const at = { namespace: wanted.input.namespace };
  const list = ['conntrack', '-L', '-f', 'ipv4', '-o', 'extended'];
  // Its end, too, waits until the kernel has freed what the change before has deleted.
  const { code, stdout } = await machine.exec(list, { ...at, done: isWholeListing });
  if (code !== 0 || stdout === '') return;
  const addresses = await must(machine, wanted.id, ['ip', '-j', '-4', 'address', 'show'], at);
  const own = new Set([...addresses.stdout.matchAll(/"local":"([0-9.]+)"/g)].map(([, it]) => it ?? ''));
  const flows = parseFlows(stdout);
  const lines = cutLines(forbiddenFlows(compiled(wanted.input), flows, own), flows);
  if (lines.length === 0) return;
  // A file, because conntrack opens /dev/stdin by name, which fails for a socket. A flow that ended meanwhile is no
  // failure for it.
  const file = `${machine.run}/firewall/${wanted.input.namespace}.cut`;
  await machine.writeFile(file, lines.join(''));
  await must(machine, wanted.id, ['conntrack', '--load-file', file], { ...at, timeout });
}
