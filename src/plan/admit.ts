import type { ProblemDocument } from '#core/problem.ts';
import type { Resource, Snapshot } from '#core/resource.ts';
import { keyOf } from '#core/resource.ts';
import { snapshotOf } from '#core/snapshot.ts';
import type { Objection } from '#kinds/define.ts';
import { type AnyKind, kindNamed, kinds } from '#kinds/index.ts';
import { isEnabled } from '#kinds/service/kind.ts';
import { didYouMean } from '#lib/text.ts';
import { referencesOf } from './references.ts';
import { type Declared, dotted } from './site.ts';

export interface Admission {
  readonly snapshot: Snapshot;
  readonly problems: readonly ProblemDocument[];
}

type Place = Declared['place'];

/**
 * Turns what people declared into a snapshot: adds what resources imply, checks services and references, chooses what was
 * left open (keeping earlier choices), and asks every kind whether the whole makes sense. Pure. With problems, the
 * snapshot must not be used.
 */
export function admit(declared: readonly Declared[], before: Snapshot): Admission {
  const old = new Map(before.resources.map((it) => [keyOf(it), it]));
  const places = new Map<string, Place>();
  const wanted = new Map<string, Resource>();
  const add = (it: Omit<Resource, 'assigned'>, place: Place): void => {
    const key = keyOf(it);
    places.set(key, place);
    wanted.set(key, {
      project: it.project,
      kind: it.kind,
      name: it.name,
      spec: it.spec,
      assigned: old.get(key)?.assigned,
    });
  };
  for (const it of declared) add({ project: it.project, kind: it.kind.kind, name: it.name, spec: it.spec }, it.place);
  for (const it of declared) {
    const resource = wanted.get(keyOf({ ...it, kind: it.kind.kind }));
    if (resource === undefined) continue;
    for (const implied of it.kind.implies?.(resource) ?? []) if (!wanted.has(keyOf(implied))) add(implied, it.place);
  }
  const problems: ProblemDocument[] = [];
  const report = (resource: Omit<Resource, 'spec' | 'assigned'>, objection: Objection): void => {
    const place = places.get(keyOf(resource));
    const { path, code = 'CONFLICTING', message, fix } = objection;
    problems.push({ code, at: place?.(path) ?? `${keyOf(resource)} ${dotted(path)}`, message, fix });
  };
  const snapshot = snapshotOf(wanted.values());
  for (const resource of snapshot.resources) {
    for (const objection of checkReferences(resource, snapshot)) report(resource, objection);
  }
  if (problems.length > 0) return { snapshot, problems };
  for (const kind of kinds) {
    if (kind.assign === undefined) continue;
    for (const resource of snapshot.all<unknown, unknown>(kind)) {
      const assigned = kind.assign(resource, snapshot) as unknown;
      if (isObjection(assigned)) report(resource, assigned);
      else snapshot.replace({ ...resource, assigned });
    }
  }
  if (problems.length > 0) return { snapshot, problems };
  for (const resource of snapshot.resources) {
    for (const objection of kindNamed(resource.kind)?.check?.(resource, snapshot) ?? []) report(resource, objection);
  }
  return { snapshot, problems };
}

const isObjection = (it: unknown): it is Objection =>
  it !== null && typeof it === 'object' && 'message' in it && 'fix' in it && 'path' in it;

function checkReferences(resource: Resource, snapshot: Snapshot): Objection[] {
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
    const near = didYouMean(name, candidates(found, snapshot, resource.project));
    const fix = near === undefined ? `Declare it under ${found.plural}, or name another.` : `Did you mean ${near}?`;
    objections.push({
      code: 'REFERENCE_DANGLING',
      path,
      message: `there is no ${found.title.toLowerCase()} named ${name}`,
      fix,
    });
  }
  return objections;
}

const candidates = (kind: AnyKind, snapshot: Snapshot, project: string): string[] => [
  ...snapshot.all(kind, project).map((it) => it.name),
  ...Object.keys(kind.catalogue ?? {}),
];
