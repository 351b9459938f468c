import { type Context, Hono } from 'hono';
import { type ResourceStatus, statuses } from '#control/observations.ts';
import type { Stored } from '#control/store/store.ts';
import { Problem } from '#core/problem.ts';
import { keyOf, type Resource } from '#core/resource.ts';
import { type AnyKind, kindNamed, kinds } from '#kinds/index.ts';
import { instance } from '#kinds/instance/kind.ts';
import { instanceGroup } from '#kinds/instance-group/kind.ts';
import { byText, didYouMean, inSentence } from '#lib/text.ts';
import { usesOf } from '#plan/rename.ts';
import { dotted } from '#plan/site.ts';
import { begun } from './audit.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { ChangeQuery, RenameRequest, ResourcesQuery, ViewQuery } from './requests.ts';
import { needs } from './steps.ts';

/** A resource as the API shows it. */
export interface ResourceDocument {
  readonly project: string;
  readonly kind: string;
  readonly name: string;
  readonly spec: unknown;
  readonly assigned: unknown;
  readonly etag: string;
  readonly createTime: string;
  readonly updateTime: string;
  readonly status: ResourceStatus;
  /** True: built in, not declared by anybody. */
  readonly builtIn?: boolean;
  /** Who refers to it, and in which field; only of one resource that is asked for by name. */
  readonly usedBy?: readonly { readonly kind: string; readonly name: string; readonly path: string }[];
  /** Title of a column to what it shows, in their order; only of what is asked for as a table. */
  readonly cells?: Readonly<Record<string, string>>;
}

type StatusOf = (owner: string) => ResourceStatus;

/** How every resource is doing, those included that an operation is only just making. */
async function statusesOf({ control, observer, operations, groups }: ApiParts): Promise<StatusOf> {
  const held = new Set(control.artifacts.map((it) => it.id));
  const coming = (control.coming?.artifacts ?? []).filter((it) => !held.has(it.id));
  const statusOf = statuses([...control.artifacts, ...coming], await observer.latest(), operations.underWay());
  // Of a group its hosts tell how it is doing: the group itself is nothing on a machine.
  const waiting = new Map(
    control.snapshot.all(instanceGroup).flatMap((it) => {
      const detail = groups.waits(it);
      return detail === undefined ? [] : [[keyOf(it), { state: 'UPDATING', detail, values: {} }] as const];
    }),
  );
  return (owner) => waiting.get(owner) ?? statusOf(owner);
}

const documentOf = (stored: Stored, statusOf: StatusOf): ResourceDocument => {
  const { project, kind, name, spec, assigned } = stored.resource;
  return {
    project,
    kind,
    name,
    spec,
    assigned: assigned ?? {},
    etag: String(stored.revision),
    createTime: stored.createTime,
    updateTime: stored.updateTime,
    status: statusOf(keyOf(stored.resource)),
  };
};

/** What an operation is making: it is no part of the revision in force yet. */
function comingOf({ control }: ApiParts, kind: AnyKind, project: string, statusOf: StatusOf): ResourceDocument[] {
  const { coming } = control;
  return (coming?.snapshot.all<unknown, unknown>(kind, project) ?? [])
    .filter((it) => control.stored(project, kind, it.name) === undefined)
    .map((resource) => {
      const times = { createTime: coming?.time ?? '', updateTime: coming?.time ?? '' };
      const document = documentOf({ resource, revision: coming?.revision ?? 0, ...times }, statusOf);
      const { values } = document.status;
      return document.status.state === 'CREATING' ? document : { ...document, status: { state: 'CREATING', values } };
    });
}

/** A row of the table that lists a kind. It ends with the state, unless the kind has a column of its own for that. */
function withCells(kind: AnyKind, it: ResourceDocument): ResourceDocument {
  const resource: Resource = {
    project: it.project,
    kind: it.kind,
    name: it.name,
    spec: it.spec,
    assigned: it.assigned,
  };
  const isTold = kind.columns.some(({ title }) => /^STAT(E|US)$/.test(title));
  const cells = [
    [kind.nameTitle ?? 'NAME', it.name],
    ...kind.columns.map(({ title, value }) => [title, value(resource, it.status)]),
    ...(isTold ? [] : [['STATE', it.status.state]]),
  ];
  return { ...it, cells: Object.fromEntries(cells) };
}

const catalogueOf = (kind: AnyKind, project: string): ResourceDocument[] =>
  Object.entries(kind.catalogue ?? {}).map(([name, spec]) => ({
    project,
    kind: kind.kind,
    name,
    spec: spec as unknown,
    assigned: {},
    etag: '0',
    createTime: '',
    updateTime: '',
    status: { state: 'READY', values: {} },
    builtIn: true,
  }));

const place = (context: Context<Env>): { project: string; kind: AnyKind; name: string } => {
  const plural = context.req.param('plural') ?? '';
  const kind = kindNamed(plural);
  if (kind === undefined || kind.plural !== plural) {
    const near = didYouMean(
      plural,
      kinds.map((it) => it.plural),
    );
    throw new Problem('NOT_FOUND', {
      at: plural,
      message: `there is no kind ${plural}`,
      fix: near === undefined ? `Kinds are ${kinds.map((it) => it.plural).join(', ')}.` : `Did you mean ${near}?`,
    });
  }
  return { project: context.req.param('project') ?? '', kind, name: context.req.param('name') ?? '' };
};

export const missing = (
  kind: AnyKind,
  name: string,
  { project, names }: { project: string; names: Iterable<string> },
): Problem => {
  const near = didYouMean(name, names);
  return new Problem('NOT_FOUND', {
    at: `${kind.plural}/${name}`,
    message: `there is no ${inSentence(kind.title)} of that name in project ${project}`,
    fix: near === undefined ? `\`vauban get ${kind.plural}\` lists them.` : `Did you mean ${near}?`,
  });
};

