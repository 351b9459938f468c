import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RelayViolation } from './closing.ts';
import { DATA_LIMIT, decodeFrame, encodeFrame } from './frames.ts';
import { ACK_EVERY, Session, type Wire } from './session.ts';

/** A wire that keeps what was sent, for a test to look at. */
function recorder() {
  const messages: Buffer[] = [];
  const calls: string[] = [];
  const wire: Wire = {
    batch: (send) => send(),
    send: (message) => void messages.push(message),
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
  };
  return { wire, messages, calls, frames: () => messages.splice(0).map(decodeFrame) };
}

function end(window = 100_000) {
  const delivered: Buffer[] = [];
  const state = { accepts: true, rooms: 0 };
  const session = new Session({
    window: () => window,
    deliver: (bytes) => {
      delivered.push(Buffer.from(bytes));
      return state.accepts;
    },
    onRoom: () => {
      state.rooms += 1;
    },
  });
  return { session, delivered, state, text: () => Buffer.concat(delivered).toString('latin1') };
}

const data = (text: string): Buffer => encodeFrame({ kind: 'data', bytes: Buffer.from(text, 'latin1') });
const ack = (received: number): Buffer => encodeFrame({ kind: 'ack', received });
const codeOf = (act: () => void): number | undefined => {
  try {
    act();
  } catch (error) {
    if (error instanceof RelayViolation) return error.code;
    throw error;
  }
  return undefined;
};

test('bytes go out in frames of the protocol’s size', () => {
  const { session } = end();
  const { wire, frames } = recorder();
  session.attach(wire);
  session.write(Buffer.alloc(DATA_LIMIT * 2 + 1));
  expect(frames().map((it) => (it.kind === 'data' ? it.bytes.length : it.kind))).toEqual([DATA_LIMIT, DATA_LIMIT, 1]);
});

test('much is confirmed at once, little at the next tick, nothing twice', () => {
  const { session } = end();
  const { wire, frames } = recorder();
  session.attach(wire);
  for (let sent = 0; sent <= ACK_EVERY; sent += DATA_LIMIT) session.take(data('x'.repeat(DATA_LIMIT)));
  expect(frames()).toEqual([{ kind: 'ack', received: ACK_EVERY + DATA_LIMIT }]);
  session.tick();
  expect(frames()).toEqual([]);
  session.take(data('y'));
  expect(frames()).toEqual([]);
  session.tick();
  expect(frames()).toEqual([{ kind: 'ack', received: ACK_EVERY + DATA_LIMIT + 1 }]);
});

test('what was not confirmed goes out again on the next wire, from the very byte', () => {
  const { session } = end();
  const first = recorder();
  session.attach(first.wire);
  session.write(Buffer.from('abcdef'));
  session.write(Buffer.from('ghi'));
  session.take(ack(2));
  session.detach();
  session.write(Buffer.from('jkl'));
  const second = recorder();
  session.resume(second.wire, 4);
  expect(second.frames().map((it) => (it.kind === 'data' ? it.bytes.toString() : it.kind))).toEqual([
    'ef',
    'ghi',
    'jkl',
  ]);
  expect(session.unconfirmed).toBe(8);
});

test('confirmations that cannot be are violations, and change nothing', () => {
  const { session } = end();
  session.attach(recorder().wire);
  session.write(Buffer.from('abcdef'));
  session.take(ack(3));
  expect(codeOf(() => session.take(ack(2)))).toBe(4006);
  expect(codeOf(() => session.take(ack(7)))).toBe(4006);
  session.detach();
  expect(codeOf(() => session.resume(recorder().wire, 2))).toBe(4005);
  expect(codeOf(() => session.resume(recorder().wire, 7))).toBe(4005);
  expect(session.attached).toBe(false);
  expect(session.unconfirmed).toBe(3);
});

