import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { dialTcp, StrictClient } from '../../../test/relay-client.ts';
import { SUBPROTOCOL } from './handshake.ts';
import { echo, ending, eventually, host, portOf, query, relayAt, strict } from './relay.fixture.ts';

test('a client that only sends is slowed down by a host that does not read; memory stays bounded', async () => {
  const sockets: Socket[] = [];
  const backend = await host((socket) => {
    socket.pause();
    sockets.push(socket);
  });
  const relay = await relayAt();
  const client = await strict(relay, query(portOf(backend))).open();
  let sent = 0;
  let stopped = false;
  const piece = randomBytes(64 * 1024);
  const sending = (async () => {
    while (!stopped && sent < 200 * 1024 * 1024) {
      await client.send(piece);
      sent += piece.length;
    }
  })();
  let before = -1;
  // It stands still when for half a second nothing more goes out.
  for (let tries = 0; tries < 40 && before !== sent; tries += 1) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(sent).toBe(before);
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  stopped = true;
  let got = 0;
  sockets[0]?.on('data', (chunk) => {
    got += chunk.length;
  });
  sockets[0]?.resume();
  await sending;
  await client.close();
  await eventually(() => got === sent);
});

test('a client that is away is kept for a while only, and nobody has more tunnels than allowed', async () => {
  const backend = await echo();
  const relay = await relayAt({ keep: 100, perPrincipal: 2 });
  const first = await strict(relay, query(portOf(backend))).open();
  await strict(relay, query(portOf(backend))).open();
  await expect(strict(relay, query(portOf(backend))).open()).rejects.toMatchObject({ status: 429 });
  await strict(relay, query(portOf(backend)), 'carol').open();
  const gone = new StrictClient({
    dial: dialTcp(relay.port),
    ...{ host: 'x', query: query(portOf(backend)), token: 'carol', reconnects: 0 },
  });
  await gone.open();
  gone.cut();
  await eventually(() =>
    relay.events('tunnel.closed').some((it) => it.fields['reason'] === 'the client did not come back'),
  );
  await first.close();
});

/** A host that takes no connection: it is stopped, and what it may keep waiting is full. */
async function silentHost(): Promise<number> {
  const source = `require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port); })`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'ignore'] });
  ending.push(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGSTOP');
  const port = Number(said.toString());
  for (let tries = 0; tries < 20; tries += 1) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    ending.push(() => socket.destroy());
    const stands = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise((resolve) => setTimeout(resolve, 500, false)),
    ]);
    if (stands === false) return port;
  }
  throw new Error('the queue of connections never filled');
}

test('connections that hosts do not take count as tunnels: nobody keeps the others out with them', async () => {
  const port = await silentHost();
  const backend = await echo();
  const relay = await relayAt({ tunnels: 6, perPrincipal: 3, connect: 600_000 });
  for (let index = 0; index < 12; index += 1)
    void strict(relay, query(port))
      .open()
      .catch(() => {});
  await eventually(() => relay.relay.full('user:alice') !== undefined);
  await expect(strict(relay, query(port)).open()).rejects.toMatchObject({ status: 429 });
  expect(relay.relay.full('user:carol')).toBeUndefined();
  const carol = await strict(relay, query(portOf(backend)), 'carol').open();
  await carol.close();
});

test('a message in a thousand pieces is refused', async () => {
  const backend = await echo();
  const relay = await relayAt();
  const client = new WebSocket(`ws://127.0.0.1:${relay.port}/v4/connect?${query(portOf(backend))}`, SUBPROTOCOL, {
    headers: { authorization: 'Bearer alice' },
  });
  ending.push(() => client.terminate());
  client.on('error', () => {});
  await once(client, 'message');
  for (let piece = 0; piece < 1000; piece += 1) client.send(Buffer.alloc(1), { fin: false });
  const [code] = (await once(client, 'close')) as [number];
  expect(code).not.toBe(1000);
});
