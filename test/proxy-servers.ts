import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createServer as createH2,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { createServer as createTls } from 'node:https';
import { createServer as createRaw, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { selfSigned } from './certificates.ts';

/** Servers for tests of the load balancer. Arguments: addresses. Each serves all of these ports on every address. */
export const ports = {
  http: 80,
  https: 443,
  h2: 8443,
  h2c: 8080,
  silent: 81,
  garbage: 82,
  early: 83,
  halfway: 84,
  refusing: 85,
  /** Agrees to every upgrade and tunnel, and says what comes through it. */
  agreeing: 86,
};

const paused = new Set<string>();
/** Answers that somebody has asked for with `/wait`; `/go` lets them all go. */
const waiting: (() => void)[] = [];

type Asked = IncomingMessage | Http2ServerRequest;
type Answer = ServerResponse | Http2ServerResponse;

/** Answers by path. `/healthy` is 503 as long as somebody has asked for `/break` on that address. */
async function answer(address: string, request: Asked, response: Answer): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://x');
  const number = (name: string, otherwise: number) => Number(url.searchParams.get(name) ?? otherwise);
  const say = (status: number, text: string, headers: Record<string, string> = {}) => {
    (response as ServerResponse).writeHead(status, { 'content-type': 'text/plain', 'x-server': address, ...headers });
    (response as ServerResponse).end(text);
  };
  switch (url.pathname) {
    case '/healthy':
      return paused.has(address) ? say(503, 'broken') : say(200, 'I am well');
    case '/break':
      paused.add(address);
      return say(200, 'broken');
    case '/mend':
      paused.delete(address);
      return say(200, 'mended');
    case '/headers': {
      const raw: string[] = [];
      const list = (request as IncomingMessage).rawHeaders;
      for (let at = 0; at < list.length; at += 2) raw.push(`${list[at]}: ${list[at + 1]}`);
      return say(200, `${request.method} ${request.url} HTTP/${request.httpVersion}\n${raw.join('\n')}\n`);
    }
    case '/wait':
      await new Promise<void>((resolve) => waiting.push(resolve));
      return say(200, address);
    case '/go':
      for (const go of waiting.splice(0)) go();
      return say(200, 'gone');
    case '/slow':
      await sleep(number('ms', 1000));
      return say(200, address);
    case '/sized':
      return say(200, address, { 'content-length': String(address.length) });
    case '/status':
      return say(number('code', 200), address);
    case '/upload': {
      let bytes = 0;
      for await (const chunk of request) bytes += (chunk as Buffer).length;
      return say(200, String(bytes));
    }
    case '/big':
      return big(number('bytes', 1e6), response as ServerResponse);
    case '/events':
      await sleep(number('after', 0));
      return events(number('count', 3), response as ServerResponse);
    default:
      return say(200, address);
  }
}

async function big(bytes: number, response: ServerResponse): Promise<void> {
  const chunk = Buffer.alloc(1 << 20, 'x');
  response.writeHead(200, { 'content-length': String(bytes) });
  for (let left = bytes; left > 0; left -= chunk.length) {
    const more = response.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
    if (!more) await new Promise((resolve) => response.once('drain', resolve));
  }
  response.end();
}

async function events(count: number, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (let at = 0; at < count; at++) {
    response.write(`data: ${Date.now()}\n\n`);
    await sleep(300);
  }
  response.end();
}

/** gRPC: any call is answered with an empty message and trailers; health is SERVING. */
function call(request: Http2ServerRequest, response: Http2ServerResponse): boolean {
  if (request.headers['content-type']?.startsWith('application/grpc') !== true) return false;
  if (request.url === '/shop.Cart/Watch') {
    watch(response);
    return true;
  }
  const health = request.url === '/grpc.health.v1.Health/Check';
  response.writeHead(200, { 'content-type': 'application/grpc' });
  response.addTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' });
  response.end(Buffer.from(health ? '00000000020801' : '0000000000', 'hex'));
  return true;
}

/** A stream that has no end: a message now and then. */
function watch(response: Http2ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/grpc' });
  const timer = setInterval(() => response.write(Buffer.from('0000000000', 'hex')), 100);
  response.stream.once('close', () => clearInterval(timer));
}

const raw = (react: (socket: Socket) => void) =>
  createRaw((socket) => {
    socket.on('error', () => {});
    react(socket);
  });

function serve(address: string): void {
  const { certificate: cert, privateKey: key } = pair;
  const ask = (request: Asked, response: Answer) => void answer(address, request, response).catch(() => {});
  const plain = createServer(ask).listen(ports.http, address);
  plain.keepAliveTimeout = 60_000;
  new WebSocketServer({ server: plain, path: '/socket' }).on('connection', (socket) => {
    socket.on('message', (text) => socket.send(`${address} ${text}`));
  });
  createTls({ cert, key }, ask).listen(ports.https, address);
  const h2 = (request: Http2ServerRequest, response: Http2ServerResponse) => {
    if (!call(request, response)) ask(request, response);
  };
  createSecureServer({ cert, key }, h2).listen(ports.h2, address);
  createH2(h2).listen(ports.h2c, address);
  raw(() => {}).listen(ports.silent, address);
  raw((it) => it.once('data', () => it.end('\x16\x03 this is not HTTP\r\n\r\n'))).listen(ports.garbage, address);
  raw((it) => it.once('data', () => it.destroy())).listen(ports.early, address);
  raw((it) => it.once('data', () => it.end('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this'))).listen(
    ports.halfway,
    address,
  );
  raw(agree).listen(ports.agreeing, address);
}

/** As servers do that know more protocols than they should: what follows an agreement is nobody's business but theirs. */
function agree(socket: Socket): void {
  socket.once('data', (head) => {
    const text = head.toString('latin1');
    const token = /^upgrade: *(.*)\r$/im.exec(text)?.[1];
    if (token === undefined && !text.startsWith('CONNECT')) {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\nordinary');
      return;
    }
    socket.write(
      token === undefined
        ? 'HTTP/1.1 200 OK\r\n\r\n'
        : `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${token}\r\n\r\n`,
    );
    socket.on('data', (more) => socket.write(`heard ${more.toString('latin1')}`));
  });
}

const pair = selfSigned(['backend.internal']);

const isMain = process.argv[1] === new URL(import.meta.url).pathname;
if (isMain) {
  for (const address of process.argv.slice(2)) serve(address);
  // Ends with whoever started it.
  process.stdin.on('end', () => process.exit()).resume();
}
