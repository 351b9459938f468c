import type { Spoken } from '../rule.ts';

export interface Request {
  readonly method?: string;
  /** Default HTTP/1.1. */
  readonly version?: string;
  /** Whole header lines without line ends; `Host` is added in front. Default: what curl sends. */
  readonly headers?: readonly string[];
  readonly body?: string;
  /** Default 80. */
  readonly port?: number;
  /** The whole answer; default a short 200. */
  readonly answer?: string | Uint8Array;
}

const curl = ['User-Agent: curl/7.74.0', 'Accept: */*'];

export const ok = (body: string, headers: readonly string[] = []): string =>
  ['HTTP/1.1 200 OK', 'Server: nginx', `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n');

/** A request exactly as written (nothing is encoded for the author) and its answer. */
export function http(label: string, target: string, request: Request = {}): Spoken {
  const body = request.body ?? '';
  const lines = [
    `${request.method ?? (body === '' ? 'GET' : 'POST')} ${target} ${request.version ?? 'HTTP/1.1'}`,
    'Host: 192.168.10.20',
    ...(request.headers ?? curl),
    ...(body === '' ? [] : [`Content-Length: ${body.length}`]),
  ];
  return {
    kind: 'tcp',
    label,
    port: request.port ?? 80,
    turns: [
      { from: 'client', data: `${lines.join('\r\n')}\r\n\r\n${body}` },
      { from: 'server', data: request.answer ?? ok('ok\n') },
    ],
  };
}

const form = ['User-Agent: Mozilla/5.0', 'Content-Type: application/x-www-form-urlencoded'];

/** A submitted form. */
export const post = (label: string, target: string, body: string, headers: readonly string[] = form): Spoken =>
  http(label, target, { body, headers });

/** A request with one more header line. */
export const withHeader = (label: string, line: string, target = '/'): Spoken =>
  http(label, target, { headers: ['User-Agent: Mozilla/5.0', line] });

/** A request by a named program. */
export const agent = (name: string, target = '/'): Spoken =>
  http(`agent ${name}`, target, { headers: [`User-Agent: ${name}`] });

const hex = (byte: number, upper: boolean): string => {
  const text = byte.toString(16).padStart(2, '0');
  return `%${upper ? text.toUpperCase() : text}`;
};

/** Every character of `these` percent-encoded. */
export const escaped = (text: string, these: RegExp, upper = true): string =>
  text.replace(these, (found) => [...found].map((it) => hex(it.charCodeAt(0), upper)).join(''));

/** Percent signs encoded once more. */
export const twice = (text: string): string => text.replaceAll('%', '%25');

export const chunked = (body: string, sizes: readonly number[]): string => {
  const parts: string[] = [];
  let at = 0;
  for (let i = 0; at < body.length; i++) {
    const part = body.slice(at, at + (sizes[i % sizes.length] ?? 1));
    parts.push(`${part.length.toString(16)}\r\n${part}\r\n`);
    at += part.length;
  }
  return `HTTP/1.1 200 OK\r\nServer: nginx\r\nTransfer-Encoding: chunked\r\n\r\n${parts.join('')}0\r\n\r\n`;
};
