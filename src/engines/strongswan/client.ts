import { createConnection, type Socket } from 'node:net';
import { Problem } from '#core/problem.ts';
import { decodePacket, encodePacket, frames, type Packet, textAt, type ViciMessage } from './vici.ts';

/** A conversation with one charon. It ends when either side closes; nothing is asked for again by itself. */
export interface ViciClient {
  /** Asks and waits for the answer; `streamed` gets what comes before it under that event. */
  call(
    command: string,
    message?: ViciMessage,
    streamed?: { readonly event: string; readonly each: (message: ViciMessage) => void },
  ): Promise<ViciMessage>;
  /** The same, and throws what charon says when it refuses. */
  must(command: string, message?: ViciMessage): Promise<ViciMessage>;
  /** Hears every event of a name until the end. */
  on(event: string, each: (message: ViciMessage) => void): Promise<void>;
  close(): void;
  /** Settles when the conversation is over. */
  readonly ended: Promise<void>;
}

interface Waiting {
  readonly done: (packet: Packet) => void;
  readonly fail: (problem: Error) => void;
}

const failure = (message: string): Problem =>
  new Problem('ENGINE_FAILED', { at: 'strongSwan', message, fix: '`vauban doctor` shows whether it runs.' });

/** Rejects when nobody listens there. */
export async function connectVici(path: string): Promise<ViciClient> {
  const socket = await connected(path);
  const waiting: Waiting[] = [];
  const listeners = new Map<string, ((message: ViciMessage) => void)[]>();
  const take = frames();
  const ended = new Promise<void>((done) => socket.once('close', () => done()));
  const hear = (packet: Packet): void => {
    if (packet.type !== 'event') waiting.shift()?.done(packet);
    else for (const each of listeners.get(packet.name) ?? []) each(packet.message);
  };
  socket.on('data', (chunk) => {
    try {
      for (const frame of take(chunk)) hear(decodePacket(frame));
    } catch (error) {
      socket.destroy(error as Error);
    }
  });
  socket.on('error', () => {});
  void ended.then(() => {
    for (const it of waiting.splice(0)) it.fail(failure('it went away in the middle of a conversation'));
  });

  // charon answers in order, so that several may be on their way.
  const send = (packet: Packet): Promise<Packet> =>
    new Promise((done, fail) => {
      if (socket.destroyed) return fail(failure('it went away'));
      waiting.push({ done, fail });
      socket.write(encodePacket(packet));
    });

  const register = async (event: string, each: (message: ViciMessage) => void): Promise<void> => {
    const before = listeners.get(event) ?? [];
    listeners.set(event, [...before, each]);
    if (before.length > 0) return;
    const { type } = await send({ type: 'register', name: event });
    if (type !== 'confirmed') throw failure(`it knows no event ${event}`);
  };

  const unregister = async (event: string, each: (message: ViciMessage) => void): Promise<void> => {
    const rest = (listeners.get(event) ?? []).filter((it) => it !== each);
    listeners.set(event, rest);
    if (rest.length === 0) await send({ type: 'unregister', name: event });
  };

  const call: ViciClient['call'] = async (command, message = {}, streamed) => {
    if (streamed !== undefined) await register(streamed.event, streamed.each);
    try {
      const answer = await send({ type: 'request', name: command, message });
      if (answer.type === 'response') return answer.message;
      throw failure(`it knows no command ${command}`);
    } finally {
      if (streamed !== undefined && !socket.destroyed) await unregister(streamed.event, streamed.each).catch(() => {});
    }
  };

  return {
    call,
    must: async (command, message) => {
      const answer = await call(command, message);
      if (textAt(answer, 'success') !== 'yes') throw failure(`${command}: ${textAt(answer, 'errmsg')}`);
      return answer;
    },
    on: register,
    close: () => socket.destroy(),
    ended,
  };
}

const connected = (path: string): Promise<Socket> =>
  new Promise((done, fail) => {
    const socket = createConnection({ path });
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      done(socket);
    });
    socket.once('error', fail);
  });
