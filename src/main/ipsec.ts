import { readFileSync, rmSync, watch } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { basename, dirname } from 'node:path';
import { KeeperFile } from '#engines/strongswan/input.ts';
import { Steer } from '#engines/strongswan/status.ts';
import { Keeper } from '#ipsec/keeper.ts';
import { hashOf } from '#lib/hash.ts';

/**
 * The keeper of one gateway's tunnels: `ipsec.ts WANTED VICI SOCKET LOADED`. What happens to tunnels is a line of JSON each
 * on its output. Runs without any privilege.
 */

function main(): void {
  const [, , file = '', vici = '', socket = '', loaded = ''] = process.argv;
  const read = (): { readonly text: string; readonly file: KeeperFile } => {
    const text = readFileSync(file, 'utf8');
    return { text, file: KeeperFile.parse(JSON.parse(text)) };
  };
  const first = read();
  let hash = hashOf(first.text);
  const tell = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
  const keeper = new Keeper({ sockets: dirname(vici), vici, loaded, tell }, first.file, hash);
  watch(dirname(file), (_, name) => {
    if (name !== basename(file)) return;
    const next = read();
    if (hashOf(next.text) === hash) return;
    hash = hashOf(next.text);
    keeper.take(next.file, hash);
  });
  rmSync(socket, { force: true });
  createServer((request, response) => void answer(keeper, request, response)).listen(socket);
  void keeper.run();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
}

async function answer(keeper: Keeper, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const end = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  try {
    if (request.url === '/status') return end(200, await keeper.status());
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    const wish = Steer.parse(JSON.parse(text));
    const known = await keeper.steer(wish.tunnel, wish.state);
    end(known ? 200 : 404, known ? {} : { message: `there is no tunnel ${wish.tunnel}` });
  } catch (error) {
    end(500, { message: String((error as Error).message) });
  }
}

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) main();
