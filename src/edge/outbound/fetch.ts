import { type ClientRequest, type IncomingMessage, request as requestOverSocket } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { getCACertificates } from 'node:tls';
import { Problem } from '#core/problem.ts';
import { guardedLookup, type LookupOptions, objectionTo } from './resolve.ts';

/** Bytes of an answer, and milliseconds that one may take. */
const LARGEST = 512 * 1024;
const PATIENCE = 8000;

export interface GuardedFetchOptions extends LookupOptions {
  /** Authorities in PEM; default those of the machine. */
  readonly trusted?: string | undefined;
}

/**
 * A `fetch` for what people configured and others answer: https only, no redirects, judged addresses only, bounded in size
 * and time. Nothing here follows where an answer leads.
 */
export function guardedFetch({ trusted, ...options }: GuardedFetchOptions): typeof fetch {
  const lookup = guardedLookup(options);
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.protocol !== 'https:') throw refused(url, 'only https is spoken');
    // A literal address never reaches a socket's look-up.
    const literal = /^[\d.]+$/.test(url.hostname) || url.hostname.startsWith('[');
    const objection = literal ? objectionTo(url.hostname, options.allowPrivate) : undefined;
    const loopback = options.allowLoopback === true && url.hostname.startsWith('127.');
    if (objection !== undefined && !loopback) throw refused(url, objection);
    return exchange(url, init, (sent) =>
      requestOverTls({
        ...sent,
        host: url.hostname,
        port: url.port === '' ? 443 : Number(url.port),
        servername: literal ? '' : url.hostname,
        lookup,
        agent: false,
        minVersion: 'TLSv1.2',
        ...(trusted === undefined ? {} : { ca: trusted }),
      }),
    );
  };
}

/** A `fetch` that asks our own pages over their socket, for our own provider: nothing leaves the machine. */
export const socketFetch =
  (socketPath: string): typeof fetch =>
  async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    return exchange(url, init, (sent) => {
      const headers = { ...sent.headers, host: url.host, 'x-forwarded-proto': 'https' };
      return requestOverSocket({ ...sent, headers, socketPath });
    });
  };

/**
 * A `fetch` for a person's own machine: names are looked up as everything there does, and authorities that the machine
 * trusts are trusted, with `trusted` (PEM) beside them. https only, no redirects, bounded like the other two.
 */
export const personalFetch =
  (trusted?: string): typeof fetch =>
  async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.protocol !== 'https:') throw refused(url, 'only https is spoken');
    const ca = [...getCACertificates('default'), ...getCACertificates('system'), ...(trusted ? [trusted] : [])];
    const place = { host: url.hostname, port: url.port === '' ? 443 : Number(url.port) };
    return exchange(url, init, (sent) =>
      requestOverTls({ ...sent, ...place, agent: false, minVersion: 'TLSv1.2', ca }),
    );
  };

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
}

function exchange(url: URL, init: RequestInit | undefined, open: (sent: Sent) => ClientRequest): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const headers = Object.fromEntries(new Headers(init?.headers));
  const body = init?.body === undefined || init.body === null ? undefined : String(init.body);
  if (body !== undefined) {
    headers['content-length'] = String(Buffer.byteLength(body));
    headers['content-type'] ??= 'application/x-www-form-urlencoded;charset=UTF-8';
  }
  const request = open({ method: init?.method ?? 'GET', path: `${url.pathname}${url.search}`, headers });
  request.on('response', (answer) => {
    read(answer, url).then(resolve, (error: unknown) => {
      request.destroy();
      reject(error);
    });
  });
  // A socket's own timeout is about silence; this one is about the whole.
  const clock = setTimeout(() => request.destroy(refused(url, `it did not answer within ${PATIENCE} ms`)), PATIENCE);
  request.on('close', () => clearTimeout(clock));
  request.on('error', reject);
  request.end(body);
  return promise;
}

async function read(answer: IncomingMessage, url: URL): Promise<Response> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > LARGEST) throw refused(url, `its answer is larger than ${LARGEST} bytes`);
    parts.push(part);
  }
  const status = answer.statusCode ?? 502;
  const headers = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return new Response([204, 205, 304].includes(status) ? null : Buffer.concat(parts), { status, headers });
}

const refused = (url: URL, message: string): Problem =>
  new Problem('HOST_UNREACHABLE', { at: url.host, message, fix: 'Check the address of the identity provider.' });
