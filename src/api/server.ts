import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { mayAct } from '#access/roles.ts';
import type { Settings } from '#core/deployment.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { instance } from '#kinds/instance/kind.ts';
import { encodeFrame, encodeJsonFrame, FrameReader } from '#lib/frames.ts';
import { apiApp } from './app.ts';
import type { ApiParts } from './context.ts';
import { audit, type Opening, refuse, targetOf, tokenOf } from './opening.ts';
import { sandboxArtifact } from './resources.ts';
import { openTunnel } from './tunnel.ts';

export interface ServerParts {
  readonly parts: ApiParts;
  readonly hostSocket: string;
  readonly run: string;
  readonly settings: Settings;
  readonly key: Buffer;
  readonly certificate: Buffer;
}

/** The API over TLS. Interactive sessions are upgraded connections: the same checks, then bytes both ways. */
export async function listen({ parts, hostSocket, run, settings, key, certificate }: ServerParts): Promise<Server> {
  const app = apiApp(parts);
  const server = createServer({ key, cert: certificate, minVersion: 'TLSv1.2' }, getRequestListener(app.fetch));
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const opening: Opening = { parts, hostSocket, run, request, socket, head };
    socket.on('error', () => socket.destroy());
    try {
      if (targetOf(opening).what === 'tunnel') openTunnel(opening);
      else openSession(opening);
    } catch (error) {
      refuse(opening, asProblem(error));
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
function openSession(opening: Opening): void {
  const { parts, hostSocket, socket, head } = opening;
  const identity = parts.tokens.identify(tokenOf(opening));
  if (typeof identity === 'string')
    throw new Problem('UNAUTHENTICATED', {
      at: 'authorization',
      message: identity.replaceAll('-', ' '),
      fix: 'Send `Authorization: Bearer TOKEN`.',
    });
  const { project, name } = targetOf(opening);
  const stored = parts.control.stored(project, instance, name);
  if (!mayAct(identity, 'operator').allowed)
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
  const onCommand = (command: Command): void => audit(opening, { status: 101, message: '', request: { ...command } });
  relay({ hostSocket, artifact, onCommand }, socket, head);
}

/** What a session runs, as the audit log shows it. */
interface Command {
  readonly user: string;
  /** One word per element; empty: a shell. Cut where it is very long. */
  readonly argv: readonly string[];
}

const wordLimit = 1000;

/** Reads the first frame of a session, whatever the client put there. */
function commandOf(first: object): Command {
  const argv = 'argv' in first && Array.isArray(first.argv) ? first.argv : [];
  const words = argv.slice(0, 100).map((it) => String(it).slice(0, wordLimit));
  return {
    user: 'user' in first ? String(first.user).slice(0, 32) : 'root',
    argv: words.length === 1 && words[0] === '' ? [] : words,
  };
}

/** Only the first frame is looked at: the artifact in it is ours to say, not the client's. */
function relay(
  {
    hostSocket,
    artifact,
    onCommand,
  }: { readonly hostSocket: string; readonly artifact: string; readonly onCommand: (command: Command) => void },
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
        else {
          const wanted = JSON.parse(frame.payload.toString()) as object;
          onCommand(commandOf(wanted));
          pass(encodeJsonFrame('input', { ...wanted, artifact }));
        }
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
  // A server's connections stay half open: a client that was killed only says that it sends no more.
  client.on('end', () => client.destroy());
  client.on('close', () => host.destroy());
}