test('frames that only begin a connection are violations in it; unknown tags are passed over', () => {
  const { session, delivered } = end();
  session.attach(recorder().wire);
  expect(codeOf(() => session.take(encodeFrame({ kind: 'connected', sid: 'x' })))).toBe(4008);
  expect(codeOf(() => session.take(encodeFrame({ kind: 'reconnected', received: 0 })))).toBe(4008);
  session.take(Buffer.from('00630000', 'hex'));
  expect(delivered).toEqual([]);
});

test('a slow local side gets nothing more, and nothing more is confirmed, until it has drained', () => {
  const { session, state, text } = end(100_000);
  const { wire, frames, calls } = recorder();
  session.attach(wire);
  state.accepts = false;
  session.take(data('a'.repeat(DATA_LIMIT)));
  for (let index = 0; index < 6; index += 1) session.take(data('b'.repeat(DATA_LIMIT)));
  session.tick();
  expect(text().length).toBe(DATA_LIMIT);
  expect(frames()).toEqual([{ kind: 'ack', received: DATA_LIMIT }]);
  expect(session.received).toBe(7 * DATA_LIMIT);
  state.accepts = true;
  session.drained();
  session.tick();
  expect(text().length).toBe(7 * DATA_LIMIT);
  expect(frames().at(-1)).toEqual({ kind: 'ack', received: 7 * DATA_LIMIT });
  expect(calls).toEqual([]);
});

test('a confirmation never says less than a reconnection did', () => {
  const { session, state } = end(100_000);
  session.attach(recorder().wire);
  state.accepts = false;
  session.take(data('a'));
  session.take(data('bc'));
  session.detach();
  const second = recorder();
  session.resume(second.wire, 0);
  session.tick();
  state.accepts = true;
  session.drained();
  session.take(data('d'));
  session.tick();
  expect(second.frames()).toEqual([{ kind: 'ack', received: 4 }]);
});

test('whoever minds no confirmation is stopped at last, also on the next wire; the other way goes on meanwhile', () => {
  const { session, state } = end(DATA_LIMIT);
  const first = recorder();
  session.attach(first.wire);
  state.accepts = false;
  expect(session.write(Buffer.alloc(DATA_LIMIT))).toBe(false);
  for (let index = 0; index < 20; index += 1) session.take(data('x'.repeat(DATA_LIMIT)));
  expect(first.calls).toEqual(['pause']);
  expect(state.rooms).toBe(1);
  session.detach();
  const second = recorder();
  session.resume(second.wire, 0);
  expect(second.calls).toEqual(['pause']);
  state.accepts = true;
  session.drained();
  session.drained();
  expect(second.calls).toEqual(['pause', 'resume']);
});

test('at the end the local side gets everything that came', () => {
  const { session, state, text } = end();
  session.attach(recorder().wire);
  state.accepts = false;
  for (const it of ['a', 'b', 'c']) session.take(data(it));
  expect(text()).toBe('a');
  session.flush();
  expect(text()).toBe('abc');
});

test('a full window asks to wait, and says when there is room; many tiny pieces fill it, too', () => {
  const { session, state } = end(10);
  session.attach(recorder().wire);
  expect(session.write(Buffer.alloc(9))).toBe(true);
  expect(session.write(Buffer.alloc(5))).toBe(false);
  session.take(ack(3));
  expect(state.rooms).toBe(0);
  session.take(ack(5));
  session.take(ack(6));
  expect(state.rooms).toBe(1);
  const many = end();
  let pieces = 0;
  while (many.session.write(Buffer.from('x'))) pieces += 1;
  expect(pieces).toBeLessThan(10_000);
});

/** What happens on the way: a few messages arrive, the connection is cut, time passes, a side reads slowly. */
const happenings = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ what: fc.constant('write' as const), side: fc.nat(1), size: fc.nat(40_000) }) },
    { weight: 8, arbitrary: fc.record({ what: fc.constant('arrive' as const), side: fc.nat(1), count: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('cut' as const), kept: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('tick' as const), side: fc.nat(1) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('slow' as const), side: fc.nat(1), slow: fc.boolean() }) },
  ),
  { maxLength: 120 },
);

