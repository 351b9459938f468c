import { Hono } from 'hono';
import { Problem } from '#core/problem.ts';
import { metadataId } from '#engines/metadata/assemble.ts';
import { SshKeyLine } from '#engines/metadata/lent.ts';
import type { InstanceAssigned } from '#kinds/instance/spec.ts';
import { INTERNET, networkNamespace } from '#kinds/network/fabric.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { SshKeyRequest } from './requests.ts';
import { instanceNamed } from './resources.ts';
import { needs } from './steps.ts';

/** A key that an instance accepts for a while. It is state, not a revision: nothing of the site changes. */
export function sshKeyRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();

  app.post('/projects/:project/instances/:name/ssh-keys', needs('operator'), async (context) => {
    const { project, name } = context.req.param();
    const request = parsedBy(SshKeyRequest, await bodyOf(context));
    const { resource } = instanceNamed(parts, project, name);
    const { interfaces } = resource.assigned as InstanceAssigned;
    const expireTime = parts.now().getTime() + request.expireSeconds * 1000;
    const detail = JSON.stringify({ line: lineOf(request, expireTime), expireTime });
    for (const { address, network } of interfaces.filter((it) => it.network !== INTERNET)) {
      const artifact = metadataId(networkNamespace(project, network));
      await parts.host.steer({ artifact, part: `${address}/ssh-keys`, state: 'lent', detail });
    }
    context.set('note', { projects: [project], request: { user: request.user, key: request.key.slice(0, 80) } });
    const { id } = resource.assigned as InstanceAssigned;
    return context.json({ instanceId: id, user: request.user, expireTime: new Date(expireTime).toISOString() });
  });
  return app;
}

/** As the cloud's command line writes keys that expire, so that whoever reads metadata knows until when. */
function lineOf({ user, key }: SshKeyRequest, expireTime: number): string {
  const [type = '', blob = ''] = key.trim().split(/\s+/);
  const expireOn = new Date(expireTime).toISOString().replace(/\.\d+Z$/, '+0000');
  const line = SshKeyLine.safeParse(
    `${user}:${type} ${blob} google-ssh ${JSON.stringify({ userName: user, expireOn })}`,
  );
  if (line.success) return line.data;
  throw new Problem('INVALID_REQUEST', {
    at: 'key',
    message: line.error.issues[0]?.message ?? 'not a public key',
    fix: 'Send the line of the `.pub` file.',
  });
}
