import type { Question } from './question.ts';
import { type Command, endSession, showSessions } from './runtime/command.ts';
import type { Workers } from './runtime/workers.ts';

/** A request that goes on after it was decided about: a WebSocket, an event stream, a gRPC stream. */
interface Lasting {
  readonly question: Question;
  readonly service: string;
}

export type Asker = Pick<Workers, 'ask'>;

/** Requests that outlive their decision, so that they can be ended when it would be another one. */
export class LastingRequests {
  readonly #workers: Asker;
  readonly #requests = new Map<string, Lasting>();

  constructor(workers: Asker) {
    this.#workers = workers;
  }

  get count(): number {
    return this.#requests.size;
  }

  add(question: Question): void {
    this.#requests.set(`${question.source}:${question.sourcePort} ${question.requestId}`, {
      question,
      service: question.service,
    });
  }

  /** Ends those that are not allowed any more; gives how many. */
  async end(which: (question: Question) => boolean | Promise<boolean>): Promise<number> {
    const doomed = new Set<string>();
    for (const [key, { question }] of [...this.#requests]) {
      if (!(await which(question))) continue;
      this.#requests.delete(key);
      doomed.add(key.split(' ', 1)[0] ?? '');
    }
    if (doomed.size === 0) return 0;
    let ended = 0;
    for (const { source, id, run } of await this.#live()) {
      if (!doomed.has(source)) continue;
      run(endSession(id));
      ended += 1;
    }
    return ended;
  }

  /** Forgets those that have ended by themselves. */
  async prune(): Promise<void> {
    if (this.#requests.size === 0) return;
    const before = [...this.#requests.keys()];
    const live = new Set((await this.#live()).map((it) => it.source));
    for (const key of before) if (!live.has(key.split(' ', 1)[0] ?? '')) this.#requests.delete(key);
  }

  /** The streams of every worker, by the client's address and port. */
  async #live(): Promise<readonly { readonly source: string; readonly id: string; run: (it: Command) => void }[]> {
    const answers = await this.#workers.ask(showSessions());
    return answers.flatMap(({ answer, run }) =>
      [...answer.matchAll(/^(0x[0-9a-f]+): proto=\S+ src=(\S+) /gm)].map(([, id = '', source = '']) => ({
        ...{ source, id },
        run,
      })),
    );
  }
}
