import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { runTunnel } from '#client/tunnel.ts';
import { Problem } from '#core/problem.ts';
import { breakableLine, localEnd } from '../../../test/breakable-line.ts';
import { echo, ending, eventually, portOf, query, relayAt } from './relay.fixture.ts';

/** Between client and relay. */
async function breakable(port: number) {
  const line = await breakableLine(port);
  ending.push(line.close);
  return line;
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
  const local = localEnd();
  const notes: string[] = [];
  const cuts = [500_000, 1_500_000, 2_500_000];
  local.onBytes((got) => {
    if (cuts[0] !== undefined && got > cuts[0]) {
      cuts.shift();
      line.cut();
    }
    if (got === bytes.length) local.input.destroy();
  });
  const running = runTunnel(routeTo(line.port, query(portOf(backend))), local.duplex, {
    note: (text) => notes.push(text),
    retry: { first: 10, most: 50, giveUp: 10_000 },
  });
  local.input.write(bytes);
  await running;
  expect(local.text().equals(bytes)).toBe(true);
  expect(notes.filter((it) => it.includes('was resumed'))).toHaveLength(3);
});

test('a host that answers while it is still sent to never stands still: confirmations get through', async () => {
  const backend = await echo();
  const relay = await relayAt({ memory: 1 });
  const bytes = randomBytes(8_000_000);
  const local = localEnd();
  local.onBytes((got) => {
    if (got === bytes.length) local.input.destroy();
  });
  const running = runTunnel(routeTo(relay.port, query(portOf(backend))), local.duplex);
  local.input.write(bytes);
  await running;
  expect(local.text().equals(bytes)).toBe(true);
});

test('our own client tells a refusal and a lost session as problems with a way out', async () => {
  const backend = await echo();
  const relay = await relayAt();
  const local = () => localEnd().duplex;
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
