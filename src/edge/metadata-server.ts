import { EventEmitter } from 'node:events';
import { readFileSync, watch } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { basename, dirname } from 'node:path';
import type { MetadataInput } from '#engines/metadata/input.ts';
import { current, type LentKeys, nextEnd } from '#engines/metadata/lent.ts';
import { answerMetadata, type MetadataAnswer, type MetadataContent } from './metadata.ts';
import { tagOf, waitingOf } from './metadata-wait.ts';

/** Requests of one host that may wait for a change at the same time. */
const WAITING = 20;
/** Connections at the same time: of one host, and of all of the network, each of which has a few. */
export const CONNECTIONS = { each: 64, all: 4096 } as const;
/** Milliseconds that a timer can wait. */
const LONGEST = 2 ** 31 - 1;

/** What the metadata server answers from: two files, read again when they are replaced. */
class Content {
  readonly changes = new EventEmitter().setMaxListeners(0);
  readonly #file: string;
  readonly #lentFile: string;
  #input: MetadataInput;
  #lent: LentKeys = {};
  #ending: NodeJS.Timeout | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#lentFile = file.replace(/\.json$/, '.lent');
    this.#input = JSON.parse(readFileSync(file, 'utf8')) as MetadataInput;
    // The files are replaced by renames, so their folder is what is watched. It is shared with other networks.
    const ours = [basename(this.#file), basename(this.#lentFile)];
    watch(dirname(file), (_, name) => {
      if (name === null || ours.includes(name)) this.#look();
    });
    this.#readLent();
  }

  get now(): MetadataContent {
    return { input: this.#input, lent: this.#lent };
  }

  #look(): void {
    try {
      this.#input = JSON.parse(readFileSync(this.#file, 'utf8')) as MetadataInput;
    } catch {
      // It is being taken away; the last answers stay until this process is stopped.
    }
    this.#readLent();
    this.changes.emit('change');
  }

  #readLent(): void {
    clearTimeout(this.#ending);
    try {
      this.#lent = current(JSON.parse(readFileSync(this.#lentFile, 'utf8')) as LentKeys, Date.now());
    } catch (error) {
      // Without a file nothing was lent; one that is only just coming is read at its next change.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.#lent = {};
    }
    const end = nextEnd(this.#lent);
    if (end === undefined) return;
    this.#ending = setTimeout(() => this.#look(), Math.min(LONGEST, Math.max(0, end - Date.now()) + 1)).unref();
  }
}

/** The metadata server of one network, from its file. Whoever asks may wait for the next change. */
export function metadataServer(file: string): Server {
  const content = new Content(file);
  const waiting = new Map<string, number>();
  const server = createServer({ connectionsCheckingInterval: 5000 }, (request, response) => {
    const found = answerTo(request, content);
    const wait = found.status === 200 ? waitingOf(request.url ?? '/') : undefined;
    const known = wait?.known ?? tagOf(found);
    const full = (waiting.get(addressOf(request)) ?? 0) >= WAITING;
    if (wait === undefined || known !== tagOf(found) || full) send(response, found);
    else answerLater({ request, response, content, waiting }, { timeout: wait.timeout, known });
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 10_000;
  server.maxConnections = CONNECTIONS.all;
  share(server);
  return server;
}

/** No host gets more connections than its share, whatever it does with them. */
function share(server: Server): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const from = socket.remoteAddress ?? '';
    const count = (open.get(from) ?? 0) + 1;
    open.set(from, count);
    socket.once('close', () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left > 0) open.set(from, left);
      else open.delete(from);
    });
    if (count > CONNECTIONS.each) socket.destroy();
  });
}

const addressOf = (request: IncomingMessage): string => request.socket.remoteAddress ?? '';

const answerTo = (request: IncomingMessage, content: Content): MetadataAnswer =>
  answerMetadata(content.now, {
    method: request.method ?? 'GET',
    url: request.url ?? '/',
    from: addressOf(request),
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  });

function send(response: ServerResponse, found: MetadataAnswer): void {
  const { status, headers, body } = found;
  response.writeHead(status, { ...headers, etag: tagOf(found) }).end(body);
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly content: Content;
  /** How many wait, by address. */
  readonly waiting: Map<string, number>;
}

/** Answers as soon as it would be another answer, or when the time is up. */
function answerLater(
  { request, response, content, waiting }: Exchange,
  { timeout, known }: { readonly timeout: number; readonly known: string },
): void {
  const from = addressOf(request);
  waiting.set(from, (waiting.get(from) ?? 0) + 1);
  let left = false;
  const leave = (): void => {
    if (left) return;
    left = true;
    clearTimeout(late);
    content.changes.off('change', changed);
    const count = (waiting.get(from) ?? 1) - 1;
    if (count > 0) waiting.set(from, count);
    else waiting.delete(from);
  };
  const answerNow = (): void => {
    if (!response.destroyed) send(response, answerTo(request, content));
    leave();
  };
  const changed = (): void => {
    if (tagOf(answerTo(request, content)) !== known) answerNow();
  };
  const late = setTimeout(answerNow, timeout);
  content.changes.on('change', changed);
  response.on('close', leave);
}
