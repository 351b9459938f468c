import { type Context, Hono } from 'hono';
import { type Observations, type ResourceStatus, statusOf } from '#control/observations.ts';
import type { Stored } from '#control/store/store.ts';
import { Problem } from '#core/problem.ts';
import { keyOf, type Resource } from '#core/resource.ts';
import { type AnyKind, kindNamed, kinds } from '#kinds/index.ts';
import { inSentence } from '#lib/text.ts';
import { begun } from './audit.ts';
import { bodyOf } from './body.ts';
import type { ApiParts, Env } from './context.ts';
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
}

const documentOf = (parts: ApiParts, stored: Stored, seen: Observations): ResourceDocument => {
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
    status: statusOf(keyOf(stored.resource), parts.control.artifacts, seen),
  };
};

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
    throw new Problem('NOT_FOUND', {
      at: plural,
      message: `there is no kind ${plural}`,
      fix: `Kinds are ${kinds.map((it) => it.plural).join(', ')}.`,
    });
  }
  return { project: context.req.param('project') ?? '', kind, name: context.req.param('name') ?? '' };
};

const missing = (kind: AnyKind, project: string, name: string): Problem =>
  new Problem('NOT_FOUND', {
    at: `${kind.plural}/${name}`,
    message: `there is no ${inSentence(kind.title)} of that name in project ${project}`,
    fix: `\`vauban get ${kind.plural}\` lists them.`,
  });

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

  app.get(base, async (context) => {
    const { project, kind } = place(context);
    const seen = await parts.observer.latest();
    const declared = control.storedAll(kind, project).map((it) => documentOf(parts, it, seen));
    const names = new Set(declared.map((it) => it.name));
    const builtIn = catalogueOf(kind, project).filter((it) => !names.has(it.name));
    return context.json({ items: [...declared, ...builtIn] });
  });

  app.get(`${base}/:name`, async (context) => {
    const { project, kind, name } = place(context);
    const stored = control.stored(project, kind, name);
    const builtIn = catalogueOf(kind, project).find((it) => it.name === name);
    if (stored === undefined && builtIn === undefined) throw missing(kind, project, name);
    if (stored === undefined) return context.json(builtIn);
    context.header('etag', `"${stored.revision}"`);
    return context.json(documentOf(parts, stored, await parts.observer.latest()));
  });

  const change = async (context: Context<Env>, mode: 'create' | 'replace' | 'delete'): Promise<Response> => {
    const { project, kind, name } = place(context);
    const author = context.get('identity').name;
    const options = { author, ...etagOf(context), ...confirmOf(context) };
    const request =
      mode === 'delete'
        ? ({ type: 'delete', project, kind, name } as const)
        : ({ type: 'put', project, kind, name, value: await bodyOf(context), mode } as const);
    if (context.req.query('dryRun') === 'true') return context.json(await control.plan(request));
    return begun(context, parts, await control.apply(request, options));
  };
  app.post(`${base}/:name`, needs('operator'), (context) => change(context, 'create'));
  app.put(`${base}/:name`, needs('operator'), (context) => change(context, 'replace'));
  app.delete(`${base}/:name`, needs('operator'), (context) => change(context, 'delete'));

  app.post(`${base}/:name/reset`, needs('operator'), async (context) => {
    const { project, kind, name } = place(context);
    const stored = control.stored(project, kind, name);
    if (stored === undefined) throw missing(kind, project, name);
    const artifact = sandboxArtifact(parts, stored.resource);
    await parts.host.reset(artifact);
    return context.json({});
  });
  return app;
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

function confirmOf(context: Context<Env>): { confirmSeconds?: number } {
  const text = context.req.query('confirmSeconds');
  if (text === undefined) return {};
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 86_400) return { confirmSeconds: seconds };
  throw new Problem('INVALID_REQUEST', {
    at: 'confirmSeconds',
    message: `${text} is not a number of seconds from 1 to 86400`,
    fix: 'Correct it.',
  });
}
