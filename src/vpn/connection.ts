import { connect, type Socket } from 'node:net';
import { ManagementReader, type Message } from './management.ts';

export interface Answer {
  readonly ok: boolean;
  readonly text: string;
  /** What came before the end, for commands that answer with lines. */
  readonly lines: readonly string[];
}

export interface ConnectionParts {
  readonly path: string;
  /** It answers. Runs again after each loss; nobody is let in before it has ended. */
  readonly attached: (connection: Connection) => Promise<void>;
  readonly heard: (message: Extract<Message, { kind: 'client' | 'bytes' }>) => void;
  readonly log: (text: string) => void;
}

/** Milliseconds between two tries to reach an openvpn that is not there. */
const PAUSE = 200;
/** Milliseconds within which openvpn answers a command. */
const PATIENCE = 10_000;

interface Waiting {
  readonly lines: string[];
  readonly isLong: boolean;
  readonly done: (answer: Answer) => void;
}

/** The management socket of one openvpn, found again whenever it was lost. */
export class Connection {
  readonly #parts: ConnectionParts;
  #socket: Socket | undefined;
  #waiting: Waiting[] = [];
  #stopped = false;
  #retry: NodeJS.Timeout | undefined;
  /** It waits for permission, and who was let in before is known. */
  #isHeld = false;
  #isAttached = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#open();
  }

  get isAttached(): boolean {
    return this.#isAttached;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  /** Rejects when openvpn is not there or does not answer. `long`: the answer has lines up to END. */
  command(text: string, isLong = false): Promise<Answer> {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return Promise.reject(new RangeError('openvpn is not there'));
    return new Promise((done, fail) => {
      const timer = setTimeout(() => socket.destroy(new RangeError('openvpn does not answer')), PATIENCE);
      const end = (answer: Answer): void => {
        clearTimeout(timer);
        if (answer.text === LOST) fail(new RangeError(LOST));
        else done(answer);
      };
      this.#waiting.push({ lines: [], isLong, done: end });
      socket.write(`${text}\n`);
    });
  }

  #open(): void {
    const socket = connect(this.#parts.path);
    const reader = new ManagementReader();
    socket.setEncoding('utf8');
    socket.on('connect', () => {
      this.#socket = socket;
      void this.#attach(socket);
    });
    socket.on('data', (chunk: string) => {
      try {
        for (const message of reader.read(chunk)) this.#take(message);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
    socket.on('error', (error) => {
      if (this.#socket === socket) this.#parts.log(`management: ${error.message}`);
    });
    socket.on('close', () => this.#lost(socket));
  }

  async #attach(socket: Socket): Promise<void> {
    try {
      await this.#parts.attached(this);
      if (this.#socket !== socket) return;
      this.#isAttached = true;
      if (this.#isHeld) await this.#release();
    } catch (error) {
      socket.destroy(error instanceof Error ? error : undefined);
    }
  }

  async #release(): Promise<void> {
    this.#isHeld = false;
    await this.command('hold release');
  }

  #lost(socket: Socket): void {
    if (this.#socket === socket) {
      this.#socket = undefined;
      this.#isAttached = false;
      this.#isHeld = false;
      for (const it of this.#waiting.splice(0)) it.done({ ok: false, text: LOST, lines: [] });
    }
    if (!this.#stopped) this.#retry = setTimeout(() => this.#open(), PAUSE);
  }

  #take(message: Message): void {
    if (message.kind === 'client' || message.kind === 'bytes') {
      this.#parts.heard(message);
      return;
    }
    if (message.kind === 'hold') {
      this.#isHeld = true;
      if (this.#isAttached) void this.#release().catch(() => undefined);
      return;
    }
    const [oldest] = this.#waiting;
    if (oldest === undefined) return;
    const ends = message.kind === 'answer' ? !oldest.isLong || !message.ok : oldest.isLong && message.text === 'END';
    if (!ends) {
      if (message.kind === 'line') oldest.lines.push(message.text);
      return;
    }
    this.#waiting.shift();
    const [ok, text] = message.kind === 'answer' ? [message.ok, message.text] : [true, ''];
    oldest.done({ ok, text, lines: oldest.lines });
  }
}

const LOST = 'openvpn went away';
