import { connect, type Socket } from 'node:net';
import { Problem } from '#core/problem.ts';
import type { Command } from './command.ts';

/** Milliseconds that one command may take; clearing a large map takes some hundred. */
const PATIENCE = 10_000;

interface Waiting {
  readonly done: (answer: string) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * One lasting connection to one worker of HAProxy, in interactive mode: commands go out at once, answers come back in
 * order, each ended by a prompt. It stays with its worker also after a reload, when others already reach the next one.
 */
export class RuntimeConnection {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #text = '';
  #timer: NodeJS.Timeout | undefined;

  private constructor(socket: Socket, onClose: () => void) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => this.#receive(text));
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(this.#timer);
      for (const it of this.#waiting.splice(0)) it.fail(lost());
      onClose();
    });
  }

  static async open(path: string, onClose: () => void): Promise<RuntimeConnection> {
    const socket = connect(path);
    await new Promise<void>((done, fail) => {
      socket.once('connect', done);
      socket.once('error', fail);
    });
    const connection = new RuntimeConnection(socket, onClose);
    await connection.run('prompt' as Command);
    return connection;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Sends a command; gives its answer without the prompt. Rejects when the worker is gone. */
  run(command: Command): Promise<string> {
    return new Promise((done, fail) => {
      if (this.#socket.destroyed) {
        fail(lost());
        return;
      }
      this.#waiting.push({ done, fail });
      this.#socket.write(`${command}\n`);
      this.#watch();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n> '); end >= 0; end = this.#text.indexOf('\n> ')) {
      const answer = this.#text.slice(0, end).replace(/^(\+ )*/, '');
      this.#text = this.#text.slice(end + 3);
      this.#waiting.shift()?.done(answer.trim());
      this.#watch();
    }
  }

  /** A worker that does not answer is as good as gone. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#socket.destroy(), PATIENCE);
  }
}

const lost = (): Problem =>
  new Problem('ENGINE_FAILED', {
    at: 'HAProxy runtime interface',
    message: 'the worker does not answer any more',
    fix: 'It is connected to again by itself.',
  });
