import { chmod, chown, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type * as z from 'zod';
import {
  ArtifactRequest,
  AskRequest,
  type Hello,
  type HoldEvent,
  HoldRequest,
  RenewRequest,
  RevisionRequest,
  SteerRequest,
} from '#core/host.ts';
import { asProblem, Problem, problems } from '#core/problem.ts';
import type { Holder } from './holder.ts';

/** Bytes of a message: a site of 10,000 rules and 1,000 hosts is some 20 MiB. */
const BODY_LIMIT = 256 * 1024 * 1024;

export interface VerbParts {
  readonly holder: Holder;
  readonly hello: Hello;
  readonly reset: (artifact: string) => Promise<void>;
  /** Passes on what engines say while they work. */
  readonly onProgress: (listener: (text: string) => void) => () => void;
}

/** What asks, and what is answered: over HTTP/1.1 on this machine's socket, over HTTP/2 from another one. */
type Asking = IncomingMessage | Http2ServerRequest;
type Answering = ServerResponse | Http2ServerResponse;
export type Answerer = (request: Asking, response: Answering) => void;

type Verb = (body: unknown, write: (event: HoldEvent) => void) => Promise<unknown>;

/** The host contract: one path for each verb, answers as JSON or as lines of JSON. */
export function answerer(parts: VerbParts): Answerer {
  const { holder } = parts;
  const verbs: Readonly<Record<string, Verb>> = {
    hello: async () => parts.hello,
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
    renew: async (body) => holder.renew(parsed(RenewRequest, body).artifacts),
    reset: async (body) => parts.reset(parsed(ArtifactRequest, body).artifact),
    steer: async (body) => holder.steer(parsed(SteerRequest, body)),
    ask: async (body) => holder.ask(parsed(AskRequest, body)),
  };
  return (request, response) => {
    void answer(verbs, request, response);
  };
}

export interface HostServerParts {
  /** Path of the unix socket. */
  readonly socket: string;
  /** Group that may open it: control's, and nobody else's. */
  readonly gid: number;
  readonly answer: Answerer;
  /** Takes over a connection that was upgraded to an interactive session. */
  readonly exec: (request: IncomingMessage, socket: import('node:stream').Duplex, head: Buffer) => void;
}

/** The host agent's door: HTTP on a unix socket. */
export async function serveHost(parts: HostServerParts): Promise<Server> {
  const server = createServer(parts.answer);
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

async function answer(verbs: Readonly<Record<string, Verb>>, request: Asking, response: Answering): Promise<void> {
  const name = (request.url ?? '').slice(1);
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  let streaming = false;
  let told = false;
  // Whoever asked may be gone; what was begun goes on.
  response.on('error', () => {});
  const write = (event: HoldEvent): void => {
    told ||= event.event === 'failed';
    if (!streaming) begin(response, 200, 'application/x-ndjson');
    streaming = true;
    say(response, `${JSON.stringify(event)}\n`);
  };
  try {
    if (verb === undefined)
      throw new Problem('NOT_FOUND', { at: name, message: 'there is no such verb', fix: 'Restart both processes.' });
    const result = await verb(await bodyOf(request), write);
    if (!streaming) {
      begin(response, 200, 'application/json');
      say(response, JSON.stringify(result ?? {}));
    }
  } catch (error) {
    const problem = asProblem(error);
    if (problem.code === 'INTERNAL') console.error(problem.cause ?? problem);
    if (streaming && !told) say(response, `${JSON.stringify({ event: 'failed', problem, restored: true })}\n`);
    else if (!streaming) {
      begin(response, problems[problem.code].status, 'application/json');
      say(response, JSON.stringify(problem));
    }
  }
  response.end();
}

// Each once: the two sorts of answers have methods alike, but no type of them in common.
function begin(response: Answering, status: number, type: string): void {
  if (response instanceof ServerResponse) response.writeHead(status, { 'content-type': type });
  else response.writeHead(status, { 'content-type': type });
}

const say = (response: Answering, text: string): void => {
  if (response instanceof ServerResponse) response.write(text);
  else response.write(text);
};

async function bodyOf(request: Asking): Promise<unknown> {
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
