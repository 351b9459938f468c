import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { MODE_PARAMETER } from '#access/iap.ts';

/** Which requests a part of the edge answers. */
export interface WebMatch {
  /** Host of the request, lower case, without a port. */
  readonly host: string;
  /** Path as it came, without the query. */
  readonly path: string;
  /** What the parameter `gcp-iap-mode` of the query says. */
  readonly mode: string | undefined;
  /** Whether it came over the socket, from who may open that, and not from a client of the load balancer. */
  readonly direct: boolean;
}

export interface WebRoute {
  readonly name: string;
  readonly matches: (request: WebMatch) => boolean;
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
  /** For WebSocket; without it an upgrade is refused. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** The pages of the edge service. Only the load balancer connects, over a unix socket; it vouches for {@link clientOf}. */
export interface Web {
  /** The first route that matches answers. */
  mount(route: WebRoute): void;
  readonly server: Server;
}

/** What the load balancer says about a request: it removes what a client sends under these names. */
export interface Client {
  /** The real client's address. */
  readonly address: string;
  /** As it stands in the access log. */
  readonly requestId: string;
  /** Backend service that the request was on its way to, when there is one. */
  readonly service: string | undefined;
}

export const clientHeaders = {
  address: 'x-vauban-client-address',
  requestId: 'x-vauban-request-id',
  service: 'x-vauban-service',
} as const;

export function clientOf(request: IncomingMessage): Client {
  const text = (name: string): string | undefined => {
    const value = request.headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return {
    address: text(clientHeaders.address) ?? '0.0.0.0',
    requestId: text(clientHeaders.requestId) ?? '-',
    service: text(clientHeaders.service),
  };
}

export function matchOf(request: IncomingMessage): WebMatch {
  const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s, 2);
  const mode = query.includes(MODE_PARAMETER) ? new URLSearchParams(query).get(MODE_PARAMETER) : null;
  const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  return { host, path, mode: mode ?? undefined, direct: request.headers[clientHeaders.address] === undefined };
}

export function webOf(failed: (route: string, error: unknown) => void): Web {
  const routes: WebRoute[] = [];
  const find = (request: IncomingMessage): WebRoute | undefined => {
    const match = matchOf(request);
    return routes.find((it) => it.matches(match));
  };
  const server = createServer((request, response) => {
    const route = find(request);
    if (route?.answer === undefined) {
      plain(response, 404, 'There is nothing here.\n');
      return;
    }
    Promise.try(route.answer, request, response).catch((error: unknown) => {
      failed(route.name, error);
      if (response.headersSent) response.destroy();
      else plain(response, 500, 'Something went wrong here; the log of the edge service says what.\n');
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    const route = find(request);
    if (route?.upgrade === undefined) {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    try {
      route.upgrade(request, socket, head);
    } catch (error) {
      failed(route.name, error);
      socket.destroy();
    }
  });
  // The load balancer keeps connections; it has shut out slow senders before.
  server.keepAliveTimeout = 120_000;
  server.requestTimeout = 60_000;
  server.maxConnections = 10_000;
  return { server, mount: (route) => void routes.push(route) };
}

const plain = (response: ServerResponse, status: number, text: string): void => {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end(text);
};