/** Reading asks for a project that is there; writing makes it. */
function known(control: ApiParts['control'], project: string): void {
  const projects = [...control.snapshot.projects, ...(control.coming?.snapshot.projects ?? [])];
  if (projects.includes(project)) return;
  const near = didYouMean(project, projects);
  throw new Problem('NOT_FOUND', {
    at: `projects/${project}`,
    message: 'there is no such project',
    fix: near === undefined ? '`vauban get projects` lists them.' : `Did you mean ${near}?`,
  });
}

/** `If-Match: "12"`, as HTTP writes it. */
const etagOf = (context: Context<Env>): { etag?: string } => {
  const etag = /^(?:W\/)?"?([^"]*)"?$/.exec(context.req.header('if-match') ?? '')?.[1];
  return etag === undefined || etag === '' || etag === '*' ? {} : { etag };
};

/** Every kind's routes, from the registry. */
export function resourceRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  const { control } = parts;
  const base = '/projects/:project/:plural';

  app.get('/projects', (context) => context.json({ projects: control.snapshot.projects }));

  /** Sorted by name: what is declared, what is being made, what is built in. */
  const listOf = async (kind: AnyKind, project: string): Promise<ResourceDocument[]> => {
    const statusOf = await statusesOf(parts);
    const declared = control.storedAll(kind, project).map((it) => documentOf(it, statusOf));
    const coming = comingOf(parts, kind, project, statusOf);
    const names = new Set([...declared, ...coming].map((it) => it.name));
    const builtIn = catalogueOf(kind, project).filter((it) => !names.has(it.name));
    return [...declared, ...coming, ...builtIn].toSorted((a, b) => byText(a.name, b.name));
  };

  app.get(base, async (context) => {
    const { project, kind } = place(context);
    const { limit, pageToken, view } = parsedBy(ResourcesQuery, context.req.query());
    known(control, project);
    const after = pageToken === undefined ? '' : Buffer.from(pageToken, 'base64url').toString();
    const rest = (await listOf(kind, project)).filter((it) => it.name > after);
    const page = rest.slice(0, Number(limit));
    const items = view === 'table' ? page.map((it) => withCells(kind, it)) : page;
    const last = items.at(-1)?.name;
    const more = rest.length > items.length && last !== undefined;
    return context.json({ items, ...(more ? { nextPageToken: Buffer.from(last).toString('base64url') } : {}) });
  });

  app.get(`${base}/:name`, async (context) => {
    const { project, kind, name } = place(context);
    const { view } = parsedBy(ViewQuery, context.req.query());
    known(control, project);
    const all = await listOf(kind, project);
    const wanted = kind.alias?.(name);
    const found = all.find((it) => it.name === name) ?? all.find((it) => it.name === wanted);
    if (found === undefined) throw missing(kind, name, { project, names: all.map((it) => it.name) });
    if (found.builtIn !== true) context.header('etag', `"${found.etag}"`);
    const uses = usesOf(control.snapshot, { project, kind: kind.kind, name: found.name });
    const document = view === 'table' ? withCells(kind, found) : found;
    return context.json({ ...document, usedBy: uses.map((it) => ({ ...it, path: dotted(it.path) })) });
  });

  app.post(`${base}/:name/rename`, needs('operator'), async (context) => {
    const { project, kind, name } = place(context);
    const { to } = parsedBy(RenameRequest, await bodyOf(context));
    const author = context.get('identity').name;
    return begun(context, parts, await control.apply({ type: 'rename', project, kind, name, to }, { author }), { to });
  });

  const change = async (context: Context<Env>, mode: 'create' | 'replace' | 'delete'): Promise<Response> => {
    const { project, kind, name } = place(context);
    const author = context.get('identity').name;
    const { dryRun, confirmSeconds } = parsedBy(ChangeQuery, context.req.query());
    const confirm = confirmSeconds === undefined ? {} : { confirmSeconds: Number(confirmSeconds) };
    const options = { author, ...etagOf(context), ...confirm };
    const request =
      mode === 'delete'
        ? ({ type: 'delete', project, kind, name } as const)
        : ({ type: 'put', project, kind, name, value: await bodyOf(context), mode } as const);
    if (dryRun === 'true') return context.json(await control.plan(request));
    return begun(context, parts, await control.apply(request, options));
  };
  app.post(`${base}/:name`, needs('operator'), (context) => change(context, 'create'));
  app.put(`${base}/:name`, needs('operator'), (context) => change(context, 'replace'));
  app.delete(`${base}/:name`, needs('operator'), (context) => change(context, 'delete'));

  app.post('/projects/:project/instances/:name/reset', needs('operator'), async (context) => {
    const { project, name } = context.req.param();
    await parts.host.reset(sandboxArtifact(parts, instanceNamed(parts, project, name).resource));
    return context.json({});
  });
  return app;
}

/** Throws NOT_FOUND with what there is instead. */
export function instanceNamed({ control }: Pick<ApiParts, 'control'>, project: string, name: string): Stored {
  const stored = control.stored(project, instance, name);
  if (stored !== undefined) return stored;
  throw missing(instance, name, { project, names: control.snapshot.all(instance, project).map((it) => it.name) });
}

/** The artifact that runs an instance. */
export function sandboxArtifact(parts: ApiParts, resource: Resource): string {
  const owner = keyOf(resource);
  const found = parts.control.artifacts.find((it) => it.engine === 'sandbox' && it.owners.includes(owner));
  if (found !== undefined) return found.id;
  throw new Problem('UNMET', {
    at: owner,
    message: 'it is not an instance that runs',
    fix: '`vauban get instances` lists them.',
  });
}
