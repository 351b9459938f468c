import { type Context, Hono } from 'hono';
import { Problem } from '#core/problem.ts';
import { metadataId } from '#engines/metadata/assemble.ts';
import { SshKeyLine } from '#engines/metadata/lent.ts';
import { type InstanceAssigned, isOnNetwork } from '#kinds/instance/spec.ts';
import { INTERNET, networkNamespace } from '#kinds/network/fabric.ts';
import { bodyOf, parsedBy } from './body.ts';
import type { ApiParts, Env } from './context.ts';
import { SshKeyRequest } from './requests.ts';
import { instanceNamed } from './resources.ts';
import { needs } from './steps.ts';

const PATH = '/projects/:project/instances/:name/ssh-keys';

/** A key that an instance accepts for a while. It is state, not a revision: nothing of the site changes. */
export function sshKeyRoutes(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  app.post(PATH, needs('operator'), async (context) => {
    const { project, name } = context.req.param();
    return lend(context, parts, { project, name, request: parsedBy(SshKeyRequest, await bodyOf(context)) });
  });
  return app;
}

/**
 * The same for people, on the word of the project's edge: who has the role "Compute OS Admin Login" on the host. Their
 * account has the name that the edge says, so that nobody gets into another's.
 */
export function personSshKeys(parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  app.post(PATH, async (context, next) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
    if (token === undefined || token.length > 16_000 || parts.tokens.identify(token) !== 'unknown-token') return next();
    const { project, name } = context.req.param();
    const address = context.env.incoming?.socket.remoteAddress ?? '';
    const answer = await parts.accountOf({ project, instance: name, token, address });
    if ('refused' in answer)
      throw new Problem('PERMISSION_DENIED', {
        at: `instances/${name}`,
        message: answer.refused,
        fix: 'Ask for the role "Compute OS Admin Login" (roles/compute.osAdminLogin) on the host or the project.',
      });
    // For the audit log. No role of the API comes with it.
    context.set('identity', { name: answer.principal, role: 'viewer' });
    const body = await bodyOf(context);
    const request = parsedBy(SshKeyRequest, { ...(body as object), user: answer.account });
    return lend(context, parts, {
      ...{ project, name },
      request: { ...request, expireSeconds: Math.min(request.expireSeconds, PERSON_SECONDS) },
    });
  });
  return app;
}

/** A role that is taken back is worth nothing after this, at the latest. */
const PERSON_SECONDS = 3600;

interface Lending {
  readonly project: string;
  readonly name: string;
  readonly request: SshKeyRequest;
}

async function lend(context: Context<Env>, parts: ApiParts, { project, name, request }: Lending): Promise<Response> {
  const { resource } = instanceNamed(parts, project, name);
  const { id, interfaces } = resource.assigned as InstanceAssigned;
  const expireTime = parts.now().getTime() + request.expireSeconds * 1000;
  const detail = JSON.stringify({ line: lineOf(request, expireTime), expireTime });
  for (const { address, network } of interfaces.filter(isOnNetwork)) {
    if (network === INTERNET) continue;
    const artifact = metadataId(networkNamespace(project, network));
    await parts.host.steer({ artifact, part: `${address}/ssh-keys`, state: 'lent', detail });
  }
  context.set('note', { projects: [project], request: { user: request.user, key: request.key.slice(0, 80) } });
  return context.json({ instanceId: id, user: request.user, expireTime: new Date(expireTime).toISOString() });
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
