import { randomUUID } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { mayAct, type Role } from '#access/roles.ts';
import { asProblem, Problem, problems } from '#core/problem.ts';
import { actionOf, eventOf, isRefusal } from './audit.ts';
import type { ApiParts, Env } from './context.ts';

/** Bytes of a request: a site of several thousand resources. */
export const BODY_LIMIT = 16 * 1024 * 1024;

const addressOf = (context: Context<Env>): string => context.env.incoming?.socket.remoteAddress ?? 'local';

/** Every answer carries the id under which logs and audit know the request. */
export const requestId: MiddlewareHandler<Env> = async (context, next) => {
  const id = randomUUID();
  context.set('requestId', id);
  context.header('x-request-id', id);
  context.header('cache-control', 'no-store');
  context.header('x-content-type-options', 'nosniff');
  context.header('x-frame-options', 'DENY');
  context.header('referrer-policy', 'no-referrer');
  context.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
  await next();
};

const askedBy = ({ tokens }: ApiParts, context: Context<Env>) =>
  tokens.identify(/^Bearer (\S{1,200})$/i.exec(context.req.header('authorization') ?? '')?.[1]);

export const limited =
  (parts: ApiParts): MiddlewareHandler<Env> =>
  async (context, next) => {
    // Whoever has no valid token is one of many behind an address: another invented token gives no new allowance.
    const asked = askedBy(parts, context);
    const key = typeof asked === 'string' ? `address ${addressOf(context)}` : `token ${asked.name}`;
    if (!parts.limit.take(key, parts.now().getTime())) {
      context.header('retry-after', String(Math.ceil(parts.limit.wait(key) / 1000)));
      throw new Problem('RATE_LIMITED', {
        at: 'request',
        message: 'too many requests',
        fix: 'Wait a moment, then try again.',
      });
    }
    await next();
  };

const small: MiddlewareHandler<Env> = bodyLimit({
  maxSize: BODY_LIMIT,
  onError: () => {
    throw new Problem('BODY_TOO_LARGE', {
      at: 'body',
      message: `larger than ${BODY_LIMIT} bytes`,
      fix: 'Split the site into several projects.',
    });
  },
});

/** `comesInLines`: what its handler counts itself. */
export const sized =
  (comesInLines: (context: Context<Env>) => boolean): MiddlewareHandler<Env> =>
  (context, next) =>
    comesInLines(context) ? next() : small(context, next);

/** Who asks. Anything but a valid token ends here. */
export const authenticated =
  (parts: ApiParts): MiddlewareHandler<Env> =>
  async (context, next) => {
    const identity = askedBy(parts, context);
    if (typeof identity === 'string') {
      context.header('www-authenticate', 'Bearer realm="vauban"');
      throw new Problem('UNAUTHENTICATED', {
        at: 'authorization',
        message: identity.replaceAll('-', ' '),
        fix: 'Send `Authorization: Bearer TOKEN`; `vauban token create` makes one.',
      });
    }
    context.set('identity', identity);
    await next();
  };

/** What changes something is written down, whatever came of it; what only asks, when it was refused. */
export const audited =
  (parts: ApiParts): MiddlewareHandler<Env> =>
  async (context, next) => {
    await next();
    const { status } = context.res;
    const { reads } = actionOf(context.req.method, context.req.path, context.req.query());
    if (reads && !isRefusal(status)) return;
    const message = context.error === undefined ? '' : asProblem(context.error).message;
    parts.audit({ ...eventOf(context), status, message });
  };

export const needs =
  (role: Role): MiddlewareHandler<Env> =>
  async (context, next) => {
    const identity = context.get('identity');
    const decision = mayAct(identity, role);
    if (!decision.allowed) {
      throw new Problem('PERMISSION_DENIED', {
        at: context.req.path,
        message: `token ${identity.name} has the role ${identity.role}; this needs ${role}`,
        fix: `Use a token with the role ${role}.`,
      });
    }
    await next();
  };

export function answerProblem(error: unknown, context: Context<Env>): Response {
  const problem = asProblem(error);
  if (problem.code === 'INTERNAL') console.error(problem.cause ?? problem);
  const body = { error: { ...problem.toJSON(), requestId: context.get('requestId') } };
  return context.json(body, problems[problem.code].status);
}
