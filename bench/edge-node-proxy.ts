/**
 * An identity-aware proxy of Node alone, for `edge-peers.ts`: HTTP/1.1 and HTTP/2 over TLS, sessions in a Map of the same
 * process. Arguments: file of cookies, certificate, key, address, port, server.
 */
import { readFileSync } from 'node:fs';
import { Agent, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';

const [file = '', cert = '', key = '', address, port, server = ''] = process.argv.slice(2);
const known = new Map<string, string>(JSON.parse(readFileSync(file, 'utf8')));
const [host, hostPort] = server.split(':');
const agent = new Agent({ keepAlive: true, maxSockets: 128, scheduling: 'lifo' });
const assertion = 'x'.repeat(400);
const hops = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'host']);

function clean(headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':') || name.startsWith('x-auth-') || hops.has(name)) continue;
    kept[name] = value;
  }
  return kept;
}

createSecureServer(
  { cert: readFileSync(cert), key: readFileSync(key), allowHTTP1: true },
  (asked: IncomingMessage | Http2ServerRequest, answer: ServerResponse | Http2ServerResponse) => {
    const response = answer as ServerResponse;
    const email = known.get(asked.headers.cookie ?? '');
    if (email === undefined) {
      response.writeHead(401).end();
      return;
    }
    const name = asked.headers[':authority'] ?? asked.headers.host ?? '';
    const headers = {
      ...clean(asked.headers),
      host: String(name),
      'x-auth-email': email,
      'x-auth-assertion': assertion,
    };
    const { method = 'GET', url: path = '/' } = asked;
    const onward = ask({ agent, host, port: Number(hostPort), method, path, headers }, (got) => {
      response.writeHead(got.statusCode ?? 502, clean(got.headers));
      got.pipe(response);
    });
    onward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    if (method === 'GET' || method === 'HEAD') onward.end();
    else asked.pipe(onward);
  },
).listen(Number(port), address);
