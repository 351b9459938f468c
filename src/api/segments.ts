import { Hono } from 'hono';
import { leasesOf } from '#control/leases.ts';
import { segment } from '#kinds/segment/kind.ts';
import type { ApiParts, Env } from './context.ts';
import { missing } from './resources.ts';

/** What is asked of a segment beyond what every resource can do. */
export function segmentRoutes({ control, observer }: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/projects/:project/segments/:name/leases', async (context) => {
    const { project, name } = context.req.param();
    if (control.snapshot.find(segment, project, name) === undefined)
      throw missing(segment, name, { project, names: control.snapshot.all(segment, project).map((it) => it.name) });
    return context.json({ items: leasesOf(await observer.latest(), { project, name }) });
  });
  return app;
}
