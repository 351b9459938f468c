import { chmod, chown, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type * as z from 'zod';
import { ArtifactRequest, type HoldEvent, HoldRequest, RevisionRequest, SteerRequest } from '#core/host.ts';
import { asProblem, Problem, problems } from '#core/problem.ts';
import type { Holder } from './holder.ts';

/** Bytes of a message: a site of 10,000 rules and 1,000 hosts is some 20 MiB. */
const BODY_LIMIT = 256 * 1024 * 1024;

export interface HostServerParts {
  readonly holder: Holder;
  /** Path of the unix socket. */
  readonly socket: string;
  /** Group that may open it: control's, and nobody else's. */
  readonly gid: number;
  readonly reset: (artifact: string) => Promise<void>;
  /** Takes over a connection that was upgraded to an interactive session. */
  readonly exec: (request: IncomingMessage, socket: import('node:stream').Duplex, head: Buffer) => void;
  /** Passes on what engines say while they work. */
  readonly onProgress: (listener: (text: string) => void) => () => void;
}

type Verb = (body: unknown, write: (event: HoldEvent) => void) => Promise<unknown>;

/** The host agent's door: HTTP on a unix socket, one path for each verb, answers as JSON or as lines of JSON. */
export async function serveHost(parts: HostServerParts): Promise<Server> {
  const { holder } = parts;
  const verbs: Readonly<Record<string, Verb>> = {
    status: async () => holder.status(),
    observe: async () => holder.observe(),
    hold: async (body, write) => {
      const request = parsed(HoldRequest, body);
      const off = parts.onProgress((text) => write({ event: 'progress', text }));
      try {
        await holder.hold(request, write);
      } finally {
        off();
      }
    },
    confirm: async (body) => holder.confirm(parsed(RevisionRequest, body).revision),
    revert: async (body) => holder.revert(parsed(RevisionRequest, body).revision),
    reset: async (body) => parts.reset(parsed(ArtifactRequest, body).artifact),
    steer: async (body) => holder.steer(parsed(SteerRequest, body)),
  };
  const server = createServer((request, response) => {
    void answer(verbs, request, response);
  });
  server.on('upgrade', parts.exec);
  await rm(parts.socket, { force: true });
  const before = process.umask(0o177);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(parts.socket, resolve);
  }).finally(() => process.umask(before));
  await chown(parts.socket, 0, parts.gid);
  await chmod(parts.socket, 0o660);
  return server;
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new Problem('INVALID_REQUEST', {
    at: issue?.path.join('.') ?? 'message',
    message: issue?.message ?? 'not a message',
    fix: 'Control and host must be of the same version; restart both.',
  });
}

async function answer(
  verbs: Readonly<Record<string, Verb>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const name = (request.url ?? '').slice(1);
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  let streaming = false;
  let told = false;
  // Whoever asked may be gone; what was begun goes on.
  response.on('error', () => {});
  const write = (event: HoldEvent): void => {
    told ||= event.event === 'failed';
    if (!streaming) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    streaming = true;
    response.write(`${JSON.stringify(event)}\n`);
  };
  try {
    if (verb === undefined)
      throw new Problem('NOT_FOUND', { at: name, message: 'there is no such verb', fix: 'Restart both processes.' });
    const result = await verb(await bodyOf(request), write);
    if (!streaming) response.writeHead(200, { 'content-type': 'application/json' }).write(JSON.stringify(result ?? {}));
  } catch (error) {
    const problem = asProblem(error);
    if (problem.code === 'INTERNAL') console.error(problem.cause ?? problem);
    if (streaming && !told) response.write(`${JSON.stringify({ event: 'failed', problem, restored: true })}\n`);
    else if (!streaming)
      response
        .writeHead(problems[problem.code].status, { 'content-type': 'application/json' })
        .write(JSON.stringify(problem));
  }
  response.end();
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT)
      throw new Problem('BODY_TOO_LARGE', {
        at: 'message',
        message: `larger than ${BODY_LIMIT} bytes`,
        fix: 'Split the site.',
      });
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Problem('INVALID_REQUEST', { at: 'message', message: 'not JSON', fix: 'Restart both processes.' });
  }
}
