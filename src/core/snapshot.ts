import { byText } from '#lib/text.ts';
import { Problem } from './problem.ts';
import { type KindOf, keyOf, type Resource, type Snapshot } from './resource.ts';

const byPlace = (a: Resource, b: Resource): number =>
  byText(a.project, b.project) || byText(a.kind, b.kind) || byText(a.name, b.name);

/** A snapshot in the making: a resource may be replaced by another of the same key. */
export interface Draft extends Snapshot {
  replace(resource: Resource): void;
}

/** Freezes resources that have been parsed by their kinds. Later entries of the same key replace earlier ones. */
export function snapshotOf(resources: Iterable<Resource>): Draft {
  const latest = new Map<string, Resource>();
  for (const resource of resources) latest.set(keyOf(resource), Object.freeze(resource));
  const sorted = [...latest.values()].sort(byPlace);
  const index = new Map(sorted.map((it, position) => [keyOf(it), position]));
  const byKind = new Map<string, number[]>();
  for (const [position, { kind }] of sorted.entries()) {
    const list = byKind.get(kind);
    if (list === undefined) byKind.set(kind, [position]);
    else list.push(position);
  }
  // The kind's schema parsed every spec on the way in, so the casts below only give back the type it had there.
  const at = (position: number | undefined): Resource | undefined =>
    position === undefined ? undefined : sorted[position];
  const find = <S, A>(kind: KindOf<S, A>, project: string, name: string): Resource<S, A> | undefined =>
    (at(index.get(`${project}/${kind.kind}/${name}`)) as Resource<S, A> | undefined) ?? builtIn(kind, project, name);
  const builtIn = <S, A>(kind: KindOf<S, A>, project: string, name: string): Resource<S, A> | undefined => {
    const other = kind.alias?.(name);
    if (other !== undefined && other !== name) return find(kind, project, other);
    const spec = Object.hasOwn(kind.catalogue ?? {}, name) ? kind.catalogue?.[name] : undefined;
    return spec === undefined ? undefined : { project, kind: kind.kind, name, spec, assigned: undefined as A };
  };
  return {
    resources: sorted,
    projects: [...new Set(sorted.map((it) => it.project))],
    all: <S, A>(kind: KindOf<S, A>, project?: string) =>
      (byKind.get(kind.kind) ?? [])
        .flatMap((position) => at(position) ?? [])
        .filter((it) => project === undefined || it.project === project) as Resource<S, A>[],
    find,
    get: (kind, project, name) => {
      const found = find(kind, project, name);
      if (found !== undefined) return found;
      throw new Problem('INTERNAL', {
        at: `${project}/${kind.kind}/${name}`,
        message: 'a compiler asked for a resource that the snapshot does not hold',
        fix: 'Report this with the site file.',
      });
    },
    replace: (resource) => {
      const position = index.get(keyOf(resource));
      if (position === undefined) throw new RangeError(`not in the draft: ${keyOf(resource)}`);
      sorted[position] = Object.freeze(resource);
    },
  };
}

export const emptySnapshot: Snapshot = snapshotOf([]);
