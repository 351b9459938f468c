import * as z from 'zod';
import type { ProblemDocument } from '#core/problem.ts';
import { keyOf, type Resource } from '#core/resource.ts';
import { kindNamed } from '#kinds/index.ts';
import { isBound, isSealed, markFor, markOf, placeOf, type SealingKeys, seal } from '#lib/seal.ts';
import { unwrapped } from './issues.ts';
import type { Declared } from './site.ts';

type Path = readonly (string | number)[];

/**
 * Secrets come in plain, are checked plain, and are kept sealed. This is the step before the checks: a secret that is the
 * one we have becomes its sealed form, so that declaring it again changes nothing. A sealed value that is not the one we
 * have was copied from elsewhere; nobody could open it.
 */
export function recall(
  declared: Declared,
  before: Resource | undefined,
  keys: SealingKeys,
): { readonly declared: Declared; readonly problems: readonly ProblemDocument[] } {
  const problems: ProblemDocument[] = [];
  const foreign = (path: Path): void =>
    void problems.push({
      code: 'INVALID_DOCUMENT',
      at: declared.place(path),
      message: 'this sealed value is not the one that is kept here',
      fix: 'Write the secret itself, or name its file: `!file PATH`.',
    });
  const secrets = new Set<string>();
  const spec = mapSecrets(declared.kind.spec, declared.spec, (value, path) => {
    secrets.add(JSON.stringify(path));
    const known = at(before?.spec, path);
    if (value === known) return value;
    if (isSealed(value)) foreign(path);
    // One that is bound to no field yet is sealed anew.
    const isOurs = typeof known === 'string' && isBound(known) && markOf(known) === markFor(keys, value);
    return isOurs ? known : value;
  });
  // In a field that is no secret it would be opened on the machine, and shown: on a page, in a header.
  for (const path of sealedIn(declared.spec)) if (!secrets.has(JSON.stringify(path))) foreign(path);
  return { declared: { ...declared, spec }, problems };
}

/** Where sealed values stand, whatever the fields are. */
function sealedIn(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value === 'string') return isSealed(value) ? [path] : [];
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.flatMap((it, index) => sealedIn(it, [...path, index]));
  return Object.entries(value).flatMap(([field, it]) => sealedIn(it, [...path, field]));
}

/** The step after the checks: nothing that leaves here is in plain text. */
export const sealed = (resource: Resource, keys: SealingKeys): Resource => {
  const spec = mapSecrets(kindNamed(resource.kind)?.spec, resource.spec, (value, path) =>
    isSealed(value) ? value : seal(keys, value, placeOf(keyOf(resource), ...path)),
  );
  return spec === resource.spec ? resource : { ...resource, spec };
};

/** The same resource with its secrets in plain text, by whoever may open them. */
export function opened<R extends Resource>(resource: R, open: (value: string, place: string) => string): R {
  const spec = mapSecrets(kindNamed(resource.kind)?.spec, resource.spec, (value, path) =>
    isSealed(value) ? open(value, placeOf(keyOf(resource), ...path)) : value,
  );
  return spec === resource.spec ? resource : { ...resource, spec };
}

/** Whether a field is kept sealed. */
export const isSecret = (schema: unknown): boolean =>
  schema instanceof z.ZodType && z.globalRegistry.get(schema)?.['x-secret'] === true;

const known = new WeakMap<object, boolean>();

/** Whether a schema has a secret anywhere; most have none, and their specs need no walk. */
function holdsSecrets(schema: unknown): boolean {
  const here = unwrapped(schema);
  if (!(here instanceof z.ZodType)) return false;
  const before = known.get(here);
  if (before !== undefined) return before;
  const inner =
    here instanceof z.ZodObject
      ? Object.values(here.shape)
      : here instanceof z.ZodArray
        ? [here.element]
        : here instanceof z.ZodRecord
          ? [here.valueType]
          : [];
  const holds = isSecret(here) || inner.some(holdsSecrets);
  known.set(here, holds);
  return holds;
}

/** The same value with its secrets replaced; the very same object when none was. */
function mapSecrets(schema: unknown, value: unknown, replace: (secret: string, path: Path) => string): unknown {
  if (!holdsSecrets(schema)) return value;
  const walk = (schema: unknown, value: unknown, path: Path): unknown => {
    if (value === undefined || value === null) return value;
    const here = unwrapped(schema);
    if (here instanceof z.ZodString) return isSecret(here) ? replace(String(value), path) : value;
    if (here instanceof z.ZodArray)
      return same(
        value as unknown[],
        (value as unknown[]).map((it, index) => walk(here.element, it, [...path, index])),
      );
    const inner =
      here instanceof z.ZodObject
        ? (field: string): unknown => here.shape[field]
        : here instanceof z.ZodRecord
          ? (): unknown => here.valueType
          : undefined;
    if (inner === undefined) return value;
    const entries = Object.entries(value as object);
    const mapped = entries.map(([field, it]) => walk(inner(field), it, [...path, field]));
    const changed = entries.some(([, it], index) => it !== mapped[index]);
    return changed ? Object.fromEntries(entries.map(([field], index) => [field, mapped[index]])) : value;
  };
  return walk(schema, value, []);
}

const same = (before: unknown[], after: unknown[]): unknown[] =>
  before.every((it, index) => it === after[index]) ? before : after;

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (inner, step) =>
      inner !== null && typeof inner === 'object' ? (inner as Record<string, unknown>)[step] : undefined,
    value,
  );
