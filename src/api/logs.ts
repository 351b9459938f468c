import { type Context, Hono } from 'hono';
import { filterOf } from '#control/logs/query.ts';
import { Problem } from '#core/problem.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { ReadRequest, SerialQuery, TailQuery } from './requests.ts';
import { eventStream } from './stream.ts';

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
    const { filter } = filterOf(parsedBy(TailQuery, context.req.query()).filter);
    const projects = [project(context)];
    return eventStream(context, (push, end) => {
      const stop = new AbortController();
      const follow = async (): Promise<void> => {
        for await (const batch of parts.logs.tail({ projects, filter, signal: stop.signal })) {
          for (const entry of batch.entries) push({ event: 'entry', data: JSON.stringify(entry) });
          if (batch.suppressed > 0) push({ event: 'suppressed', data: String(batch.suppressed) });
        }
      };
      void follow().finally(end);
      return () => stop.abort();
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
