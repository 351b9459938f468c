import type { Artifact } from '#core/artifact.ts';
import { inOrder } from '#core/artifact.ts';
import { keyOf, type Snapshot } from '#core/resource.ts';
import { assemblers } from '#engines/assemblers.ts';
import type { EngineFragments, Owned } from '#engines/fragments.ts';
import { kindNamed } from '#kinds/index.ts';

/**
 * What a machine must hold for a snapshot: every kind's feeds give fragments, every engine joins its fragments to
 * artifacts. Pure: the same snapshot gives the same bytes, whatever order resources were declared in.
 */
export function compile(snapshot: Snapshot): readonly Artifact[] {
  const fragments = new Map<string, Owned<unknown>[]>();
  for (const resource of snapshot.resources) {
    const feeds = kindNamed(resource.kind)?.feeds ?? {};
    for (const [engine, feed] of Object.entries(feeds)) {
      const list = fragments.get(engine) ?? [];
      const give = feed as (resource: unknown, snapshot: Snapshot) => readonly unknown[];
      for (const fragment of give(resource, snapshot)) list.push({ owner: keyOf(resource), fragment });
      fragments.set(engine, list);
    }
  }
  const engines = Object.keys(assemblers) as (keyof EngineFragments)[];
  const artifacts = engines.flatMap((engine) => {
    // Each list was filled from feeds of this very engine: the registry's type ties the two together.
    const assemble = assemblers[engine] as (fragments: readonly Owned<unknown>[]) => readonly Artifact[];
    return assemble(fragments.get(engine) ?? []);
  });
  const held = new Set(artifacts.map((it) => it.id));
  // An artifact may name company that this snapshot does not have (a mirror whose source was stopped).
  return inOrder(artifacts.map((it) => ({ ...it, needs: it.needs.filter((need) => held.has(need)) })));
}
