import type { ProblemDocument } from '#core/problem.ts';
import { keyOf, type Resource, type ResourceKey, type Snapshot } from '#core/resource.ts';
import { type Draft, snapshotOf } from '#core/snapshot.ts';
import type { Facts, Objection } from '#kinds/define.ts';
import { type AnyKind, kindNamed, kinds } from '#kinds/index.ts';
import { isEnabled } from '#kinds/service/kind.ts';
import { canonical } from '#lib/hash.ts';
import { byText, didYouMean, inSentence } from '#lib/text.ts';
import { referencesOf } from './references.ts';
import { type Declared, dotted } from './site.ts';

export interface Admission {
  readonly snapshot: Snapshot;
  readonly problems: readonly ProblemDocument[];
}

type Place = Declared['place'];

/** What could not even be read: its mistakes, and the keys that stand for it. */
export interface Unread {
  readonly problems: readonly ProblemDocument[];
  readonly broken: readonly ResourceKey[];
}

const nothingUnread: Unread = { problems: [], broken: [] };
const noFacts: Facts = { unwell: new Set() };

/**
 * Turns what people declared into a snapshot: adds what resources imply, checks services and references, chooses what was
 * left open (keeping earlier choices), and asks every kind whether the whole makes sense. Pure. All mistakes are found in
 * one go: what a mistake makes unusable is left out for the steps after it. With problems, the snapshot must not be used.
 */
export function admit(
  declared: readonly Declared[],
  before: Snapshot,
  unread: Unread = nothingUnread,
  facts: Facts = noFacts,
): Admission {
  const { wanted, places, objections } = gathered(declared, before, facts);
  const problems: ProblemDocument[] = [...unread.problems];
  const bad = new Set<ResourceKey>();
  const report = (resource: Omit<Resource, 'spec' | 'assigned'>, objection: Objection): void => {
    const key = keyOf(resource);
    const { path, code = 'CONFLICTING', message, fix } = objection;
    bad.add(key);
    problems.push({ code, at: places.get(key)?.(path) ?? `${key} ${dotted(path)}`, message, fix });
  };
  for (const { resource, objection } of objections) report(resource, objection);
  const whole = snapshotOf(wanted.values());
  const broken = new Set(unread.broken);
  for (const resource of whole.resources) {
    for (const objection of checkReferences(resource, whole, broken)) report(resource, objection);
  }
  /** In a part of the whole, what is missing may be what was left out: only contradictions are certain. */
  const certain = ({ code = 'CONFLICTING' }: Objection): boolean =>
    problems.length === 0 || code === 'CONFLICTING' || code === 'INVALID_DOCUMENT';
  const sound = withoutAll(whole, bad, broken);
  for (const kind of kinds) {
    if (kind.assign === undefined) continue;
    for (const resource of sound.all<unknown, unknown>(kind)) {
      const assigned = kind.assign(resource, sound) as unknown;
      if (!isObjection(assigned)) sound.replace({ ...resource, assigned });
      else if (certain(assigned)) report(resource, assigned);
      else bad.add(keyOf(resource));
    }
  }
  const snapshot = withoutAll(sound, bad, broken);
  for (const resource of snapshot.resources) {
    const objections = kindNamed(resource.kind)?.check?.(resource, snapshot) ?? [];
    for (const objection of objections.filter(certain)) report(resource, objection);
  }
  return { snapshot, problems: problems.toSorted(byPlace) };
}

interface Gathered {
  readonly wanted: ReadonlyMap<ResourceKey, Resource>;
  readonly places: ReadonlyMap<ResourceKey, Place>;
  readonly objections: readonly {
    readonly resource: Omit<Resource, 'spec' | 'assigned'>;
    readonly objection: Objection;
  }[];
}

/** What is declared, and what that brings with it. */
function gathered(declared: readonly Declared[], before: Snapshot, facts: Facts): Gathered {
  const old = new Map(before.resources.map((it) => [keyOf(it), it]));
  const places = new Map<ResourceKey, Place>();
  const wanted = new Map<ResourceKey, Resource>();
  const objections: Gathered['objections'][number][] = [];
  const add = ({ project, kind, name, spec }: Omit<Resource, 'assigned'>, place: Place): void => {
    const key = keyOf({ project, kind, name });
    places.set(key, place);
    wanted.set(key, { project, kind, name, spec, assigned: old.get(key)?.assigned });
  };
  for (const it of declared) add({ project: it.project, kind: it.kind.kind, name: it.name, spec: it.spec }, it.place);
  const bringing = declared.filter((it) => it.kind.implies !== undefined);
  const all = bringing.some((it) => it.kind.decide !== undefined) ? snapshotOf(wanted.values()) : undefined;
  for (const { kind, place, ...it } of bringing) {
    let resource = wanted.get(keyOf({ ...it, kind: kind.kind }));
    if (resource === undefined) continue;
    if (kind.decide !== undefined && all !== undefined) {
      const decided = kind.decide(resource, all, facts) as unknown;
      if (isObjection(decided)) {
        objections.push({ resource, objection: decided });
        continue;
      }
      resource = { ...resource, assigned: decided };
      wanted.set(keyOf(resource), resource);
    }
    for (const implied of kind.implies?.(resource) ?? []) {
      if (!wanted.has(keyOf(implied))) add(implied, place);
      else if (kind.owns === true) objections.push({ resource: implied, objection: ownedObjection(resource) });
    }
  }
  return { wanted, places, objections };
}

