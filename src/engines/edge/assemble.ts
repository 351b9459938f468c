import { canonical } from '#lib/hash.ts';
import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import { type EdgeFragment, type EdgeInput, listSections, singleSections } from './input.ts';

export const edgeId = (project: string): string => `edge/${project}`;

/** A project has an edge service as soon as there is something to decide; people alone need none. */
export const assembleEdges: Assemble<EdgeFragment, EdgeInput> = (fragments) =>
  [...grouped(fragments, (it) => it.project.id)].flatMap(([id, group]) => {
    const input = joined(group.fragments);
    const decides =
      input.services.length > 0 ||
      input.bindings.length > 0 ||
      input.tunnel !== undefined ||
      input.vpnServers.length > 0 ||
      input.portals.length > 0;
    if (!decides) return [];
    const needs = [namespaceId(input.project.namespace)];
    return [{ id: edgeId(id), engine: 'edge', owners: group.owners, needs, input }];
  });

/** Entries in one order, whatever the order of the fragments. */
function joined(fragments: readonly EdgeFragment[]): EdgeInput {
  const list = (section: (typeof listSections)[number]): readonly unknown[] =>
    fragments
      .flatMap((it): readonly unknown[] => it[section] ?? [])
      .map((entry) => ({ entry, order: canonical(entry) }))
      .sort((a, b) => byText(a.order, b.order))
      .map(({ entry }) => entry);
  const single = (section: (typeof singleSections)[number]): unknown =>
    fragments.find((it) => it[section] !== undefined)?.[section];
  // Each section was typed where the fragment was made; going through the names of the sections loses that.
  return Object.fromEntries([
    ['project', fragments[0]?.project],
    ...listSections.map((it) => [it, list(it)]),
    ...singleSections.flatMap((it) => (single(it) === undefined ? [] : [[it, single(it)]])),
  ]) as EdgeInput;
}
