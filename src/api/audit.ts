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

const verbs: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'replace',
  DELETE: 'delete',
};

/** POST requests that only ask. */
const questions = new Set(['plan', 'logs:read']);

/** Names an action by method and path, whether or not there is such a route. Pure. */
export function actionOf(method: string, path: string, query: { readonly dryRun?: string } = {}): Action {
  const resource = path.replace(/^\/v1\//, '').replace(/\/$/, '');
  const parts = resource.split('/').map(decoded);
  const asks = method === 'GET' || method === 'HEAD';
  const name = (subject: string, verb: string): string => `vauban.v1.${subject}.${verb}`;
  if (parts[0] === 'projects' && parts[1] !== undefined) {
    const [, project, plural, , verb] = parts;
    const subject = plural ?? 'projects';
    return {
      method: name(subject.replace(/:.*$/, ''), verb ?? subject.split(':')[1] ?? verbs[method] ?? method.toLowerCase()),
      resource: (verb === undefined ? parts : parts.slice(0, 4)).join('/'),
      projects: [project],
      reads: asks || questions.has(subject) || query.dryRun === 'true',
    };
  }
  const [subject = '', , verb] = parts;
  const own: Readonly<Record<string, string>> = {
    apply: 'site.apply',
    confirm: 'revisions.confirm',
    revert: 'revisions.revert',
  };
  const named = own[subject];
  return {
    method:
      named === undefined
        ? name(subject || 'api', verb ?? verbs[method] ?? method.toLowerCase())
        : `vauban.v1.${named}`,
    resource: subject === 'apply' ? 'site' : parts.slice(0, 2).join('/'),
    projects: [],
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
