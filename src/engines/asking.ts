import { request } from 'node:http';

/** A question to one of our services, over its unix socket. */
export interface Asked {
  readonly path: string;
  /** With it the question is a POST, without it a GET. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds; default 2,000. */
  readonly patience?: number;
  /** Characters of an answer, so that whoever has taken a service over cannot fill our memory; default 20,000,000. */
  readonly longest?: number;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Rejects when nobody answers in time, with the code of the system where nobody is there, or when there is no end to it. */
export const askSocket = (
  socketPath: string,
  { path, body, headers = {}, patience = 2000, longest = 20_000_000 }: Asked,
): Promise<Answer> =>
  new Promise((done, fail) => {
    const method = body === undefined ? 'GET' : 'POST';
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = { host: 'service', ...length, ...headers };
    const asked = request({ socketPath, path, method, headers: sent, timeout: patience }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (text.length > longest) asked.destroy(new RangeError('an answer without an end'));
      });
      answer.on('error', fail);
      answer.on('end', () => done({ status: answer.statusCode ?? 0, body: text }));
    });
    asked.on('timeout', () => asked.destroy(new RangeError(`no answer within ${patience / 1000} seconds`)));
    asked.on('error', fail);
    asked.end(body);
  });
