import type { Context } from 'hono';
import type { AuditEvent } from '#control/audit.ts';
import type { Operation } from '#control/operations.ts';
import { problems } from '#core/problem.ts';
import type { ApiParts, Env } from './context.ts';

/** What a request asks for, in the words of the audit log. */
export interface Action {
  /** `vauban.v1.instances.replace`. */
  readonly method: string;
  /** `projects/lab/instances/server`. */
  readonly resource: string;
  readonly projects: readonly string[];
  /** Nothing changes by it: it is written down only when it was refused. */
  readonly reads: boolean;
}

/** What a route knows of a request beyond its path. */
export interface AuditNote {
  readonly projects?: readonly string[];
  readonly revision?: number;
  readonly request?: Readonly<Record<string, unknown>>;
}

const verbs: ReadonlyMap<string, string> = new Map([
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['POST', 'create'],
  ['PUT', 'replace'],
  ['DELETE', 'delete'],
]);

/** Paths that name what is done and not what it is done to. */
const deeds: ReadonlyMap<string, string> = new Map([
  ['apply', 'site.apply'],
  ['restore', 'site.restore'],
  ['confirm', 'revisions.confirm'],
  ['revert', 'revisions.revert'],
]);

/** POST requests that only ask. */
const questions = new Set(['plan', 'logs:read']);

/** Names an action by method and path, whether or not there is such a route. Pure. */
export function actionOf(method: string, path: string, query: { readonly dryRun?: string } = {}): Action {
  const parts = path
    .replace(/^\/v1\//, '')
    .replace(/\/$/, '')
    .split('/')
    .map(decoded);
  const project = parts[0] === 'projects' ? parts[1] : undefined;
  // What follows is the same for things of a project and of the deployment: the kind, its name, what is done to it.
  const [subject = '', name, verb] = project === undefined ? parts : parts.slice(2);
  const [kind = '', question] = subject.split(':');
  const act = verb ?? question ?? verbs.get(method) ?? method.toLowerCase();
  const deed = project === undefined ? deeds.get(subject) : undefined;
  const place = [
    ...(project === undefined ? [] : ['projects', project]),
    subject,
    ...(name === undefined ? [] : [name]),
  ];
  const asks = method === 'GET' || method === 'HEAD';
  return {
    method: `vauban.v1.${deed ?? `${kind || 'api'}.${act}`}`,
    resource: deed?.startsWith('site.') === true ? 'site' : place.join('/'),
    projects: project === undefined ? [] : [project],
    reads: asks || questions.has(subject) || query.dryRun === 'true',
  };
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Refusals are written down whatever was asked for. */
export const isRefusal = (status: number): boolean => status === 401 || status === 403;

/**
 * The answer to a change that was begun. The audit log gets the revision and the projects that it touches now, and a
 * second entry when it fails later.
 */
export async function begun(
  context: Context<Env>,
  parts: Pick<ApiParts, 'store' | 'operations' | 'audit'>,
  { operation, done }: { readonly operation: Operation; readonly done: Promise<void> },
  request: AuditNote['request'] = {},
): Promise<Response> {
  const number = operation.state === 'running' ? operation.revision : undefined;
  const changes = number === undefined ? [] : ((await parts.store.revision(number))?.changes ?? []);
  const projects = [...new Set(changes.map((it) => it.project))];
  context.set('note', {
    ...(projects.length === 0 ? {} : { projects }),
    ...(number === undefined ? {} : { revision: number }),
    ...(Object.keys(request).length === 0 ? {} : { request }),
  });
  const event = eventOf(context);
  void done.then(() => {
    const { problem } = parts.operations.get(operation.id) ?? {};
    if (problem === undefined) return;
    const { message, code } = problem;
    parts.audit({ ...event, requestId: `${event.requestId}-end`, status: problems[code].status, message });
  });
  return context.json({ operation }, 202);
}

/** A request as the audit log tells it; the answer's status and message are still to come. */
export function eventOf(context: Context<Env>): Omit<AuditEvent, 'status' | 'message'> {
  const { method, resource, projects } = actionOf(context.req.method, context.req.path);
  const userAgent = context.req.header('user-agent');
  return {
    identity: context.get('identity'),
    method,
    resource,
    projects,
    requestId: context.get('requestId'),
    address: context.env.incoming?.socket.remoteAddress ?? 'local',
    ...(userAgent === undefined ? {} : { userAgent }),
    ...context.get('note'),
  };
}
