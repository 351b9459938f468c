import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSocket } from './socket.ts';

let folder = '';
const open: { close(): void }[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vauban-socket-'));
});
afterEach(async () => {
  for (const it of open.splice(0)) it.close();
  await rm(folder, { recursive: true, force: true });
});

/** An engine that answers what it is told to. */
async function engine(answer: (command: string, socket: Socket) => void): Promise<string> {
  const path = join(folder, 's');
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const asked = JSON.parse(String(data)) as { version?: string; command?: string };
      if (asked.version !== undefined) socket.write('{"return":"OK"}\n');
      else answer(asked.command ?? '', socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  open.push({ close: () => server.close() });
  return path;
}

test('an answer is given even when it comes in pieces or without a line end', async () => {
  const path = await engine((command, socket) => {
    socket.write('{"return":"OK","mess');
    setTimeout(() => socket.write(`age":"${command}"}${command === 'two' ? '' : '\n'}`), 5);
  });
  const socket = await openSocket(path);
  open.push(socket);
  expect(await socket.ask('one')).toBe('one');
  expect(await socket.ask('two')).toBe('two');
});

test('a refusal, silence and a lost engine are told apart', async () => {
  const path = await engine((command, socket) => {
    if (command === 'refuse') socket.write('{"return":"NOK","message":"not now"}\n');
    if (command === 'die') socket.destroy();
  });
  const socket = await openSocket(path);
  open.push(socket);
  await expect(socket.ask('refuse')).rejects.toThrow('not now');
  await expect(socket.ask('silence', undefined, 30)).rejects.toThrow('did not answer within 30 ms');
  await expect(socket.ask('die')).rejects.toThrow('closed its control socket');
});

test('nobody on the socket is an error at once', async () => {
  await expect(openSocket(join(folder, 'nothing'))).rejects.toThrow(/ENOENT/);
});
