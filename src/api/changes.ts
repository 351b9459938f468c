import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import * as z from 'zod';
import type { Change } from '#control/control.ts';
import type { OperationEvent } from '#control/operations.ts';
import { Problem } from '#core/problem.ts';
import { begun } from './audit.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { needs } from './steps.ts';

const SiteRequest = z.strictObject({
  files: z
    .array(
      z.strictObject({ path: z.string().max(1000).describe('Name for messages.'), text: z.string().describe('YAML.') }),
    )
    .min(1)
    .max(1000)
    .describe('The site: the projects that it names become exactly what it says.'),
  message: z.string().max(1000).optional().describe('Why, for the history.'),
  confirmSeconds: z.int().min(1).max(86_400).optional().describe('Taken back after so many seconds unless confirmed.'),
});

const RollbackRequest = z.strictObject({
  message: z.string().max(1000).optional(),
  confirmSeconds: z.int().min(1).max(86_400).optional(),
});

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
    const limit = Math.min(500, numberIn(context.req.query('limit') ?? '50', 'limit'));
    const before = context.req.query('before');
    const revisions = await store.history(limit, before === undefined ? undefined : numberIn(before, 'before'));
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
    if (context.req.query('dryRun') === 'true') return context.json(await control.plan(change));
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
    return streamSSE(context, async (stream) => {
      const queue: OperationEvent[] = [];
      let wake = () => {};
      const stop = operations.follow(id, (event) => {
        queue.push(event);
        wake();
      });
      stream.onAbort(() => {
        stop();
        wake();
      });
      while (!stream.aborted) {
        const event = queue.shift();
        if (event !== undefined) await stream.writeSSE({ event: event.event, data: JSON.stringify(event) });
        else if (operations.get(id)?.state !== 'running') break;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      stop();
    });
  });
  return app;
}

const unknownOperation = (id: string): Problem =>
  new Problem('NOT_FOUND', {
    at: `operation ${id}`,
    message: 'there is no such operation',
    fix: 'Operations are kept until control restarts; `vauban history` keeps their outcome.',
  });
