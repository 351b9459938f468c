import { createSocket } from 'node:dgram';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTls } from 'node:https';
import { selfSigned } from './certificates.ts';

/** Web servers for tests of the URL filter: HTTP, HTTPS and a datagram echo that stands for QUIC, on every address. */

const { certificate, privateKey } = selfSigned(['good.example', '*.example']);

/** `/drip?count=N`: a line every tenth of a second; anything else says who asked whom for what. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://x');
  const { remoteAddress, localAddress } = request.socket;
  if (url.pathname !== '/drip') {
    const via = request.headers.via ?? request.headers['x-forwarded-for'] ?? 'nobody';
    response.end(`${remoteAddress} asks ${localAddress} for ${request.headers.host}${request.url} via ${via}\n`);
    return;
  }
  let left = Number(url.searchParams.get('count') ?? 10);
  const timer = setInterval(() => {
    response.write('drop\n');
    left -= 1;
    if (left > 0) return;
    clearInterval(timer);
    response.end();
  }, 100);
  response.on('close', () => clearInterval(timer));
}

createServer(answer).listen(80, '0.0.0.0');
createTls({ cert: certificate, key: privateKey }, answer).listen(443, '0.0.0.0');
const datagrams = createSocket('udp4');
datagrams.on('message', (message, from) => datagrams.send(message, from.port, from.address)).bind(443, '0.0.0.0');