/** Two sessions and the wires between them, as a client and a relay use them. */
class Model {
  readonly window = 50_000;
  readonly ends = [this.#makeEnd(), this.#makeEnd()] as const;
  /** Messages under way to each side; those of wires that were cut stay and come late. */
  #wires: { alive: boolean; to: Buffer[][]; paused: boolean[] }[] = [];
  #written = [0, 0];

  constructor() {
    this.#connect();
  }

  #makeEnd() {
    const state = { got: 0, wrong: 0, accepts: true };
    const session = new Session({
      window: () => this.window,
      deliver: (bytes) => {
        for (const byte of bytes) {
          if (byte !== state.got % 251) state.wrong += 1;
          state.got += 1;
        }
        return state.accepts;
      },
      onRoom: () => {},
    });
    return { session, state };
  }

  #connect(): void {
    const wire = { alive: true, to: [[], []] as Buffer[][], paused: [false, false] };
    this.#wires.push(wire);
    for (const side of [0, 1] as const) {
      const port: Wire = {
        batch: (send) => send(),
        send: (message) => void wire.to[1 - side]?.push(message),
        pause: () => {
          wire.paused[side] = true;
        },
        resume: () => {
          wire.paused[side] = false;
        },
      };
      const { session } = this.ends[side];
      if (this.#wires.length === 1) session.attach(port);
      else session.resume(port, this.ends[(1 - side) as 0 | 1].session.received);
    }
  }

  write(side: number, size: number): void {
    const { session } = this.ends[side as 0 | 1];
    if (!session.hasRoom) return;
    const from = this.#written[side] ?? 0;
    session.write(Buffer.from(Array.from({ length: size }, (_, index) => (from + index) % 251)));
    this.#written[side] = from + size;
    expect(session.unconfirmed).toBeLessThan(this.window + 40_001);
  }

  arrive(side: number, count: number): void {
    const wire = this.#wires.at(-1);
    for (let index = 0; index < count; index += 1) {
      if (wire?.paused[side] === true) return;
      const message = wire?.to[side]?.shift();
      if (message !== undefined) this.ends[side as 0 | 1].session.take(message);
    }
  }

  /** A cut loses what is under way, in one direction after some of it has arrived still. */
  cut(kept: number): void {
    this.arrive(kept % 2, kept);
    for (const { session } of this.ends) session.detach();
    this.#connect();
  }

  slow(side: number, slow: boolean): void {
    const { session, state } = this.ends[side as 0 | 1];
    state.accepts = !slow;
    if (!slow) session.drained();
  }

  settle(): void {
    for (const side of [0, 1]) this.slow(side, false);
    for (let round = 0; round < 1000; round += 1) {
      for (const side of [0, 1]) this.arrive(side, 100);
      for (const { session } of this.ends) session.tick();
    }
  }
}

test('however a connection is cut, delayed and resumed, every byte comes once and in order', () => {
  fc.assert(
    fc.property(happenings, (list) => {
      const model = new Model();
      for (const it of list) {
        if (it.what === 'write') model.write(it.side, it.size);
        if (it.what === 'arrive') model.arrive(it.side, it.count);
        if (it.what === 'cut') model.cut(it.kept);
        if (it.what === 'tick') model.ends[it.side as 0 | 1].session.tick();
        if (it.what === 'slow') model.slow(it.side, it.slow);
      }
      model.settle();
      for (const side of [0, 1] as const) {
        const [one, other] = [model.ends[side], model.ends[(1 - side) as 0 | 1]];
        expect(other.state).toEqual({ got: one.session.written, wrong: 0, accepts: true });
        expect(one.session.unconfirmed).toBe(0);
      }
    }),
    { numRuns: 150 },
  );
});
