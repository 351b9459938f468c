import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Edge, EdgePart } from '../edge.ts';
import { type PagesParts, PortalPages } from './pages.ts';

/** Serves the pages of captive portals on a socket of their own, to which only the proxies of gateways connect. */
export async function portalPart(edge: Edge, parts: Omit<PagesParts, 'edge'>): Promise<EdgePart> {
  const pages = new PortalPages({ ...parts, edge });
  const server = createServer((request, response) => {
    pages.answer(request, response).catch((error: unknown) => {
      edge.log('defect', { at: 'portal', message: String(error) });
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { 'content-type': 'text/plain' }).end('Something went wrong here.\n');
    });
  });
  server.requestTimeout = 60_000;
  server.maxConnections = 5000;
  const path = edge.paths.portal;
  rmSync(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  return {
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
