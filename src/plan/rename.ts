import * as z from 'zod';
import type { Resource, Snapshot } from '#core/resource.ts';
import { snapshotOf } from '#core/snapshot.ts';
import { kindNamed } from '#kinds/index.ts';
import { unwrapped } from './issues.ts';
import { referencesOf, refOf } from './references.ts';

export interface Naming {
  readonly project: string;
  readonly kind: string;
  readonly name: string;
}

/** A place that refers to a resource. */
export interface Use {
  readonly kind: string;
  readonly name: string;
  readonly path: readonly (string | number)[];
}

/** Every place of a project that refers to a resource, in the order of the snapshot. */
export const usesOf = (snapshot: Snapshot, { project, kind, name }: Naming): readonly Use[] =>
  snapshot.resources
    .filter((it) => it.project === project)
    .flatMap((it) =>
      referencesOf(kindNamed(it.kind)?.spec, it.spec)
        .filter((ref) => ref.kind === kind && ref.name === name)
        .map(({ path }) => ({ kind: it.kind, name: it.name, path })),
    );

/** The snapshot with one resource under another name, and everything that refers to it referring to that. */
export const renamed = (snapshot: Snapshot, of: Naming, to: string): Snapshot =>
  snapshotOf(
    snapshot.resources.map((it): Resource => {
      if (it.project !== of.project) return it;
      const name = it.kind === of.kind && it.name === of.name ? to : it.name;
      const spec = withReferences(kindNamed(it.kind)?.spec, it.spec, (kind, old) =>
        kind === of.kind && old === of.name ? to : old,
      );
      return name === it.name && spec === it.spec ? it : { ...it, name, spec };
    }),
  );

/** The same value with its references replaced; the very same object when none was. */
function withReferences(schema: unknown, value: unknown, replace: (kind: string, name: string) => string): unknown {
  if (value === undefined || value === null) return value;
  const at = unwrapped(schema);
  if (at instanceof z.ZodString) {
    const kind = refOf(at);
    return kind === undefined ? value : replace(kind, String(value));
  }
  if (at instanceof z.ZodArray) {
    const items = (value as unknown[]).map((it) => withReferences(at.element, it, replace));
    return items.every((it, index) => it === (value as unknown[])[index]) ? value : items;
  }
  if (!(at instanceof z.ZodObject)) return value;
  const entries = Object.entries(value as object);
  const changed = entries.map(([field, it]) => [field, withReferences(at.shape[field], it, replace)] as const);
  return changed.every(([, it], index) => it === entries[index]?.[1]) ? value : Object.fromEntries(changed);
}
