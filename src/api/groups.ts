import { type Context, Hono } from 'hono';
import { groupStatus } from '#control/groups/status.ts';
import { type InstanceGroup, instanceGroup } from '#kinds/instance-group/kind.ts';
import { begun } from './audit.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { ResizeRequest, RollRequest } from './requests.ts';
import { missing } from './resources.ts';
import { needs } from './steps.ts';

/** What is asked of an instance group beyond what every resource can do. */
export function groupRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  const { control, groups } = parts;
  const base = '/projects/:project/instanceGroups/:name';

  const found = (context: Context<Env>): InstanceGroup => {
    const { project = '', name = '' } = context.req.param();
    const group = control.snapshot.find(instanceGroup, project, name);
    if (group !== undefined) return group;
    const names = control.snapshot.all(instanceGroup, project).map((it) => it.name);
    throw missing(instanceGroup, name, { project, names });
  };

  app.get(`${base}/instances`, (context) => context.json(groupStatus(groups, found(context))));

  app.post(`${base}/resize`, needs('operator'), async (context) => {
    const { project, name, spec } = found(context);
    const { size } = parsedBy(ResizeRequest, await bodyOf(context));
    const applied = await control.apply(
      { type: 'put', project, kind: instanceGroup, name, value: { ...spec, targetSize: size }, mode: 'replace' },
      { author: context.get('identity').name, message: `resize instanceGroup ${name} to ${size}` },
    );
    return begun(context, parts, applied, { size });
  });

  app.post(`${base}/roll`, needs('operator'), async (context) => {
    const group = found(context);
    const { action, maxUnavailable, maxSurge, minReadySec } = parsedBy(RollRequest, await bodyOf(context));
    const roll = {
      action,
      ...(maxUnavailable === undefined ? {} : { maxUnavailable }),
      ...(maxSurge === undefined ? {} : { maxSurge }),
      ...(minReadySec === undefined ? {} : { minReadySec }),
    };
    const operation = await groups.roll(group, roll, context.get('identity').name);
    context.set('note', { request: roll });
    return context.json({ operation }, 202);
  });
  return app;
}
