import { type Artifact, digestOf } from '#core/artifact.ts';
import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { kindNamed } from '#kinds/index.ts';
import { instance } from '#kinds/instance/kind.ts';
import { canonical } from '#lib/hash.ts';
import { isSealed } from '#lib/seal.ts';
import { exposure } from './exposure.ts';
import { movesBetween, namesOf } from './order.ts';

export interface FieldChange {
  /** `interfaces[0].address`; of things with names `rules[web-in].action`, and `rules[web-in]` when it moved. */
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface ResourceChange {
  readonly action: 'create' | 'update' | 'delete';
  readonly project: string;
  readonly kind: string;
  readonly name: string;
  readonly fields: readonly FieldChange[];
  /** What it does to traffic and hosts, one sentence each. */
  readonly meaning: readonly string[];
}

export interface ArtifactChange {
  readonly action: 'hold' | 'change' | 'release';
  readonly artifact: string;
  readonly engine: string;
  readonly owners: readonly string[];
}

/** The answer to "what would happen": resources as declared, and what machines would do about it. */
export interface Difference {
  readonly resources: readonly ResourceChange[];
  readonly artifacts: readonly ArtifactChange[];
}

export function resourceChanges(before: Snapshot, after: Snapshot): readonly ResourceChange[] {
  const old = new Map(before.resources.map((it) => [keyOf(it), it]));
  const now = new Map(after.resources.map((it) => [keyOf(it), it]));
  const keys = [...new Set([...old.keys(), ...now.keys()])].sort();
  return keys.flatMap((key) => {
    const was = old.get(key);
    const is = now.get(key);
    const one = is ?? was;
    if (
      one === undefined ||
      (was !== undefined &&
        is !== undefined &&
        canonical([was.spec, was.assigned]) === canonical([is.spec, is.assigned]))
    )
      return [];
    const meaning = [
      ...(kindNamed(one.kind)?.meaning?.(was, is, { before, after }) ?? []),
      ...exposed(was, is, { before, after }),
    ];
    const action = was === undefined ? 'create' : is === undefined ? 'delete' : 'update';
    const untold = kindNamed(one.kind)?.untold ?? [];
    const fields = fieldChanges(was, is).filter(({ field }) => !untold.some((it) => isWithin(field, it)));
    return [{ action, project: one.project, kind: one.kind, name: one.name, fields, meaning } as const];
  });
}

const isWithin = (field: string, path: string): boolean =>
  field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`);

/** A host's own kind knows no rules: what its tags open is told here. */
function exposed(
  was: Resource | undefined,
  is: Resource | undefined,
  snapshots: { readonly before: Snapshot; readonly after: Snapshot },
): string[] {
  if (was === undefined || is === undefined || is.kind !== instance.kind) return [];
  const [old, now] = [was, is].map((it, index) =>
    (index === 0 ? snapshots.before : snapshots.after).find(instance, it.project, it.name),
  );
  return old === undefined || now === undefined ? [] : exposure(old, now, snapshots);
}

function fieldChanges(was: Resource | undefined, is: Resource | undefined): FieldChange[] {
  const before = flat({ ...(was?.spec as object), ...(was?.assigned === undefined ? {} : { assigned: was.assigned }) });
  const after = flat({ ...(is?.spec as object), ...(is?.assigned === undefined ? {} : { assigned: is.assigned }) });
  const moves = was === undefined || is === undefined ? [] : moved(was.spec as object, is.spec as object);
  const changes = [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((field) => {
    const a = before.get(field);
    const b = after.get(field);
    if (canonical(a) === canonical(b)) return [];
    return [
      { field, ...(a === undefined ? {} : { before: shown(a) }), ...(b === undefined ? {} : { after: shown(b) }) },
    ];
  });
  return [...changes, ...moves];
}

/** Things of one list that stand elsewhere now. */
const moved = (was: object, is: object): readonly FieldChange[] =>
  Object.entries(is).flatMap(([field, list]) => {
    const before = (was as Readonly<Record<string, unknown>>)[field];
    const [old, now] = [before, list].map((it) => (Array.isArray(it) ? namesOf(it) : undefined));
    if (old === undefined || now === undefined) return [];
    return movesBetween(old, now).map((it) => ({
      field: `${field}[${it.name}]`,
      before: `place ${it.before}`,
      after: `place ${it.after}`,
    }));
  });

/** Nobody learns anything from the box that a secret is kept in. */
const shown = (value: unknown): unknown => (typeof value === 'string' && isSealed(value) ? '(secret)' : value);

/** Leaves by path; an empty list or mapping is a leaf, a list of plain values too. */
function flat(value: unknown, path = '', into = new Map<string, unknown>()): Map<string, unknown> {
  if (Array.isArray(value)) {
    if (value.every((it) => it === null || typeof it !== 'object')) into.set(path, value);
    else {
      const names = namesOf(value);
      for (const [index, item] of value.entries()) flat(item, `${path}[${names?.[index] ?? index}]`, into);
    }
  } else if (value !== null && typeof value === 'object' && (path === '' || Object.keys(value).length > 0)) {
    for (const [key, item] of Object.entries(value)) flat(item, path === '' ? key : `${path}.${key}`, into);
  } else if (path !== '') into.set(path, value);
  return into;
}

export function artifactChanges(before: readonly Artifact[], after: readonly Artifact[]): readonly ArtifactChange[] {
  const old = new Map(before.map((it) => [it.id, it]));
  const now = new Map(after.map((it) => [it.id, it]));
  const describe = (action: ArtifactChange['action'], it: Artifact): ArtifactChange => ({
    action,
    artifact: it.id,
    engine: it.engine,
    owners: it.owners,
  });
  return [
    ...before
      .filter((it) => !now.has(it.id))
      .toReversed()
      .map((it) => describe('release', it)),
    ...after.flatMap((it) => {
      const held = old.get(it.id);
      if (held === undefined) return [describe('hold', it)];
      return digestOf(held) === digestOf(it) ? [] : [describe('change', it)];
    }),
  ];
}
