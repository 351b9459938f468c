import { Hono } from 'hono';
import { rightsMatrix } from '#control/rights/matrix.ts';
import { parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { RightsQuery } from './requests.ts';

/** Who may what in a project, and through what. */
export function rightsRoutes({ control, tokens, knownPeople }: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/projects/:project/rights', async (context) => {
    const { email } = parsedBy(RightsQuery, context.req.query());
    const project = context.req.param('project');
    const people = await knownPeople(project);
    const asked = { project, people, tokens: tokens.list(), email };
    return context.json({ items: rightsMatrix(control.snapshot, asked) });
  });
  return app;
}
