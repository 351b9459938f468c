import type { Artifact } from '#core/artifact.ts';
import { inOrder } from '#core/artifact.ts';
import { LOCAL } from '#core/host.ts';
import { Problem } from '#core/problem.ts';
import { keyOf, type Snapshot } from '#core/resource.ts';
import { assemblers } from '#engines/assemblers.ts';
import type { EngineFragments, Owned } from '#engines/fragments.ts';
import { kindNamed } from '#kinds/index.ts';
import { machinesIn, standing } from '#kinds/machine/standing.ts';

/** What each machine must hold for a snapshot; `local` is always there. */
export const compileAll = (snapshot: Snapshot): ReadonlyMap<string, readonly Artifact[]> =>
  new Map(machinesIn(snapshot).map((it) => [it, compileFor(snapshot, it)]));

/** What should stand on a machine that has not joined would stand nowhere, and nobody would be told. Throws UNMET. */
export function refuseStrangers(snapshot: Snapshot, joined: ReadonlySet<string>): void {
  const stranger = machinesIn(snapshot).find((it) => !joined.has(it));
  if (stranger === undefined) return;
  throw new Problem('UNMET', {
    at: `machines/${stranger}`,
    message: `something stands on machine ${stranger}, which has not joined this deployment`,
    fix: 'Let it join first, or let everything stand on `local`.',
  });
}

/** What the machine that control stands on must hold. */
export const compile = (snapshot: Snapshot): readonly Artifact[] => compileFor(snapshot, LOCAL);

/**
 * What one machine must hold for a snapshot: every kind's feeds give fragments, every engine joins its fragments to
 * artifacts, and those stay whose namespaces stand there. Pure: the same snapshot gives the same bytes, whatever order
 * resources were declared in.
 */
export function compileFor(snapshot: Snapshot, machine: string): readonly Artifact[] {
  const fragments = new Map<string, Owned<unknown>[]>();
  for (const resource of snapshot.resources) {
    const feeds = kindNamed(resource.kind)?.feeds ?? {};
    for (const [engine, feed] of Object.entries(feeds)) {
      const list = fragments.get(engine) ?? [];
      const give = feed as (resource: unknown, snapshot: Snapshot, machine: string) => readonly unknown[];
      for (const fragment of give(resource, snapshot, machine)) list.push({ owner: keyOf(resource), fragment });
      fragments.set(engine, list);
    }
  }
  const engines = Object.keys(assemblers) as (keyof EngineFragments)[];
  const places = standing(snapshot);
  const artifacts = engines.flatMap((engine) => {
    // Each list was filled from feeds of this very engine: the registry's type ties the two together.
    const assemble = assemblers[engine] as (fragments: readonly Owned<unknown>[]) => readonly Artifact[];
    return assemble(fragments.get(engine) ?? []).filter((it) => standsOn(it, machine, places));
  });
  const held = new Set(artifacts.map((it) => it.id));
  // An artifact may name company that this snapshot does not have (a mirror whose source was stopped), or another machine.
  return inOrder(artifacts.map((it) => ({ ...it, needs: it.needs.filter((need) => held.has(need)) })));
}

/** An artifact stands where all of its namespaces do, and one without any on `local`. */
function standsOn(artifact: Artifact, machine: string, places: ReadonlyMap<string, readonly string[]>): boolean {
  if (places.size === 0) return machine === LOCAL;
  const namespaces = namespacesOf(artifact);
  if (namespaces.length === 0) return machine === LOCAL;
  return namespaces.every((it) => (places.get(it) ?? [LOCAL]).includes(machine));
}

function namespacesOf({ engine, input }: Artifact): readonly string[] {
  const { name, namespace, a, b } = input as Readonly<Record<string, unknown>>;
  if (engine === 'namespace') return texts(name);
  return [
    ...texts(namespace),
    ...[a, b].flatMap((it) => texts((it as { namespace?: unknown } | undefined)?.namespace)),
  ];
}

const texts = (value: unknown): string[] => (typeof value === 'string' ? [value] : []);
