import { Problem, type ProblemDocument } from '#core/problem.ts';
import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { snapshotOf } from '#core/snapshot.ts';
import { type AnyKind, kindNamed } from '#kinds/index.ts';
import { inSentence } from '#lib/text.ts';
import { ownerOf, type Unread, withoutImplied } from '#plan/admit.ts';
import { type Declared, dotted, parseResource, parseSite, type SiteFile } from '#plan/site.ts';

/** What a person may ask for. */
export type Change =
  /** The projects that the files name become exactly what the files say. */
  | { readonly type: 'site'; readonly files: readonly SiteFile[] }
  | {
      readonly type: 'put';
      readonly project: string;
      readonly kind: AnyKind;
      readonly name: string;
      readonly value: unknown;
      readonly mode: 'create' | 'replace';
    }
  | { readonly type: 'delete'; readonly project: string; readonly kind: AnyKind; readonly name: string }
  /** Back to how everything was at a revision. */
  | { readonly type: 'rollback'; readonly revision: number }
  | Choice;

/** Another choice for a resource than the one that was made before; what people declared stays as it is. */
export interface Choice {
  readonly type: 'choose';
  readonly project: string;
  readonly kind: AnyKind;
  readonly name: string;
  /** Makes the new choice from the resource as it is when the change is begun. */
  readonly choose: (resource: Resource) => unknown;
}

/** Everything that is declared once a change is made, and the mistakes in what it brings. Throws when it makes no sense. */
export function declaredBy(
  change: Exclude<Change, { type: 'rollback' }>,
  snapshot: Snapshot,
): Unread & { readonly declared: readonly Declared[] } {
  if (change.type === 'site') {
    const site = parseSite(change.files);
    const kept = withoutImplied(snapshot.resources).filter((it) => !site.projects.includes(it.project));
    return { declared: [...kept.map(asDeclared), ...site.declared], problems: site.problems, broken: site.broken };
  }
  if (change.type === 'choose')
    return { declared: withoutImplied(snapshot.resources).map(asDeclared), problems: [], broken: [] };
  const key = keyOf({ project: change.project, kind: change.kind.kind, name: change.name });
  refusePart(change, snapshot);
  const exists = snapshot.resources.some((it) => keyOf(it) === key);
  const others = withoutImplied(snapshot.resources)
    .filter((it) => keyOf(it) !== key)
    .map(asDeclared);
  const at = `${change.kind.plural}/${change.name}`;
  if (change.type === 'delete') {
    if (exists) return { declared: others, problems: [], broken: [] };
    throw new Problem('NOT_FOUND', {
      at,
      message: `there is no such ${inSentence(change.kind.title)} in project ${change.project}`,
      fix: `\`vauban get ${change.kind.plural}\` lists them.`,
    });
  }
  if (change.mode === 'create' && exists) {
    throw new Problem('ALREADY_EXISTS', {
      at,
      message: 'a resource of that kind and name exists',
      fix: 'Choose another name, or edit the one there is.',
    });
  }
  const place = (path: readonly (string | number)[]): string => [at, dotted(path)].filter(Boolean).join(' ');
  const one = parseResource({
    project: change.project,
    kind: change.kind,
    name: change.name,
    value: change.value,
    place,
  });
  return {
    declared: one.declared === undefined ? others : [...others, one.declared],
    problems: one.problems,
    broken: [],
  };
}

function refusePart(
  { project, kind, name }: Pick<Extract<Change, { type: 'put' }>, 'project' | 'kind' | 'name'>,
  snapshot: Snapshot,
): void {
  const owner = ownerOf(snapshot.resources, keyOf({ project, kind: kind.kind, name }));
  if (owner === undefined) return;
  throw new Problem('IN_USE', {
    at: `${kind.plural}/${name}`,
    message: `it is a part of ${owner.kind} ${owner.name}, which looks after it`,
    fix: kindNamed(owner.kind)?.ownedFix?.(owner, name) ?? `Change ${owner.kind} ${owner.name} instead.`,
  });
}

/** The snapshot with another choice for one resource. */
export function chosen(snapshot: Snapshot, { choose, ...it }: Choice): Snapshot {
  const key = keyOf({ ...it, kind: it.kind.kind });
  return snapshotOf(snapshot.resources.map((one) => (keyOf(one) === key ? { ...one, assigned: choose(one) } : one)));
}

/** All mistakes of a change. What keeps a resource from being deleted is that others still refer to it. */
export function refusal(change: Change, problems: readonly ProblemDocument[]): Problem {
  if (change.type !== 'delete' || problems.some((it) => it.code !== 'REFERENCE_DANGLING')) return Problem.all(problems);
  const users = problems.map((it) => it.at).join(', ');
  return new Problem('IN_USE', {
    at: `${change.kind.plural}/${change.name}`,
    message: `it is used by ${users}`,
    fix: 'Delete or change what uses it first.',
  });
}

/** A resource that is in force already, as if somebody had declared it again. */
export function asDeclared(resource: Resource): Declared {
  const { project, name, spec } = resource;
  const kind = kindNamed(resource.kind);
  if (kind === undefined)
    throw new Problem('INTERNAL', {
      at: keyOf(resource),
      message: 'its kind is unknown',
      fix: 'Run the version of Vauban that wrote it.',
    });
  const place = (path: readonly (string | number)[]): string =>
    [`${kind.plural}/${name}`, dotted(path)].filter(Boolean).join(' ');
  return { project, kind, name, spec, place };
}

/** For the history. */
export const described = (change: Change): string => {
  switch (change.type) {
    case 'site':
      return `apply ${change.files.map((it) => it.path).join(', ')}`;
    case 'put':
      return `${change.mode} ${change.kind.kind} ${change.name}`;
    case 'delete':
      return `delete ${change.kind.kind} ${change.name}`;
    case 'choose':
      return `change ${change.kind.kind} ${change.name}`;
    case 'rollback':
      return `roll back to revision ${change.revision}`;
  }
};
