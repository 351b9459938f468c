import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type AgentParts, spoeAgent } from './agent.ts';
import { FrameFault, Reader, type Value, Writer } from './bytes.ts';
import {
  type Frame,
  FrameCutter,
  frameTypes,
  readActions,
  readFrame,
  readMessages,
  readValues,
  writeFrame,
  writeMessages,
  writeValues,
} from './frame.ts';

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeNat(),
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array({ maxLength: 300 }),
);
const messages = fc.array(
  fc.record({
    name: fc.string(),
    args: fc
      .dictionary(
        fc.string().filter((it) => it !== '__proto__'),
        value,
        { maxKeys: 12 },
      )
      .map((it) => ({ ...it })),
  }),
  { maxLength: 4 },
);

describe('bytes', () => {
  test.each([
    [0, '00'],
    [239, 'ef'],
    [240, 'f000'],
    [2287, 'ff7f'],
    [2288, 'f08000'],
    [264431, 'ffff7f'],
    [264432, 'f0808000'],
    [4328786159, 'ffffffff7f'],
  ])('a number %i is written as the protocol says', (number, bytes) => {
    expect(new Writer().varint(number).done().toString('hex')).toBe(bytes);
    expect(new Reader(Buffer.from(bytes, 'hex')).varint()).toBe(number);
  });

  test('what is written is read back, whatever it is', () => {
    fc.assert(
      fc.property(messages, fc.maxSafeNat(), fc.maxSafeNat(), (list, stream, frame) => {
        const bytes = writeFrame({ type: frameTypes.notify, stream, frame, payload: writeMessages(list) });
        const back = readFrame(bytes.subarray(4));
        expect([back.stream, back.frame]).toEqual([stream, frame]);
        expect(readMessages(back.payload)).toEqual(list);
      }),
    );
  });

  test('any bytes are a frame or a fault, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readMessages(readFrame(Buffer.from(bytes)).payload);
        } catch (error) {
          if (!(error instanceof FrameFault)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('frames are the same however the bytes arrive', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.nat({ max: 50 }), { maxLength: 40 }), (list, cuts) => {
        const frame = writeFrame({ type: 3, stream: 1, frame: 1, payload: writeMessages(list) });
        const whole = Buffer.concat([frame, frame, frame]);
        const cutter = new FrameCutter(() => 1_000_000);
        const found: string[] = [];
        let at = 0;
        for (const cut of [...cuts, whole.length]) {
          for (const it of cutter.push(whole.subarray(at, at + cut))) found.push(it.toString('hex'));
          at += cut;
        }
        expect(found).toEqual(Array(3).fill(frame.subarray(4).toString('hex')));
      }),
    );
  });

  test('addresses have one spelling', () => {
    const four = Buffer.from('06c0000201', 'hex');
    const six = Buffer.from(`07${'20010db8'}${'00'.repeat(11)}01`, 'hex');
    expect([new Reader(four).value(), new Reader(six).value()]).toEqual(['192.0.2.1', '2001:db8:0:0:0:0:0:1']);
  });
});

