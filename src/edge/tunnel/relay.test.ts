import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { runTunnel } from '#client/tunnel.ts';
import { Problem } from '#core/problem.ts';
import { dialTcp, Refused, StrictClient } from '../../../test/relay-client.ts';
import { handshake } from './handshake.ts';
import { Relay, type RelayLimits, type Verdict } from './relay.ts';
import type { TunnelHost } from './target.ts';

// Real sockets on a machine that may be busy: nothing here is about time.
vi.setConfig({ testTimeout: 60_000 });

const ending: (() => void)[] = [];
afterEach(() => {
  for (const end of ending.splice(0).toReversed()) end();
});

const portOf = (server: { address(): AddressInfo | string | null }): number => (server.address() as AddressInfo).port;

async function listening<T extends Server>(server: T): Promise<T> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ending.push(() => server.close());
  return server;
}

/** A host behind the relay: what it does with a connection. */
const host = (serve: (socket: Socket) => void): Promise<Server> =>
  listening(
    createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      ending.push(() => socket.destroy());
      serve(socket);
    }),
  );

const echo = (): Promise<Server> => host((socket) => socket.pipe(socket));

interface Lines {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const hosts: readonly TunnelHost[] = [
  {
    name: 'server',
    zone: 'us-east1-b',
    hostname: 'server.us-east1-b.c.lab.internal',
    interfaces: [{ nic: 'nic0', network: 'cloud-ids', address: '127.0.0.1' }],
  },
];

/** A relay on TCP. Alice may go everywhere, Bob nowhere, anybody else is unknown. */
async function relayAt(limits: Partial<RelayLimits> = {}) {
  const lines: Lines[] = [];
  const log = (event: string, fields: Readonly<Record<string, unknown>>): void => void lines.push({ event, fields });
  const verdicts = new Map<string, Verdict>();
  const relay = new Relay({ source: () => '127.0.0.9', now: () => Date.now(), log, limits });
  const server = await listening(createHttpServer());
  server.on(
    'upgrade',
    handshake({
      relay,
      hosts: () => hosts,
      isProject: (project) => project === 'lab',
      admit: async (request) => {
        const name = /^Bearer (\w+)$/.exec(request.headers.authorization ?? '')?.[1];
        if (name === 'bob')
          return { status: 403, reason: 'user:bob has not the role “Tunnel User”', principal: 'user:bob' };
        if (name !== 'alice' && name !== 'carol') return { status: 401, reason: 'no valid token came' };
        return {
          principal: `user:${name}`,
          address: '203.0.113.7',
          still: async () => verdicts.get(name) ?? { allowed: true },
        };
      },
      log,
      addressOf: () => '203.0.113.7',
    }),
  );
  ending.push(() => {
    relay.stop();
    server.closeAllConnections();
  });
  return {
    relay,
    lines,
    verdicts,
    port: portOf(server),
    events: (name: string) => lines.filter((it) => it.event === name),
  };
}

const query = (port: number, more: Readonly<Record<string, string>> = {}): string =>
  String(
    new URLSearchParams({
      ...{ project: 'lab', port: String(port), newWebsocket: 'True', zone: 'us-east1-b', instance: 'server' },
      ...{ interface: 'nic0', ...more },
    }),
  );

const strict = (relay: { readonly port: number }, text: string, token = 'alice') =>
  new StrictClient({ dial: dialTcp(relay.port), host: 'tunnel.cloudproxy.app', query: text, token });

const eventually = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 500 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(holds()).toBe(true);
};

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

/** A line between client and relay that a test can break. */
async function breakable(port: number) {
  const pairs = new Set<Socket>();
  const server = await host((socket) => {
    const onward = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      pairs.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        pairs.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  return {
    port: portOf(server),
    cut: () => {
      for (const it of pairs) it.resetAndDestroy();
    },
  };
}

const routeTo = (port: number, text: string, token = 'alice') => ({
  connect: `ws://127.0.0.1:${port}/v4/connect?${text}`,
  reconnect: (sid: string, received: number) => `ws://127.0.0.1:${port}/v4/reconnect?sid=${sid}&ack=${received}`,
  token: () => token,
  name: 'server',
});

test('our own client comes back by itself, and both directions are whole', async () => {
  const backend = await echo();
  const relay = await relayAt();
  const line = await breakable(relay.port);
  const bytes = randomBytes(4_000_000);
  const [input, output] = [new PassThrough(), new PassThrough()];
  const notes: string[] = [];
  const running = runTunnel(
    routeTo(line.port, query(portOf(backend))),
    Duplex.from({ readable: input, writable: output }),
    { note: (text) => notes.push(text), retry: { first: 10, most: 50, giveUp: 10_000 } },
  );
  const chunks: Buffer[] = [];
  let got = 0;
  const cuts = [500_000, 1_500_000, 2_500_000];
  output.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    got += chunk.length;
    if (cuts[0] !== undefined && got > cuts[0]) {
      cuts.shift();
      line.cut();
    }
    if (got === bytes.length) input.destroy();
  });
  input.write(bytes);
  await running;
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  expect(notes.filter((it) => it.includes('was resumed'))).toHaveLength(3);
});

test('a host that answers while it is still sent to never stands still: confirmations get through', async () => {
  const backend = await echo();
  const relay = await relayAt({ memory: 1 });
  const bytes = randomBytes(8_000_000);
  const [input, output] = [new PassThrough(), new PassThrough()];
  const running = runTunnel(
    routeTo(relay.port, query(portOf(backend))),
    Duplex.from({ readable: input, writable: output }),
  );
  const chunks: Buffer[] = [];
  let got = 0;
  output.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    got += chunk.length;
    if (got === bytes.length) input.destroy();
  });
  input.write(bytes);
  await running;
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
});

test('our own client tells a refusal and a lost session as problems with a way out', async () => {
  const backend = await echo();
  const relay = await relayAt();
  const local = () => Duplex.from({ readable: new PassThrough(), writable: new PassThrough() });
  const problem = async (running: Promise<void>): Promise<Problem> => {
    const error = await running.catch((it: unknown) => it);
    expect(error).toBeInstanceOf(Problem);
    return error as Problem;
  };
  const refused = await problem(runTunnel(routeTo(relay.port, query(22), 'bob'), local()));
  expect([refused.code, refused.message]).toEqual(['PERMISSION_DENIED', 'user:bob has not the role “Tunnel User”']);
  expect((await problem(runTunnel(routeTo(relay.port, query(22), 'eve'), local()))).code).toBe('UNAUTHENTICATED');
  const unknown = await problem(runTunnel(routeTo(relay.port, query(22, { instance: 'nobody' })), local()));
  expect(unknown.message).toBe('there is no instance nobody (4047)');
  const running = runTunnel(routeTo(relay.port, query(portOf(backend))), local());
  await eventually(() => relay.relay.count === 1);
  relay.verdicts.set('alice', { allowed: false, reason: 'the role was taken back' });
  await relay.relay.review();
  expect((await problem(running)).code).toBe('PERMISSION_DENIED');
});
