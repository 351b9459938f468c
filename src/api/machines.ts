import { Hono } from 'hono';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { ForceQuery, InviteRequest } from './requests.ts';
import { needs } from './steps.ts';

/** Machines of the deployment beside the one that control stands on. */
export function machineRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/machines', (context) => context.json({ items: parts.machines.list() }));
  app.post('/machines:invite', needs('admin'), async (context) => {
    const { machine, address, port, proof, box } = parsedBy(InviteRequest, await bodyOf(context));
    context.set('note', { request: { machine, address, port } });
    return context.json(await parts.machines.invite({ machine, proof, box }, { address, port }), 201);
  });
  app.delete('/machines/:name', needs('admin'), (context) => {
    const { force } = parsedBy(ForceQuery, context.req.query());
    parts.machines.remove(context.req.param('name'), force === 'true');
    return context.json({});
  });
  return app;
}
