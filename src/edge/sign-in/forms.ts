import type { IncomingMessage, ServerResponse } from 'node:http';
import { Problem } from '#core/problem.ts';

/** Bytes of a form; the longest is the answer of a security key. */
const LARGEST = 65_536;

/** Reads a form. A body that is too large or no form is refused before it is read to its end. */
export async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('application/x-www-form-urlencoded')) throw refused('it is no form');
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > LARGEST) throw refused('it is too large');
    parts.push(part);
  }
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
}

const refused = (message: string): Problem =>
  new Problem('INVALID_REQUEST', { at: 'form', message, fix: 'Use the page’s own form.' });

/**
 * Whether a request that changes something comes from a page of the same origin. Browsers say so themselves
 * (Sec-Fetch-Site), older ones by Origin; who says neither is no browser with somebody's cookies.
 */
export function fromOurselves(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin } = request.headers;
  return origin !== undefined && origin !== 'null' && origin === `https://${request.headers.host ?? ''}`;
}

export function cookiesOf(request: IncomingMessage): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0) cookies.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  return cookies;
}

export function redirect(
  response: ServerResponse,
  location: string,
  cookies: readonly string[] = [],
  status: 302 | 303 = 303,
): void {
  response.writeHead(status, {
    location,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-length': '0',
    'x-goog-iap-generated-response': 'true',
    ...(cookies.length > 0 ? { 'set-cookie': [...cookies] } : {}),
  });
  response.end();
}
