import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AuditEvent } from '#control/audit.ts';
import { type Problem, problems } from '#core/problem.ts';
import type { ApiParts } from './context.ts';

/** A connection that shall be upgraded. */
export interface Opening {
  readonly parts: ApiParts;
  readonly hostSocket: string;
  /** Runtime folder of the deployment. */
  readonly run: string;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

export const tokenOf = ({ request }: Opening): string | undefined =>
  /^Bearer (\S{1,16000})$/i.exec(request.headers.authorization ?? '')?.[1];

/** What a path leads to: the instance of a project, and a session in it or a tunnel to it. */
export interface OpeningTarget {
  readonly project: string;
  readonly name: string;
  readonly what: string;
}

export function targetOf({ request }: Pick<Opening, 'request'>): OpeningTarget {
  const path = /^\/v1\/projects\/([^/?]+)\/instances\/([^/?]+)\/(session|tunnel)(?:\?|$)/;
  const [, project = '', name = '', what = 'session'] = path.exec(request.url ?? '') ?? [];
  return { project, name, what };
}

export function refuse(opening: Opening, problem: Problem): void {
  const body = JSON.stringify({ error: problem });
  const { status, title } = problems[problem.code];
  audit(opening, { status, message: problem.message });
  opening.socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

export function audit(opening: Opening, outcome: Pick<AuditEvent, 'status' | 'message' | 'request'>): void {
  const { parts, request } = opening;
  const identity = parts.tokens.identify(tokenOf(opening));
  const { project, name, what } = targetOf(opening);
  const userAgent = request.headers['user-agent'];
  parts.audit({
    identity: typeof identity === 'string' ? undefined : identity,
    method: `vauban.v1.instances.${what === 'tunnel' ? 'tunnel' : 'exec'}`,
    resource: `projects/${project}/instances/${name}`,
    projects: [project],
    requestId: randomUUID(),
    address: request.socket.remoteAddress ?? '',
    ...(userAgent === undefined ? {} : { userAgent }),
    ...outcome,
  });
}
