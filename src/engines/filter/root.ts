import type { Condition, Listed } from './lists.ts';
import { type Made, make, type Step, type When } from './objects.ts';
import { type Entry, type Forest, type Round, treeOf } from './tree.ts';

export interface Root {
  /** Leads a packet to the first of the list that matches; comes back when none does. */
  readonly made: Made | undefined;
  readonly rounds: readonly Round[];
}

interface Segment {
  readonly condition: Condition;
  readonly entries: Entry[];
}

/** One lookup for each run of entries that hold under the same condition; most lists are one run. */
export function rootOf(list: readonly Listed[], forest: Forest): Root {
  const segments = segmentsOf(list);
  const steps: Step[] = [];
  const needs: Made[] = [];
  const rounds: Round[] = [];
  for (const { condition, entries } of segments) {
    const tree = treeOf(entries, forest);
    rounds.push(...tree.rounds);
    if (tree.made === undefined) continue;
    needs.push(tree.made);
    const chain = tree.made.object.name;
    for (const when of whensOf(condition))
      steps.push({ do: 'go', how: 'jump', chain, ...(when === undefined ? {} : { when }) });
  }
  if (needs.length === 0) return { made: undefined, rounds };
  const more = segments.slice(1).map(({ entries }): Round => ({ reason: 'condition', rules: entries.length }));
  return { made: make({ kind: 'chain', steps, routed: forest.routed }, needs), rounds: [...rounds, ...more] };
}

function segmentsOf(list: readonly Listed[]): readonly Segment[] {
  const segments: Segment[] = [];
  let former: string | undefined;
  for (const { condition, entry } of list) {
    const key = condition.windows === undefined && condition.people === undefined ? '' : JSON.stringify(condition);
    if (key === former) segments.at(-1)?.entries.push(entry);
    else segments.push({ condition, entries: [entry] });
    former = key;
  }
  return segments;
}

/** One window is enough. */
function whensOf({ windows, people }: Condition): readonly (When | undefined)[] {
  const who = people === undefined ? undefined : { people };
  return windows === undefined ? [who] : windows.map((window) => ({ ...who, window }));
}
