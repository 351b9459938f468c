import { readFileSync, watch } from 'node:fs';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import type { MetadataInput } from '#engines/metadata/input.ts';
import { answerMetadata } from '../edge/metadata.ts';

/** The metadata server of one network: `metadata.ts FILE ADDRESS`. Runs without any privilege. */

const [, , file = '', listen = ''] = process.argv;
let input = JSON.parse(readFileSync(file, 'utf8')) as MetadataInput;

// The file is replaced by a rename, so its folder is what is watched.
watch(dirname(file), () => {
  try {
    input = JSON.parse(readFileSync(file, 'utf8')) as MetadataInput;
  } catch {
    // It is being taken away; the last answers stay until this process is stopped.
  }
});

const server = createServer((request, response) => {
  const { status, headers, body } = answerMetadata(input, {
    method: request.method ?? 'GET',
    url: request.url ?? '/',
    from: request.socket.remoteAddress ?? '',
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  });
  response.writeHead(status, headers).end(body);
});
server.requestTimeout = 10_000;
server.maxConnections = 1000;
server.listen(80, listen);
