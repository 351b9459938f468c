import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { buildCommand } from '@stricli/core';
import { runTunnel, type TunnelRoute } from '#client/tunnel.ts';
import { Problem } from '#core/problem.ts';
import { type Cli, clientOf, projectOf, type Target } from '../context.ts';
import { targetAliases, targetFlags } from '../flags.ts';
import { routeTo } from '../tunnel.ts';
import { instanceParameter } from './session.ts';

interface TunnelFlags extends Target {
  readonly local?: number;
  readonly bind: string;
  readonly listenOnStdin: boolean;
}

/** `0` is for a port that the system chooses. */
function portFrom(least: number) {
  return (text: string): number => {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
    if (port < least || port > 65_535) throw new SyntaxError(`not a port from ${least} to 65535`);
    return port;
  };
}

export const tunnel = buildCommand({
  docs: {
    brief: 'Reach a port of an instance that has no address outside',
    fullDescription: [
      'Reaches a TCP port of an instance through the edge of its project: `vauban tunnel server 80 --local 8080`, then',
      '`curl http://127.0.0.1:8080`. The project needs a role binding with roles/iap.tunnelResourceAccessor, and its',
      'firewall a rule that lets 35.235.240.0/20 in. A tunnel survives a broken connection without losing a byte.',
    ].join('\n'),
  },
  parameters: {
    flags: {
      ...targetFlags,
      local: {
        kind: 'parsed',
        parse: portFrom(0),
        optional: true,
        brief: 'Port of this machine that leads there (default: one is chosen)',
        placeholder: 'port',
      },
      bind: {
        kind: 'parsed',
        parse: String,
        default: '127.0.0.1',
        brief: 'Address of this machine to listen on',
        placeholder: 'address',
      },
      listenOnStdin: {
        kind: 'boolean',
        default: false,
        brief: 'Carry standard input and output instead of a port, for ProxyCommand of ssh',
      },
    },
    aliases: { ...targetAliases, l: 'local' },
    positional: {
      kind: 'tuple',
      parameters: [instanceParameter, { brief: 'Port of the instance', parse: portFrom(1), placeholder: 'port' }],
    },
  },
  async func(this: Cli, flags: TunnelFlags, instance: string, port: number) {
    const project = await projectOf(this, clientOf(this, flags), flags);
    const route = routeTo(this, flags, { project, instance, port });
    const signal = ending();
    if (flags.listenOnStdin) await carryStdin(this, route, signal);
    else await listenLocally(this, { route, signal }, flags);
  },
});

/** Whoever ends us (ssh does, when it has finished) means the tunnel; the relay is told. */
function ending(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

async function carryStdin(cli: Cli, route: TunnelRoute, signal: AbortSignal): Promise<void> {
  const local = Duplex.from({ readable: cli.stdin, writable: cli.stdout });
  await runTunnel(route, local, { signal, note: (text) => cli.note(text) });
  cli.stdin.destroy();
}

interface Way {
  readonly route: TunnelRoute;
  readonly signal: AbortSignal;
}

async function listenLocally(cli: Cli, { route, signal }: Way, { local = 0, bind }: TunnelFlags): Promise<void> {
  await probe(route);
  const failed = (error: unknown): void =>
    cli.note(error instanceof Problem ? `${error.at}: ${error.message}\n  ${error.fix}` : String(error));
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) => {
    runTunnel(route, socket, { signal, note: (text) => cli.note(text) }).catch((error: unknown) => {
      failed(error);
      socket.destroy();
    });
  });
  signal.addEventListener('abort', () => server.close());
  server.listen(local, bind);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new Problem('INVALID_REQUEST', {
      at: `${bind}:${local}`,
      message: error.code === 'EADDRINUSE' ? 'the port is taken by another program' : error.message,
      fix: 'Choose another with --local, or leave it out and one is chosen.',
    });
  });
  const address = server.address();
  const chosen = typeof address === 'object' && address !== null ? address.port : local;
  cli.print(`Listening on ${bind}:${chosen}; it leads to ${route.name}. Ctrl-C ends it.`);
  await once(server, 'close');
}

/** Opens a tunnel and ends it: a mistake is said now and not at the first connection. */
function probe(route: TunnelRoute): Promise<void> {
  const nothing = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const running = runTunnel(route, nothing, { onOpen: () => void nothing.destroy() });
  return running;
}
