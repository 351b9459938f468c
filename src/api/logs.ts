import { type Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import * as z from 'zod';
import { filterOf } from '#control/logs/query.ts';
import { Problem } from '#core/problem.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';

const ReadRequest = z.strictObject({
  filter: z.string().max(20_000).default('').describe('Cloud Logging query; empty: everything.'),
  order: z.enum(['newest', 'oldest']).default('newest').describe('By time.'),
  pageSize: z.int().min(1).max(1000).default(50).describe('Entries in the answer.'),
  pageToken: z.string().max(1000).optional().describe('From the answer before.'),
});

const SerialQuery = z.strictObject({
  lines: z
    .string()
    .regex(/^[1-9]\d{0,5}$/, 'not a number from 1 to 999999')
    .default('1000')
    .describe('The last lines, at most so many and at most 1 MiB; default 1000.'),
});

/** The log explorer: all logs of a project, by the query language of Cloud Logging. */
export function logRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  const project = (context: Context<Env>): string => context.req.param('project') ?? '';

  app.get('/projects/:project/logs', async (context) =>
    context.json({ logNames: await parts.logs.names(project(context)) }),
  );

  app.post('/projects/:project/logs:read', async (context) => {
    const request = parsedBy(ReadRequest, await bodyOf(context));
    const page = await parts.logs.query({
      projects: [project(context)],
      filter: filterOf(request.filter).filter,
      order: request.order === 'newest' ? 'newest-first' : 'oldest-first',
      pageSize: request.pageSize,
      ...(request.pageToken === undefined ? {} : { pageToken: request.pageToken }),
    });
    return context.json(page);
  });

  app.get('/projects/:project/logs:tail', (context) => {
    const { filter } = filterOf(context.req.query('filter') ?? '');
    return streamSSE(context, async (stream) => {
      const stop = new AbortController();
      stream.onAbort(() => stop.abort());
      for await (const batch of parts.logs.tail({ projects: [project(context)], filter, signal: stop.signal })) {
        for (const entry of batch.entries) await stream.writeSSE({ event: 'entry', data: JSON.stringify(entry) });
        if (batch.suppressed > 0) await stream.writeSSE({ event: 'suppressed', data: String(batch.suppressed) });
      }
    });
  });
  app.get('/projects/:project/instances/:name/serial', async (context) => {
    const name = context.req.param('name');
    const { lines } = parsedBy(SerialQuery, context.req.query());
    const text = await parts.serialText(project(context), name, Number(lines));
    if (text === undefined)
      throw new Problem('NOT_FOUND', {
        at: `instances/${name}`,
        message: `there is no instance of that name in project ${project(context)}`,
        fix: '`vauban get instances` lists them.',
      });
    return context.json({ text });
  });
  return app;
}
