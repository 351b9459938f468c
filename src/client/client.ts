import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { Problem, type ProblemDocument } from '#core/problem.ts';

export interface Connection {
  /** `https://127.0.0.1:8443`. */
  readonly address: string;
  readonly token: string;
  /** The certificate authority that the server's certificate must come from, PEM. */
  readonly authority: string;
}

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** The API, as a program uses it. Every failure is a Problem. */
export class Client {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<T> {
    return this.#json<T>('GET', withQuery(path, query));
  }

  post<T>(path: string, body: unknown = {}, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    return this.#json<T>('POST', path, body, headers);
  }

  put<T>(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    return this.#json<T>('PUT', path, body, headers);
  }

  delete<T>(path: string, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    return this.#json<T>('DELETE', path, undefined, headers);
  }

  /** Sends text piece by piece, at the pace at which it is taken. */
  async postLines<T>(path: string, type: string, lines: Iterable<string>): Promise<T> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const message = this.#request('POST', path, { 'content-type': type });
      message.on('response', resolve);
      message.on('error', (error) => reject(unreachable(this.#connection.address, error)));
      // Whoever refuses it answers before the end; the rest need not be sent.
      Readable.from(lines, { objectMode: true }).pipe(message);
    });
    return answerOf<T>(response);
  }

  /** Lines of text as they come. */
  async *lines(path: string, type: string): AsyncGenerator<string> {
    const response = await this.#send('GET', path, undefined, { accept: type });
    if ((response.statusCode ?? 500) >= 400)
      throw problemOf((await read(response)).toString('utf8'), response.statusCode);
    yield* createInterface({ input: response, crlfDelay: Infinity });
  }

  async bytes(path: string): Promise<Buffer> {
    const response = await this.#send('GET', path);
    const body = await read(response);
    if ((response.statusCode ?? 500) >= 400) throw problemOf(body.toString('utf8'), response.statusCode);
    return body;
  }

  /** Server-sent events, until the server ends them or `signal` does. */
  async *events(path: string, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
    const response = await this.#send('GET', path, undefined, { accept: 'text/event-stream' });
    if ((response.statusCode ?? 500) >= 400)
      throw problemOf((await read(response)).toString('utf8'), response.statusCode);
    const stop = (): void => {
      response.destroy();
    };
    signal?.addEventListener('abort', stop, { once: true });
    let text = '';
    response.setEncoding('utf8');
    try {
      for await (const chunk of response as AsyncIterable<string>) {
        text += chunk;
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) yield eventOf(block);
      }
    } catch (error) {
      if (signal?.aborted !== true) throw unreachable(this.#connection.address, error);
    } finally {
      signal?.removeEventListener('abort', stop);
      response.destroy();
    }
  }

  /** An upgraded connection: bytes both ways. */
  session(path: string): Promise<import('node:stream').Duplex> {
    return new Promise((resolve, reject) => {
      const message = this.#request('GET', path, { connection: 'upgrade', upgrade: 'vauban-session' });
      message.on('upgrade', (_response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      message.on('response', (response) => {
        read(response).then((body) => reject(problemOf(body.toString('utf8'), response.statusCode)), reject);
      });
      message.on('error', (error) => reject(unreachable(this.#connection.address, error)));
      message.end();
    });
  }

  async #json<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    return answerOf<T>(await this.#send(method, path, body, headers));
  }

  #send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const more =
        text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) };
      const message = this.#request(method, path, { ...more, ...headers });
      message.on('response', resolve);
      message.on('error', (error) => reject(unreachable(this.#connection.address, error)));
      message.end(text);
    });
  }

  #request(method: string, path: string, headers: Readonly<Record<string, string>>) {
    const url = new URL(path, this.#connection.address);
    return httpsRequest(url, {
      method,
      headers: { authorization: `Bearer ${this.#connection.token}`, ...headers },
      ca: this.#connection.authority,
      agent: false,
    });
  }
}

async function answerOf<T>(response: IncomingMessage): Promise<T> {
  const text = (await read(response)).toString('utf8');
  if ((response.statusCode ?? 500) >= 400) throw problemOf(text, response.statusCode);
  return JSON.parse(text) as T;
}

const read = async (response: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
};

function problemOf(text: string, status: number | undefined): Problem {
  try {
    return Problem.from((JSON.parse(text) as { error: ProblemDocument }).error);
  } catch {
    return new Problem('INTERNAL', {
      at: 'api',
      message: `the API answered ${status}: ${text.slice(0, 200)}`,
      fix: 'Look at the log of control: `vauban doctor` tells where it is.',
    });
  }
}

const unreachable = (address: string, error: unknown): Problem =>
  new Problem('HOST_UNREACHABLE', {
    at: address,
    message: `the API does not answer: ${error instanceof Error ? error.message : String(error)}`,
    fix: 'Start it with `sudo ./vauban up SITE`; `sudo ./vauban doctor` shows what runs.',
    cause: error,
  });

function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, value);
  return search.size === 0 ? path : `${path}?${search}`;
}

function eventOf(block: string): ServerEvent {
  const field = (name: string): string =>
    block
      .split('\n')
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ''))
      .join('\n');
  return { event: field('event') || 'message', data: field('data') };
}
