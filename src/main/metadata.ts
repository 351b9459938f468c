import { EventEmitter } from 'node:events';
import { readFileSync, watch } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import type { MetadataInput } from '#engines/metadata/input.ts';
import { current, type LentKeys, nextEnd } from '#engines/metadata/lent.ts';
import { answerMetadata, type MetadataAnswer } from '../edge/metadata.ts';
import { tagOf, waitingOf } from '../edge/metadata-wait.ts';

/** The metadata server of one network: `metadata.ts FILE ADDRESS`. Runs without any privilege. */

async function main(): Promise<void> {
  const [, , file = '', listen = ''] = process.argv;
  const lentFile = file.replace(/\.json$/, '.lent');
  /** Requests of one host that may wait for a change at the same time. */
  const WAITING = 20;

  let input = JSON.parse(readFileSync(file, 'utf8')) as MetadataInput;
  let lent: LentKeys = {};
  let ending: NodeJS.Timeout | undefined;
  const changes = new EventEmitter().setMaxListeners(0);

  function readLent(): void {
    clearTimeout(ending);
    try {
      lent = current(JSON.parse(readFileSync(lentFile, 'utf8')) as LentKeys, Date.now());
    } catch (error) {
      // Without a file nothing was lent; one that is only just coming is read at its next change.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') lent = {};
    }
    const end = nextEnd(lent);
    if (end !== undefined) ending = setTimeout(look, Math.min(2 ** 31 - 1, Math.max(0, end - Date.now()) + 1)).unref();
  }

  function look(): void {
    try {
      input = JSON.parse(readFileSync(file, 'utf8')) as MetadataInput;
    } catch {
      // It is being taken away; the last answers stay until this process is stopped.
    }
    readLent();
    changes.emit('change');
  }

  // The files are replaced by renames, so their folder is what is watched. It is shared with other networks.
  const ours = [file, lentFile].map((path) => path.slice(dirname(path).length + 1));
  watch(dirname(file), (_, name) => {
    if (name === null || ours.includes(name)) look();
  });
  readLent();

  function answer(request: IncomingMessage): MetadataAnswer {
    return answerMetadata(
      { input, lent },
      {
        method: request.method ?? 'GET',
        url: request.url ?? '/',
        from: request.socket.remoteAddress ?? '',
        header: (name) => {
          const value = request.headers[name];
          return Array.isArray(value) ? value[0] : value;
        },
      },
    );
  }

  function send(response: ServerResponse, found: MetadataAnswer): void {
    const { status, headers, body } = found;
    response.writeHead(status, { ...headers, etag: tagOf(found) }).end(body);
  }

  const waiting = new Map<string, number>();

  /** Answers as soon as it would be another answer, or when the time is up. */
  function sendLater(request: IncomingMessage, response: ServerResponse, timeout: number, known: string): void {
    const from = request.socket.remoteAddress ?? '';
    waiting.set(from, (waiting.get(from) ?? 0) + 1);
    const answerNow = (): void => {
      if (!response.destroyed) send(response, answer(request));
      leave();
    };
    const changed = (): void => {
      if (tagOf(answer(request)) !== known) answerNow();
    };
    const late = setTimeout(answerNow, timeout);
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      clearTimeout(late);
      changes.off('change', changed);
      const count = (waiting.get(from) ?? 1) - 1;
      if (count > 0) waiting.set(from, count);
      else waiting.delete(from);
    };
    changes.on('change', changed);
    response.on('close', leave);
  }

  const server = createServer((request, response) => {
    const found = answer(request);
    const wait = found.status === 200 ? waitingOf(request.url ?? '/') : undefined;
    const known = wait?.known ?? tagOf(found);
    const full = (waiting.get(request.socket.remoteAddress ?? '') ?? 0) >= WAITING;
    if (wait === undefined || known !== tagOf(found) || full) send(response, found);
    else sendLater(request, response, wait.timeout, known);
  });
  server.requestTimeout = 10_000;
  server.maxConnections = 1000;
  server.listen(80, listen);
}

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) await main();
