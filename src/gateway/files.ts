import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { ServiceFile } from '#engines/gateway-service/input.ts';
import { signed } from './heartbeat.ts';
import { keepFile } from './kept.ts';

export interface FileParts {
  readonly input: ServiceFile;
  /** Folder of the copies. */
  readonly folder: string;
  /** Whether this node has the role, so that it gives; otherwise it takes. */
  active(): boolean;
}

/** Milliseconds between two looks at files. */
const LOOK = 250;
/** Milliseconds after which all is sent again, to a node that was away. */
const REFRESH = 60_000;
/** Nonces that are good at a time; the oldest goes first. */
const NONCES = 16;

/**
 * Files that follow the active node: it copies them over the high availability link whenever they change. A copy is signed
 * together with a number that the receiver has just given, so that none can be played again.
 */
export class Files {
  readonly copied: Record<string, number> = {};
  readonly #parts: FileParts;
  readonly #sent = new Map<string, string>();
  readonly #nonces: string[] = [];
  readonly #server: Server;
  readonly #timer: NodeJS.Timeout;
  #busy = false;
  #refreshed = 0;

  constructor(parts: FileParts) {
    this.#parts = parts;
    this.#server = createServer({ requestTimeout: 10_000 }, (asked, answer) => {
      this.#answer(asked).then(
        ([status, text]) => answer.writeHead(status).end(text),
        () => answer.writeHead(400).end(),
      );
    });
    this.#server.maxConnections = 8;
    this.#server.on('error', () => setTimeout(() => this.#listen(), 1000));
    this.#listen();
    this.#timer = setInterval(() => void this.#look(), LOOK);
  }

  #listen(): void {
    if (this.#parts.input.files.length > 0) this.#server.listen(this.#parts.input.port, this.#parts.input.link.own);
  }

  /** The other node has begun a new life, and may have lost everything. */
  forget(): void {
    this.#sent.clear();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(asked: IncomingMessage): Promise<[number, string]> {
    if (asked.method === 'GET') {
      const nonce = randomBytes(16).toString('hex');
      this.#nonces.push(nonce);
      if (this.#nonces.length > NONCES) this.#nonces.shift();
      return [200, nonce];
    }
    const name = (asked.url ?? '').slice(1);
    const file = this.#parts.input.files.find((it) => it.name === name);
    if (file === undefined || this.#parts.active()) return [409, ''];
    const body = await bytesOf(asked, file.maxBytes);
    const [nonce = '', tag = ''] = String(asked.headers['x-signature'] ?? '').split(' ');
    const known = this.#nonces.indexOf(nonce);
    if (known < 0 || !isEqual(tag, signed(this.#parts.input.secret, textOf(nonce, name, body)))) return [403, ''];
    this.#nonces.splice(known, 1);
    keepFile(`${this.#parts.folder}/${name}`, body);
    this.copied[name] = body.length;
    return [200, ''];
  }

  async #look(): Promise<void> {
    if (this.#busy || !this.#parts.active()) return;
    this.#busy = true;
    if (performance.now() - this.#refreshed > REFRESH) {
      this.#refreshed = performance.now();
      this.#sent.clear();
    }
    for (const file of this.#parts.input.files) await this.#send(file).catch(() => {});
    this.#busy = false;
  }

  async #send({ name, path, maxBytes }: ServiceFile['files'][number]): Promise<void> {
    const { mtimeMs, size, ino } = await stat(path);
    const mark = `${mtimeMs} ${size} ${ino}`;
    if (this.#sent.get(name) === mark || size > maxBytes) return;
    const body = await readFile(path);
    const nonce = (await this.#ask('GET', '/')).text;
    const tag = signed(this.#parts.input.secret, textOf(nonce, name, body));
    const { status } = await this.#ask('PUT', `/${name}`, { body, signature: `${nonce} ${tag}` });
    if (status === 200) this.#sent.set(name, mark);
  }

  #ask(method: string, path: string, put?: { readonly body: Buffer; readonly signature: string }) {
    const { port, link } = this.#parts.input;
    const headers = put === undefined ? {} : { 'x-signature': put.signature, 'content-length': put.body.length };
    return new Promise<{ status: number; text: string }>((done, fail) => {
      const it = { host: link.peer, port, localAddress: link.own, method, path, headers, timeout: 5000 };
      const asked = request(it, (answer) => {
        bytesOf(answer, 1024).then((body) => done({ status: answer.statusCode ?? 0, text: body.toString() }), fail);
      });
      asked.on('timeout', () => asked.destroy(new RangeError('no answer')));
      asked.on('error', fail);
      asked.end(put?.body);
    });
  }
}

const textOf = (nonce: string, name: string, body: Buffer): string =>
  `${nonce} ${name} ${createHash('sha256').update(body).digest('hex')}`;

const isEqual = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

async function bytesOf(from: IncomingMessage, most: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of from as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > most) throw new RangeError(`more than ${most} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
