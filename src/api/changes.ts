import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import type { Change } from '#control/change.ts';
import type { OperationEvent } from '#control/operations.ts';
import { Problem } from '#core/problem.ts';
import { type AnyKind, kindNamed } from '#kinds/index.ts';
import { Configuration, configurationOf, LINES, linesOf } from '#plan/backup.ts';
import { begun } from './audit.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { configurationIn } from './lines.ts';
import { DryRunQuery, HistoryQuery, ImportRequest, RollbackRequest, SiteRequest } from './requests.ts';
import { needs } from './steps.ts';
import { eventStream } from './stream.ts';

const numberIn = (text: string | undefined, at: string): number => {
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text);
  throw new Problem('INVALID_REQUEST', {
    at,
    message: `${text} is not a number`,
    fix: '`vauban history` shows the numbers of revisions.',
  });
};

/** Whole changes, their history and their progress. */
export function changeRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  const { control, operations, store } = parts;

  const optionsOf = (
    author: string,
    it: { readonly message?: string | undefined; readonly confirmSeconds?: number | undefined },
  ) => ({
    author,
    ...(it.message === undefined ? {} : { message: it.message }),
    ...(it.confirmSeconds === undefined ? {} : { confirmSeconds: it.confirmSeconds }),
  });

  app.post('/plan', async (context) => {
    const { files } = parsedBy(SiteRequest, await bodyOf(context));
    return context.json(await control.plan({ type: 'site', files }));
  });

  app.post('/apply', needs('operator'), async (context) => {
    const request = parsedBy(SiteRequest, await bodyOf(context));
    const change: Change = { type: 'site', files: request.files };
    const applied = await control.apply(change, optionsOf(context.get('identity').name, request));
    const { files, ...rest } = request;
    return begun(context, parts, applied, { files: files.map((it) => it.path), ...rest });
  });

  app.post('/projects/:project/objects:import', needs('operator'), async (context) => {
    const { resources, ...request } = parsedBy(ImportRequest, await bodyOf(context));
    const change: Change = {
      type: 'put-many',
      project: context.req.param('project'),
      resources: resources.map(({ spec, kind, ...it }) => ({ ...it, kind: objectKind(kind), value: spec })),
    };
    if (parsedBy(DryRunQuery, context.req.query()).dryRun === 'true') return context.json(await control.plan(change));
    const applied = await control.apply(change, optionsOf(context.get('identity').name, request));
    return begun(context, parts, applied, { resources: resources.length, ...request });
  });

  // Both for administrators alone: the one has every project, the other also says what is chosen.
  app.get('/backup', needs('admin'), (context) => {
    const [revision, configuration] = [control.head, configurationOf(control.snapshot)];
    if (context.req.header('accept') !== LINES) return context.json({ revision, ...configuration });
    context.header('content-type', LINES);
    return stream(context, async (to) => {
      await to.write(`${JSON.stringify({ revision })}\n`);
      for (const line of linesOf(configuration)) await to.write(line);
    });
  });

  app.post('/restore', needs('admin'), async (context) => {
    const configuration = (await configurationIn(context)) ?? parsedBy(Configuration, await bodyOf(context));
    const change: Change = { type: 'restore', configuration };
    if (parsedBy(DryRunQuery, context.req.query()).dryRun === 'true') return context.json(await control.plan(change));
    return begun(context, parts, await control.apply(change, { author: context.get('identity').name }));
  });

  app.post('/confirm', needs('operator'), async (context) => {
    const revision = await control.confirm();
    context.set('note', { revision });
    return context.json({ revision });
  });

  app.post('/revert', needs('operator'), async (context) => {
    const revision = await control.revertPending();
    context.set('note', { revision });
    return context.json({ revision });
  });

  app.get('/revisions', async (context) => {
    const { limit, before } = parsedBy(HistoryQuery, context.req.query());
    const revisions = await store.history(Number(limit), before === undefined ? undefined : Number(before));
    return context.json({ revisions, head: control.head });
  });

  app.get('/revisions/:number', async (context) => {
    const number = numberIn(context.req.param('number'), 'revision');
    const revision = await store.revision(number);
    if (revision === undefined)
      throw new Problem('NOT_FOUND', {
        at: `revision ${number}`,
        message: 'there is no such revision',
        fix: '`vauban history` lists them.',
      });
    return context.json(revision);
  });

  app.post('/revisions/:number/rollback', needs('operator'), async (context) => {
    const revision = numberIn(context.req.param('number'), 'revision');
    const request = parsedBy(RollbackRequest, await bodyOf(context));
    const change: Change = { type: 'rollback', revision };
    if (parsedBy(DryRunQuery, context.req.query()).dryRun === 'true') return context.json(await control.plan(change));
    return begun(
      context,
      parts,
      await control.apply(change, optionsOf(context.get('identity').name, request)),
      request,
    );
  });

  app.get('/operations', (context) => context.json({ operations: operations.list() }));

  app.get('/operations/:id', (context) => {
    const operation = operations.get(context.req.param('id'));
    if (operation === undefined) throw unknownOperation(context.req.param('id'));
    return context.json(operation);
  });

  app.get('/operations/:id/events', (context) => {
    const id = context.req.param('id');
    if (operations.get(id) === undefined) throw unknownOperation(id);
    return eventStream(context, (push, end) => {
      const tell = (event: OperationEvent): void => {
        push({ event: event.event, data: JSON.stringify(event) });
        if (event.event === 'operation' && event.operation.state !== 'running') end();
      };
      const stop = operations.follow(id, tell);
      if (operations.get(id)?.state !== 'running') end();
      return stop;
    });
  });
  return app;
}

/** The enumeration of the request has only kinds that there are. */
function objectKind(name: string): AnyKind {
  const kind = kindNamed(name);
  if (kind === undefined) throw new RangeError(`no kind ${name}`);
  return kind;
}

const unknownOperation = (id: string): Problem =>
  new Problem('NOT_FOUND', {
    at: `operation ${id}`,
    message: 'there is no such operation',
    fix: 'Operations are kept until control restarts; `vauban history` keeps their outcome.',
  });
