import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Refused } from '../../../test/relay-client.ts';
import { echo, eventually, host, portOf, query, relayAt, strict } from './relay.fixture.ts';

test('a strict client’s bytes come back unchanged, and the host sees the relay’s own address', async () => {
  let from: string | undefined;
  const backend = await host((socket) => {
    from = socket.remoteAddress;
    socket.pipe(socket);
  });
  const relay = await relayAt();
  const client = await strict(relay, query(portOf(backend))).open();
  const bytes = randomBytes(300_000);
  await client.send(bytes);
  expect((await client.receive(bytes.length)).equals(bytes)).toBe(true);
  expect(from).toBe('127.0.0.9');
  await client.close();
  await eventually(() => relay.relay.count === 0);
  expect(relay.events('tunnel.closed')[0]?.fields).toMatchObject({
    ...{ principal: 'user:alice', client: '203.0.113.7', instance: 'server', port: portOf(backend) },
    ...{ received: bytes.length, sent: bytes.length, code: 1000 },
  });
});

test('a line that is cut again and again in mid-stream loses and repeats nothing, in either direction', async () => {
  const backend = await echo();
  const relay = await relayAt();
  const client = await strict(relay, query(portOf(backend))).open();
  const bytes = randomBytes(3_000_000);
  const cutting = (async () => {
    for (const at of [200_000, 700_000, 1_300_000, 2_100_000]) {
      await client.receive(at);
      client.cut();
    }
  })();
  await client.send(bytes);
  await cutting;
  expect((await client.receive(bytes.length)).equals(bytes)).toBe(true);
  expect(client.reconnects).toBeGreaterThanOrEqual(4);
  expect(relay.events('tunnel.opened')).toHaveLength(1);
  await client.close();
});

test('who comes without a role is refused before a WebSocket, with the reason in the status line too', async () => {
  const relay = await relayAt();
  const error = await strict(relay, query(22), 'bob')
    .open()
    .catch((it: unknown) => it);
  expect(error).toBeInstanceOf(Refused);
  expect(error).toMatchObject({ status: 403, body: 'user:bob has not the role “Tunnel User”' });
  expect((error as Refused).phrase).toContain('has not the role');
  await expect(strict(relay, query(22), 'mallory').open()).rejects.toMatchObject({ status: 401 });
  expect(relay.events('tunnel.refused').map((it) => it.fields['status'])).toEqual([403, 401]);
});

test('what does not exist, does not listen or does not answer is said in words', async () => {
  const backend = await echo();
  const closed = portOf(backend);
  const relay = await relayAt({ connect: 300 });
  const endOf = async (text: string) => {
    const client = strict(relay, text);
    await client.open().catch(() => {});
    return client.end();
  };
  backend.close();
  await once(backend, 'close');
  expect(await endOf(query(closed))).toEqual({ code: 4003, reason: `nothing listens on port ${closed} of server` });
  expect(await endOf(query(22, { instance: 'nobody' }))).toEqual({ code: 4047, reason: 'there is no instance nobody' });
  expect(await endOf(query(22, { zone: 'us-west1-a' }))).toMatchObject({ code: 4047 });
  expect(await endOf(query(22, { interface: 'nic1' }))).toMatchObject({ code: 4047 });
  for (const text of [query(0), 'project=lab&port=22', 'port=22&zone=a&instance=b'])
    await expect(strict(relay, text).open()).rejects.toMatchObject({ status: 400 });
  await expect(strict(relay, query(22, { project: 'other' })).open()).rejects.toMatchObject({ status: 404 });
});

test('a host can be named by network and address, too', async () => {
  const backend = await echo();
  const relay = await relayAt();
  const text = (name: string) =>
    String(
      new URLSearchParams({
        ...{ project: 'lab', port: String(portOf(backend)), region: 'us-east1', network: 'cloud-ids', host: name },
      }),
    );
  for (const name of ['127.0.0.1', 'server', 'server.us-east1-b.c.lab.internal']) {
    const client = await strict(relay, text(name)).open();
    await client.send(Buffer.from('hi'));
    expect((await client.receive(2)).toString()).toBe('hi');
    await client.close();
  }
});

test('a session belongs to whoever opened it: for anybody else it is unknown', async () => {
  const backend = await echo();
  const relay = await relayAt();
  const client = await strict(relay, query(portOf(backend))).open();
  await client.send(Buffer.from('secret'));
  await client.receive(6);
  const [opened] = relay.events('tunnel.opened');
  expect(String(opened?.fields['session'])).toHaveLength(8);
  const closing = (token: string, sid: string) =>
    new Promise<number>((resolve) => {
      const url = `ws://127.0.0.1:${relay.port}/v4/reconnect?sid=${sid}&ack=0`;
      const line = new WebSocket(url, ['relay.tunnel.cloudproxy.app'], {
        headers: { authorization: `Bearer ${token}` },
      });
      line.on('close', (code) => resolve(code));
    });
  expect(await closing('carol', client.sid)).toBe(4001);
  expect(await closing('alice', 'no-such-session')).toBe(4001);
  await client.send(Buffer.from('!'));
  expect((await client.receive(7)).toString()).toBe('secret!');
});

test('a permission that is taken back ends tunnels that stand, with the reason', async () => {
  const backend = await echo();
  const relay = await relayAt();
  const client = await strict(relay, query(portOf(backend))).open();
  relay.verdicts.set('alice', { allowed: false, reason: 'the role was taken back' });
  await relay.relay.review();
  expect(await client.end()).toEqual({ code: 4033, reason: 'the role was taken back' });
  expect(relay.relay.count).toBe(0);
});

test('what breaks the protocol ends the tunnel with its code', async () => {
  const backend = await echo();
  const relay = await relayAt();
  const after = async (opcode: number, hex: string) => {
    const client = await strict(relay, query(portOf(backend))).open();
    await client.raw(opcode, Buffer.from(hex, 'hex'));
    return (await client.end()).code;
  };
  expect(await after(1, '6869')).toBe(4007);
  expect(await after(2, '00')).toBe(4013);
  expect(await after(2, '00070000000000000005')).toBe(4006);
  expect(await after(2, '00020000000000000000')).toBe(4008);
  expect(await after(2, '000400000010')).toBe(4013);
  await eventually(() => relay.relay.count === 0);
});

test('what the window held back is heard as well before the end is told', async () => {
  const bytes = randomBytes(3_000_000);
  const backend = await host((socket) => socket.end(bytes));
  const relay = await relayAt({ memory: 1 });
  const client = await strict(relay, query(portOf(backend))).open();
  expect((await client.receive(bytes.length)).equals(bytes)).toBe(true);
  expect(await client.end()).toMatchObject({ code: 1000 });
});

test('a host that ends the connection is heard to the last byte, also when the line breaks just then', async () => {
  const bytes = randomBytes(600_000);
  const backend = await host((socket) => socket.end(bytes));
  const relay = await relayAt();
  const client = await strict(relay, query(portOf(backend))).open();
  await client.receive(100_000);
  client.cut();
  expect((await client.receive(bytes.length)).equals(bytes)).toBe(true);
  expect(await client.end()).toMatchObject({ code: 1000 });
  await eventually(() => relay.relay.count === 0);
});
