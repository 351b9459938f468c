import { Problem, type ProblemDocument } from '#core/problem.ts';
import { keyOf, namePattern, nameRule, type Resource, type Snapshot } from '#core/resource.ts';
import { snapshotOf } from '#core/snapshot.ts';
import { type AnyKind, kindNamed } from '#kinds/index.ts';
import { count, inSentence } from '#lib/text.ts';
import { ownerOf, type Unread, withoutImplied } from '#plan/admit.ts';
import type { Configuration } from '#plan/backup.ts';
import { renamed } from '#plan/rename.ts';
import { type Declared, dotted, parseResource, parseSite, type SiteFile } from '#plan/site.ts';
import { choicesIn, declaredIn } from './restore.ts';

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
  /** Several resources of a project at once; those that are there are replaced, others are kept. */
  | { readonly type: 'put-many'; readonly project: string; readonly resources: readonly Put[] }
  | { readonly type: 'delete'; readonly project: string; readonly kind: AnyKind; readonly name: string }
  /** Another name for a resource, also wherever others refer to it. */
  | {
      readonly type: 'rename';
      readonly project: string;
      readonly kind: AnyKind;
      readonly name: string;
      readonly to: string;
    }
  /** The projects of a backup become exactly what they were there, with what was chosen there. */
  | { readonly type: 'restore'; readonly configuration: Configuration }
  /** Back to how everything was at a revision. */
  | { readonly type: 'rollback'; readonly revision: number }
  | Choice;

/** One of several resources that a person puts there. */
export interface Put {
  readonly kind: AnyKind;
  readonly name: string;
  readonly value: unknown;
  /** Where it came from, for messages: a line of a file. */
  readonly place?: string | undefined;
}

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
  if (change.type === 'restore') {
    const restored = declaredIn(change.configuration);
    const projects = new Set(change.configuration.resources.map((it) => it.project));
    const kept = withoutImplied(snapshot.resources).filter((it) => !projects.has(it.project));
    return { ...restored, declared: [...kept.map(asDeclared), ...restored.declared] };
  }
  if (change.type === 'choose')
    return { declared: withoutImplied(snapshot.resources).map(asDeclared), problems: [], broken: [] };
  if (change.type === 'rename') {
    const after = withAnotherName(snapshot, change);
    return { declared: withoutImplied(after.resources).map(asDeclared), problems: [], broken: [] };
  }
  if (change.type === 'put-many') return withPuts(change, snapshot);
  const key = keyOf({ project: change.project, kind: change.kind.kind, name: change.name });
  refusePart(change, snapshot.resources);
  const exists = snapshot.resources.some((it) => keyOf(it) === key);
  const others = withoutImplied(snapshot.resources)
    .filter((it) => keyOf(it) !== key)
    .map(asDeclared);
  const at = `${change.kind.plural}/${change.name}`;
  if (change.type === 'delete') {
    if (exists) return { declared: others, problems: [], broken: [] };
    throw unknownResource(change);
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

function withPuts(
  { project, resources }: Extract<Change, { type: 'put-many' }>,
  snapshot: Snapshot,
): ReturnType<typeof declaredBy> {
  // Looked up once: there may be thousands of both.
  const owners = snapshot.resources.filter((it) => kindNamed(it.kind)?.owns === true);
  const read = resources.map(({ kind, name, value, place: from }) => {
    refusePart({ project, kind, name }, owners);
    const at = [from, `${kind.plural}/${name}`].filter(Boolean).join(' ');
    const place = (path: readonly (string | number)[]): string => [at, dotted(path)].filter(Boolean).join(' ');
    return { key: keyOf({ project, kind: kind.kind, name }), ...parseResource({ project, kind, name, value, place }) };
  });
  const keys = new Set(read.map((it) => it.key));
  const kept = withoutImplied(snapshot.resources).filter((it) => !keys.has(keyOf(it)));
  return {
    declared: [...kept.map(asDeclared), ...read.flatMap((it) => it.declared ?? [])],
    problems: read.flatMap((it) => it.problems),
    broken: read.filter((it) => it.declared === undefined).map((it) => it.key),
  };
}

/** Throws when it is not there, when the new name is taken, and when machines know the resource by its name. */
function withAnotherName(snapshot: Snapshot, change: Extract<Change, { type: 'rename' }>): Snapshot {
  const { project, kind, name, to } = change;
  const at = `${kind.plural}/${name}`;
  if (!snapshot.all(kind, project).some((it) => it.name === name)) throw unknownResource(change);
  if (!namePattern.test(to))
    throw new Problem('INVALID_REQUEST', { at: to, message: nameRule, fix: 'Write such a name.' });
  if (snapshot.all(kind, project).some((it) => it.name === to) || Object.hasOwn(kind.catalogue ?? {}, to)) {
    throw new Problem('ALREADY_EXISTS', {
      at: `${kind.plural}/${to}`,
      message: 'a resource of that kind and name exists',
      fix: 'Choose another name.',
    });
  }
  if (Object.keys(kind.feeds).length > 0) {
    throw new Problem('UNMET', {
      at,
      message: `machines know a ${inSentence(kind.title)} by its name`,
      fix: 'Declare another one with the new name, move what refers to it, and delete the old one.',
    });
  }
  return renamed(snapshot, { project, kind: kind.kind, name }, to);
}

const unknownResource = ({
  project,
  kind,
  name,
}: Pick<Extract<Change, { type: 'rename' }>, 'project' | 'kind' | 'name'>) =>
  new Problem('NOT_FOUND', {
    at: `${kind.plural}/${name}`,
    message: `there is no such ${inSentence(kind.title)} in project ${project}`,
    fix: `\`vauban get ${kind.plural}\` lists them.`,
  });

function refusePart(
  { project, kind, name }: Pick<Extract<Change, { type: 'put' }>, 'project' | 'kind' | 'name'>,
  resources: readonly Resource[],
): void {
  const owner = ownerOf(resources, keyOf({ project, kind: kind.kind, name }));
  if (owner === undefined) return;
  throw new Problem('IN_USE', {
    at: `${kind.plural}/${name}`,
    message: `it is a part of ${owner.kind} ${owner.name}, which looks after it`,
    fix: kindNamed(owner.kind)?.ownedFix?.(owner, name) ?? `Change ${owner.kind} ${owner.name} instead.`,
  });
}

/** The snapshot with another choice for one resource. */
function chosen(snapshot: Snapshot, { choose, ...it }: Choice): Snapshot {
  const key = keyOf({ ...it, kind: it.kind.kind });
  return snapshotOf(snapshot.resources.map((one) => (keyOf(one) === key ? { ...one, assigned: choose(one) } : one)));
}

/** What was chosen before, under the names that resources have after the change. */
export function formerOf(change: Exclude<Change, { type: 'rollback' }>, snapshot: Snapshot): Snapshot {
  if (change.type === 'choose') return chosen(snapshot, change);
  if (change.type === 'restore') return choicesIn(change.configuration, snapshot);
  return change.type === 'rename' ? withAnotherName(snapshot, change) : snapshot;
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
    case 'put-many':
      return `import ${count(change.resources.length, 'resource')}`;
    case 'delete':
      return `delete ${change.kind.kind} ${change.name}`;
    case 'rename':
      return `rename ${change.kind.kind} ${change.name} to ${change.to}`;
    case 'choose':
      return `change ${change.kind.kind} ${change.name}`;
    case 'restore':
      return 'restore a backup';
    case 'rollback':
      return `roll back to revision ${change.revision}`;
  }
};
