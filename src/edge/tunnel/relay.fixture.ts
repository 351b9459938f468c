import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, vi } from 'vitest';
import { dialTcp, StrictClient } from '../../../test/relay-client.ts';
import { handshake } from './handshake.ts';
import { Relay, type RelayLimits, type Verdict } from './relay.ts';
import type { TunnelHost } from './target.ts';

/** Relays on real sockets, and hosts behind them. What a test has begun is ended behind it. */

// The machine may be busy: nothing here is about time.
vi.setConfig({ testTimeout: 60_000 });

export const ending: (() => void)[] = [];
afterEach(() => {
  for (const end of ending.splice(0).toReversed()) end();
});

export const portOf = (server: { address(): AddressInfo | string | null }): number =>
  (server.address() as AddressInfo).port;

async function listening<T extends Server>(server: T): Promise<T> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ending.push(() => server.close());
  return server;
}

/** A host behind the relay: what it does with a connection. */
export const host = (serve: (socket: Socket) => void): Promise<Server> =>
  listening(
    createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      ending.push(() => socket.destroy());
      serve(socket);
    }),
  );

export const echo = (): Promise<Server> => host((socket) => socket.pipe(socket));

interface Lines {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const hosts: readonly TunnelHost[] = [
  {
    name: 'server',
    zone: 'us-east1-b',
    hostname: 'server.us-east1-b.c.lab.internal',
    interfaces: [{ nic: 'nic0', network: 'cloud-ids', address: '127.0.0.1' }],
  },
];

/** A relay on TCP. Alice may go everywhere, Bob nowhere, anybody else is unknown. */
export async function relayAt(limits: Partial<RelayLimits> = {}) {
  const lines: Lines[] = [];
  const log = (event: string, fields: Readonly<Record<string, unknown>>): void => void lines.push({ event, fields });
  const verdicts = new Map<string, Verdict>();
  const relay = new Relay({ source: () => '127.0.0.9', now: () => Date.now(), log, limits });
  const server = await listening(createHttpServer());
  server.on(
    'upgrade',
    handshake({
      relay,
      hosts: () => hosts,
      isProject: (project) => project === 'lab',
      admit: async (request) => {
        const name = /^Bearer (\w+)$/.exec(request.headers.authorization ?? '')?.[1];
        if (name === 'bob')
          return { status: 403, reason: 'user:bob has not the role “Tunnel User”', principal: 'user:bob' };
        if (name !== 'alice' && name !== 'carol') return { status: 401, reason: 'no valid token came' };
        return {
          principal: `user:${name}`,
          address: '203.0.113.7',
          still: async () => verdicts.get(name) ?? { allowed: true },
        };
      },
      log,
      addressOf: () => '203.0.113.7',
    }),
  );
  ending.push(() => {
    relay.stop();
    server.closeAllConnections();
  });
  return {
    relay,
    lines,
    verdicts,
    port: portOf(server),
    events: (name: string) => lines.filter((it) => it.event === name),
  };
}

export const query = (port: number, more: Readonly<Record<string, string>> = {}): string =>
  String(
    new URLSearchParams({
      ...{ project: 'lab', port: String(port), newWebsocket: 'True', zone: 'us-east1-b', instance: 'server' },
      ...{ interface: 'nic0', ...more },
    }),
  );

export const strict = (relay: { readonly port: number }, text: string, token = 'alice') =>
  new StrictClient({ dial: dialTcp(relay.port), host: 'tunnel.cloudproxy.app', query: text, token });

export const eventually = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 500 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(holds()).toBe(true);
};
