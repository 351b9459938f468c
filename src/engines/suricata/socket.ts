import { connect, type Socket } from 'node:net';
import { Problem } from '#core/problem.ts';

/** Suricata's control socket, protocol 0.2: JSON objects, each ended by a line end. */
export interface SuricataSocket {
  /** The answer's message. Throws when the engine refuses, is silent for `timeout` milliseconds (default 5,000) or ends. */
  ask(command: string, args?: Readonly<Record<string, string>>, timeout?: number): Promise<unknown>;
  close(): void;
}

interface Answer {
  readonly return: string;
  readonly message?: unknown;
}

/** Characters of an answer: whoever has taken the engine over shall not fill the agent's memory. */
const LONGEST = 16_000_000;

/** Connects and agrees on the protocol's version. Throws when nobody listens. */
export async function openSocket(path: string): Promise<SuricataSocket> {
  const socket = await connected(path);
  const answers = lines(socket);
  const send = async (value: object, timeout: number): Promise<unknown> => {
    socket.write(`${JSON.stringify(value)}\n`);
    const answer = await answers.next(timeout);
    if (answer.return === 'OK') return answer.message;
    throw refused(typeof answer.message === 'string' ? answer.message : 'the engine refused the command');
  };
  try {
    await send({ version: '0.2' }, 5000);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return {
    ask: (command, args, timeout = 5000) =>
      send({ command, ...(args === undefined ? {} : { arguments: args }) }, timeout),
    close: () => socket.destroy(),
  };
}

const connected = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.off('error', reject);
      // Later errors end the socket; whoever waits for an answer learns it from that.
      socket.on('error', () => {});
      resolve(socket);
    });
    socket.once('error', reject);
  });

/** The answers as they come. Some releases end an answer without a line end, so that a whole object counts as a line. */
function lines(socket: Socket): { next(timeout: number): Promise<Answer> } {
  let buffer = '';
  let wake = () => {};
  socket.setEncoding('utf8').on('data', (text: string) => {
    buffer += text;
    if (buffer.length > LONGEST) socket.destroy();
    wake();
  });
  socket.on('close', () => wake());
  const take = (): Answer | undefined => {
    const end = buffer.indexOf('\n');
    const text = end < 0 ? buffer : buffer.slice(0, end);
    if (text.trim() === '') return undefined;
    try {
      const answer = JSON.parse(text) as Answer;
      buffer = end < 0 ? '' : buffer.slice(end + 1);
      return answer;
    } catch {
      return undefined;
    }
  };
  const next = async (timeout: number): Promise<Answer> => {
    const deadline = performance.now() + timeout;
    for (;;) {
      const answer = take();
      if (answer !== undefined) return answer;
      const left = deadline - performance.now();
      if (socket.destroyed) throw refused('the engine closed its control socket');
      if (left <= 0) throw refused(`the engine did not answer within ${timeout} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  return { next };
}

const refused = (message: string): Problem =>
  new Problem('ENGINE_FAILED', {
    at: 'suricata',
    message,
    fix: 'It is restarted by its supervisor; `vauban checks` shows its state.',
  });