const ownedObjection = (owner: Pick<Resource, 'kind' | 'name'>): Objection => ({
  code: 'CONFLICTING',
  path: [],
  message: `${owner.kind} ${owner.name} has one of that name of its own`,
  fix: `Choose another name, or change ${owner.kind} ${owner.name} instead.`,
});

/** The snapshot without these resources and without everything that refers to them, however far. */
function withoutAll(snapshot: Draft, bad: ReadonlySet<ResourceKey>, broken: ReadonlySet<ResourceKey>): Draft {
  if (bad.size === 0 && broken.size === 0) return snapshot;
  const out = new Set<ResourceKey>([...bad, ...broken]);
  const targets = new Map(snapshot.resources.map((it) => [keyOf(it), targetsOf(it)]));
  for (let size = -1; size !== out.size; ) {
    size = out.size;
    for (const [key, list] of targets) if (list.some((it) => out.has(it))) out.add(key);
  }
  return snapshotOf(snapshot.resources.filter((it) => !out.has(keyOf(it))));
}

const targetsOf = ({ project, kind, spec }: Resource): ResourceKey[] =>
  referencesOf(kindNamed(kind)?.spec, spec).map((it) => keyOf({ project, kind: it.kind, name: it.name }));

/** By file, line and column where there are such, so that a person mends from top to bottom. */
function byPlace(a: ProblemDocument, b: ProblemDocument): number {
  const [left, right] = [a, b].map((it) => /^(.*?):(\d+):(\d+)/.exec(it.at));
  if (left == null || right == null) return 0;
  return (
    byText(left[1] ?? '', right[1] ?? '') || Number(left[2]) - Number(right[2]) || Number(left[3]) - Number(right[3])
  );
}

/** Resources that others bring with them, as they brought them: whoever changes those gets them anew. */
export function withoutImplied(resources: readonly Resource[]): readonly Resource[] {
  const implied = new Map<ResourceKey, string>();
  const owned = new Set<ResourceKey>();
  for (const resource of resources) {
    const kind = kindNamed(resource.kind);
    for (const it of kind?.implies?.(resource) ?? []) {
      implied.set(keyOf(it), canonical(it.spec));
      if (kind?.owns === true) owned.add(keyOf(it));
    }
  }
  if (implied.size === 0) return resources;
  return resources.filter((it) => !owned.has(keyOf(it)) && implied.get(keyOf(it)) !== canonical(it.spec));
}

/** The resource that a resource is a part of, when it is: changing the part means changing the owner. */
export const ownerOf = (resources: readonly Resource[], key: ResourceKey): Resource | undefined =>
  resources.find((it) => {
    const kind = kindNamed(it.kind);
    return kind?.owns === true && (kind.implies?.(it) ?? []).some((implied) => keyOf(implied) === key);
  });

const isObjection = (it: unknown): it is Objection =>
  it !== null && typeof it === 'object' && 'message' in it && 'fix' in it && 'path' in it;

function checkReferences(resource: Resource, snapshot: Snapshot, broken: ReadonlySet<ResourceKey>): Objection[] {
  const kind = kindNamed(resource.kind);
  if (kind === undefined) return [];
  const objections: Objection[] = [];
  if (kind.service !== undefined && !isEnabled(snapshot, resource.project, kind.service)) {
    const short = kind.service.replace('.googleapis.com', '');
    objections.push({
      code: 'SERVICE_DISABLED',
      path: [],
      message: `${kind.service} has not been used in project ${resource.project} before or it is disabled`,
      fix: `Enable it: \`services: { ${short}: {} }\` in the site, or \`vauban create service ${short}\`.`,
    });
  }
  for (const { path, kind: target, name } of referencesOf(kind.spec, resource.spec)) {
    const found = kindNamed(target);
    if (found === undefined || snapshot.find(found, resource.project, name) !== undefined) continue;
    if (broken.has(keyOf({ project: resource.project, kind: target, name }))) continue;
    const near = didYouMean(name, candidates(found, resource.project, { snapshot, broken }));
    const fix = near === undefined ? `Declare it under ${found.plural}, or name another.` : `Did you mean ${near}?`;
    objections.push({
      code: 'REFERENCE_DANGLING',
      path,
      message: `there is no ${inSentence(found.title)} named ${name}`,
      fix,
    });
  }
  return objections;
}

/** What has a mistake of its own is declared all the same. */
const candidates = (
  kind: AnyKind,
  project: string,
  { snapshot, broken }: { readonly snapshot: Snapshot; readonly broken: ReadonlySet<ResourceKey> },
): string[] => [
  ...snapshot.all(kind, project).map((it) => it.name),
  ...[...broken].flatMap((it) => {
    const name = it.slice(it.lastIndexOf('/') + 1);
    return it === keyOf({ project, kind: kind.kind, name }) ? [name] : [];
  }),
  ...Object.keys(kind.catalogue ?? {}),
];
