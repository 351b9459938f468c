import { Hono } from 'hono';
import { Problem } from '#core/problem.ts';
import { siteSchema } from '#plan/schema.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { openApi } from './openapi.ts';
import { TokenRequest } from './requests.ts';
import { needs } from './steps.ts';

/** Health, tokens, and what the API says about itself. */
export function systemRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();

  app.get('/health', async (context) => {
    const items = await parts.health();
    const state = items.some((it) => it.state === 'failed')
      ? 'failed'
      : items.some((it) => it.state === 'warning')
        ? 'warning'
        : 'ok';
    return context.json({ state, items, revision: parts.control.head });
  });
  app.get('/artifacts', async (context) => {
    const seen = await parts.observer.latest();
    const states = new Map(seen.list.map((it) => [it.artifact, it]));
    return context.json({
      ...(seen.problem === undefined ? {} : { problem: seen.problem }),
      items: parts.control.artifacts.map((it) => ({
        id: it.id,
        engine: it.engine,
        owners: it.owners,
        ...states.get(it.id),
      })),
    });
  });
  app.get('/schema', (context) => context.json(siteSchema()));
  app.get('/openapi.json', (context) => context.json(openApi()));

  app.get('/tokens', needs('admin'), (context) => context.json({ items: parts.tokens.list() }));
  app.post('/tokens', needs('admin'), async (context) => {
    const { name, role, expireTime } = parsedBy(TokenRequest, await bodyOf(context));
    const token = parts.tokens.create({ name, role, ...(expireTime === undefined ? {} : { expireTime }) });
    context.set('note', { request: { name, role } });
    return context.json({ name, role, token }, 201);
  });
  app.delete('/tokens/:name', needs('admin'), (context) => {
    const name = context.req.param('name');
    if (!parts.tokens.remove(name))
      throw new Problem('NOT_FOUND', {
        at: `token ${name}`,
        message: 'there is no such token',
        fix: '`vauban token list` shows them.',
      });
    return context.json({});
  });
  return app;
}
