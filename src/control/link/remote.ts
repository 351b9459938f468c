import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import type { HostLink } from '#core/host.ts';
import { Problem } from '#core/problem.ts';
import { hostOver, type Post } from './host.ts';

/**
 * The host agent of another machine. It has dialled; on its connection control is the client of an HTTP/2 server, so that
 * it can ask for the state of a machine while that machine is being changed.
 */
export const remoteHost = (machine: string, session: () => ClientHttp2Session | undefined): HostLink =>
  hostOver(overSession(session), (cause) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new Problem('HOST_UNREACHABLE', {
      at: `machines/${machine}`,
      message: `it does not answer: ${why}`,
      fix: `It goes on as it is, and is brought up to date when it is back; \`vauban doctor\` on ${machine} shows its state.`,
      cause,
    });
  });

/** What its agent says of itself; throws when it says nothing, or not that. */
export async function askHello(session: ClientHttp2Session): Promise<unknown> {
  const { body } = await overSession(() => session)('hello', '{}');
  let text = '';
  for await (const chunk of body) text += chunk;
  return JSON.parse(text);
}

const overSession =
  (session: () => ClientHttp2Session | undefined): Post =>
  (verb, message) =>
    new Promise((resolve, reject) => {
      const open = session();
      if (open === undefined || open.destroyed) {
        reject(new Error('it is not connected'));
        return;
      }
      const stream = open.request({ ':path': `/${verb}`, ':method': 'POST' });
      stream.setEncoding('utf8');
      stream.on('error', reject);
      stream.on('close', () => reject(new Error('the connection ended')));
      stream.on('response', (headers: IncomingHttpHeaders & { ':status'?: number }) => {
        const lines = headers['content-type'] === 'application/x-ndjson';
        resolve({ status: headers[':status'] ?? 0, lines, body: chunksOf(stream) });
      });
      stream.end(message);
    });

/** A stream that was reset ends like one that is over; only its code tells. */
async function* chunksOf(stream: ClientHttp2Stream): AsyncIterable<string> {
  for await (const chunk of stream) yield chunk as string;
  if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw new RangeError('the connection ended');
}