describe('the agent', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const it of cleanups.splice(0)) it();
  });

  async function talk(parts: Partial<AgentParts> = {}) {
    const folder = mkdtempSync(`${tmpdir()}/vauban-spoe-`);
    const faults: string[] = [];
    const engines: string[] = [];
    const server = spoeAgent({
      answer: async () => [],
      onEngine: (id) => void engines.push(id),
      onFault: (message) => void faults.push(message),
      ...parts,
    });
    server.listen(`${folder}/spoe.sock`);
    await once(server, 'listening');
    const socket: Socket = connect(`${folder}/spoe.sock`);
    const cutter = new FrameCutter(() => 100_000);
    const inbox: Frame[] = [];
    const waiting: (() => void)[] = [];
    socket.on('data', (bytes) => {
      inbox.push(...cutter.push(bytes as Buffer).map(readFrame));
      for (const it of waiting.splice(0)) it();
    });
    cleanups.push(() => {
      socket.destroy();
      server.close();
      rmSync(folder, { recursive: true });
    });
    const next = async (): Promise<Frame> => {
      while (inbox.length === 0) await new Promise<void>((done) => waiting.push(done));
      return inbox.shift() as Frame;
    };
    const send = (type: number, payload: Buffer, [stream, frame]: readonly [number, number] = [0, 0]) =>
      socket.write(writeFrame({ type, stream, frame, payload }));
    const hello = (more: Readonly<Record<string, Value>> = {}) =>
      send(
        frameTypes.hello,
        writeValues({
          'supported-versions': '2.0',
          'max-frame-size': 16_380,
          capabilities: 'pipelining,async',
          ...more,
        }),
      );
    return { socket, next, send, hello, faults, engines };
  }

  const notify = (name: string) => writeMessages([{ name, args: {} }]);

  test('greets with the smaller frame size, pipelining and nothing that it cannot do', async () => {
    const { next, hello, engines } = await talk();
    hello({ 'max-frame-size': 4096, 'engine-id': 'one' });
    const answer = await next();
    expect(answer.type).toBe(frameTypes.agentHello);
    expect(readValues(answer.payload)).toEqual({ version: '2.0', 'max-frame-size': 4096, capabilities: 'pipelining' });
    expect(engines).toEqual(['one']);
  });

  test('answers many questions on one connection in whatever order the answers come', async () => {
    const open = new Map<string, () => void>();
    const { next, hello, send } = await talk({
      answer: ({ name }) => new Promise((done) => open.set(name, () => done([{ name: 'said', value: name }]))),
    });
    hello();
    await next();
    send(frameTypes.notify, notify('first'), [7, 1]);
    send(frameTypes.notify, notify('second'), [8, 1]);
    while (open.size < 2) await new Promise(setImmediate);
    open.get('second')?.();
    const one = await next();
    open.get('first')?.();
    const other = await next();
    expect([one, other].map((it) => [it.stream, readActions(it.payload)])).toEqual([
      [8, [{ name: 'said', value: 'second' }]],
      [7, [{ name: 'said', value: 'first' }]],
    ]);
  });

  test('a question that fails, and an answer too large for a frame, set no variable', async () => {
    const { next, hello, send, faults } = await talk({
      answer: async ({ name }) => {
        if (name === 'fails') throw new RangeError('no');
        return [{ name: 'page', value: 'x'.repeat(20_000) }];
      },
    });
    hello();
    await next();
    send(frameTypes.notify, notify('fails'), [1, 1]);
    expect(await next()).toMatchObject({ type: frameTypes.ack, stream: 1, payload: Buffer.alloc(0) });
    send(frameTypes.notify, notify('large'), [2, 1]);
    expect(await next()).toMatchObject({ type: frameTypes.ack, stream: 2, payload: Buffer.alloc(0) });
    expect(faults).toHaveLength(2);
  });

  test.each([
    ['a version that is not ours', { 'supported-versions': '3.0' }, 8],
    ['frames that are too small', { 'max-frame-size': 100 }, 9],
  ])('refuses %s', async (_, more, code) => {
    const { next, hello, socket } = await talk();
    hello(more);
    const answer = await next();
    expect([answer.type, readValues(answer.payload)['status-code']]).toEqual([frameTypes.agentDisconnect, code]);
    await once(socket, 'end');
  });

  test('refuses fragments, frames before a hello, and frames larger than agreed', async () => {
    const fragment = await talk();
    fragment.hello();
    await fragment.next();
    fragment.socket.write(Buffer.from('0000000703000000000101', 'hex'));
    expect(readValues((await fragment.next()).payload)['status-code']).toBe(10);

    const early = await talk();
    early.send(frameTypes.notify, notify('x'), [1, 1]);
    expect(readValues((await early.next()).payload)['status-code']).toBe(4);

    const large = await talk();
    large.socket.write(Buffer.from('7fffffff', 'hex'));
    expect(readValues((await large.next()).payload)['status-code']).toBe(3);
  });

  test('answers a health check and a goodbye, then closes', async () => {
    const check = await talk();
    check.hello({ healthcheck: true });
    expect((await check.next()).type).toBe(frameTypes.agentHello);
    await once(check.socket, 'end');

    const leaving = await talk();
    leaving.hello();
    await leaving.next();
    leaving.send(frameTypes.disconnect, writeValues({ 'status-code': 0, message: 'normal' }));
    expect(readValues((await leaving.next()).payload)['status-code']).toBe(0);
    await once(leaving.socket, 'end');
  });
});
