import { type Command, showInfo } from './command.ts';
import { RuntimeConnection } from './connection.ts';

/** Milliseconds between two looks for a worker that is not connected, and at workers that are on their way out. */
const LOOK = 1000;

interface Worker {
  readonly pid: number;
  readonly connection: RuntimeConnection;
}

export interface WorkersParts {
  readonly socket: string;
  /** A worker that was not there before: what it must know is sent in this call, before anything else. */
  readonly onWorker: (run: (command: Command) => void) => void;
  readonly onFault: (message: string) => void;
}

/**
 * The workers of HAProxy that are alive. After a reload the former ones go on with the connections they have, so what takes
 * something away must reach them, too. A connection that was opened before a reload still leads to the former worker: it is
 * kept for that, and closed when nothing else is left there, as it would keep the worker from leaving.
 */
export class Workers {
  readonly #parts: WorkersParts;
  readonly #workers: Worker[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: WorkersParts) {
    this.#parts = parts;
    this.look();
  }

  /** Whether the newest worker is connected. */
  get connected(): boolean {
    return this.#workers.at(-1)?.connection.isOpen === true;
  }

  get count(): number {
    return this.#workers.length;
  }

  /** To the newest worker; lost when there is none, which then starts with empty memory anyway. */
  push(commands: readonly Command[]): void {
    const newest = this.#workers.at(-1);
    if (newest !== undefined) this.#send(newest, commands);
  }

  /** Asks the newest worker. Rejects when there is none. */
  async run(command: Command): Promise<string> {
    const newest = this.#workers.at(-1);
    if (newest === undefined) throw new RangeError('no worker is connected');
    return newest.connection.run(command);
  }

  /** To every worker that lives. */
  broadcast(commands: readonly Command[]): void {
    for (const it of this.#workers) this.#send(it, commands);
  }

  /** Every worker that lives, to be asked one by one. */
  get all(): readonly Pick<RuntimeConnection, 'run'>[] {
    return this.#workers.map((it) => it.connection);
  }

  /** Looks for a worker that is not known yet: after HAProxy was started or reloaded. */
  look(): void {
    this.#looking ??= this.#connect().finally(() => {
      this.#looking = undefined;
      this.#again();
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const it of this.#workers.splice(0)) it.connection.close();
  }

  #again(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      void this.#release();
      this.look();
    }, LOOK);
  }

  /** Opens a connection and finds out which worker took it; one to a worker that we have is closed again. */
  async #connect(): Promise<void> {
    let connection: RuntimeConnection | undefined;
    try {
      connection = await RuntimeConnection.open(this.#parts.socket, () => this.#forget());
      const pid = Number(/^Pid: (\d+)$/m.exec(await connection.run(showInfo()))?.[1]);
      const known = this.#workers.some((it) => it.pid === pid && it.connection.isOpen);
      if (known || !Number.isInteger(pid) || this.#stopped) {
        connection.close();
        return;
      }
      const worker = { pid, connection };
      this.#workers.push(worker);
      this.#parts.onWorker((command) => this.#send(worker, [command]));
    } catch {
      // HAProxy is not there (yet); it is looked for again.
      connection?.close();
    }
  }

  #forget(): void {
    for (const it of this.#workers.filter((it) => !it.connection.isOpen)) {
      this.#workers.splice(this.#workers.indexOf(it), 1);
    }
  }

  /** Lets former workers go: the only connection that is left there is ours. */
  async #release(): Promise<void> {
    for (const it of this.#workers.slice(0, -1)) {
      const info = await it.connection.run(showInfo()).catch(() => '');
      if (/^Stopping: 1$/m.test(info) && Number(/^CurrConns: (\d+)$/m.exec(info)?.[1]) === 0) it.connection.close();
    }
  }

  #send({ connection }: Worker, commands: readonly Command[]): void {
    for (const it of commands) {
      connection.run(it).then(
        (answer) => {
          if (answer !== '') this.#parts.onFault(`${it.split('\n', 1)[0] ?? ''}: ${answer.split('\n', 1)[0] ?? ''}`);
        },
        () => {},
      );
    }
  }
}
