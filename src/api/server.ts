import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { mayAct } from '#access/roles.ts';
import type { Settings } from '#core/deployment.ts';
import { asProblem, Problem, problems } from '#core/problem.ts';
import { kindNamed } from '#kinds/index.ts';
import { encodeFrame, encodeJsonFrame, FrameReader } from '#lib/frames.ts';
import { apiApp } from './app.ts';
import type { ApiParts } from './context.ts';
import { sandboxArtifact } from './resources.ts';

export interface ServerParts {
  readonly parts: ApiParts;
  readonly hostSocket: string;
  readonly settings: Settings;
  readonly key: Buffer;
  readonly certificate: Buffer;
}

/** The API over TLS. Interactive sessions are upgraded connections: the same checks, then bytes both ways. */
export async function listen({ parts, hostSocket, settings, key, certificate }: ServerParts): Promise<Server> {
  const app = apiApp(parts);
  const server = createServer({ key, cert: certificate, minVersion: 'TLSv1.2' }, getRequestListener(app.fetch));
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    try {
      openSession({ parts, hostSocket }, request, socket, head);
    } catch (error) {
      const problem = asProblem(error);
      const body = JSON.stringify({ error: problem });
      const { status, title } = problems[problem.code];
      socket.end(
        `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE';
      reject(
        new Problem('HOST_UNFIT', {
          at: `${settings.host}:${settings.port}`,
          message: inUse ? 'the API’s port is taken by another program' : error.message,
          fix: 'Choose another with `vauban up --listen 127.0.0.1:PORT`.',
          cause: error,
        }),
      );
    });
    server.listen(settings.port, settings.host, resolve);
  });
  return server;
}

/** `/v1/projects/P/instances/N/session` with `Upgrade: vauban-session`. */
function openSession(
  { parts, hostSocket }: Pick<ServerParts, 'parts' | 'hostSocket'>,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const token = /^Bearer (\S{1,200})$/i.exec(request.headers.authorization ?? '')?.[1];
  const identity = parts.tokens.identify(token);
  if (typeof identity === 'string')
    throw new Problem('UNAUTHENTICATED', {
      at: 'authorization',
      message: identity.replaceAll('-', ' '),
      fix: 'Send `Authorization: Bearer TOKEN`.',
    });
  const [, project = '', name = ''] =
    /^\/v1\/projects\/([^/]+)\/instances\/([^/]+)\/session$/.exec(request.url ?? '') ?? [];
  const kind = kindNamed('instances');
  const stored = kind === undefined ? undefined : parts.control.stored(project, kind, name);
  const allowed = mayAct(identity, 'operator').allowed;
  const status = !allowed ? 403 : stored === undefined ? 404 : 101;
  parts.audit({
    identity,
    method: 'SESSION',
    resource: `projects/${project}/instances/${name}`,
    project,
    status,
    message: '',
    requestId: '',
    address: request.socket.remoteAddress ?? '',
  });
  if (!allowed)
    throw new Problem('PERMISSION_DENIED', {
      at: name,
      message: `token ${identity.name} has the role ${identity.role}; this needs operator`,
      fix: 'Use a token with the role operator.',
    });
  if (stored === undefined)
    throw new Problem('NOT_FOUND', {
      at: `instances/${name}`,
      message: `there is no instance of that name in project ${project}`,
      fix: '`vauban get instances` lists them.',
    });
  const artifact = sandboxArtifact(parts, stored.resource);
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: vauban-session\r\n\r\n');
  relay({ hostSocket, artifact }, socket, head);
}

/** Only the first frame is looked at: the artifact in it is ours to say, not the client's. */
function relay(
  { hostSocket, artifact }: { readonly hostSocket: string; readonly artifact: string },
  client: Duplex,
  head: Buffer,
): void {
  const host = connect(hostSocket);
  const reader = new FrameReader();
  let opened = false;
  host.write('GET /session HTTP/1.1\r\nhost: host\r\nconnection: upgrade\r\nupgrade: vauban-session\r\n\r\n');
  let greeting = Buffer.alloc(0);
  host.on('data', function greet(chunk: Buffer) {
    greeting = Buffer.concat([greeting, chunk]);
    const end = greeting.indexOf('\r\n\r\n');
    if (end < 0) return;
    host.off('data', greet);
    client.write(greeting.subarray(end + 4));
    host.on('data', (bytes: Buffer) => {
      if (!client.write(bytes)) {
        host.pause();
        client.once('drain', () => host.resume());
      }
    });
  });
  const pass = (bytes: Uint8Array): void => {
    if (!host.write(bytes)) {
      client.pause();
      host.once('drain', () => client.resume());
    }
  };
  const first = (chunk: Uint8Array): void => {
    try {
      for (const frame of reader.push(chunk)) {
        if (opened) pass(encodeFrame(frame.type, frame.payload));
        else pass(encodeJsonFrame('input', { ...(JSON.parse(frame.payload.toString()) as object), artifact }));
        opened = true;
      }
    } catch {
      client.end(encodeJsonFrame('exit', { code: 126, message: 'not a session' }));
    }
  };
  if (head.length > 0) first(head);
  client.on('data', first);
  host.on('error', () => client.end(encodeJsonFrame('exit', { code: 126, message: 'the host agent does not answer' })));
  host.on('close', () => client.end());
  client.on('error', () => host.destroy());
  client.on('close', () => host.destroy());
}
