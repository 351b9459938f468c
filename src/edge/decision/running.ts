import { RUNNING_LENGTH } from '#engines/edge/paths.ts';
import type { Question } from './question.ts';
import { endSession, showSession, showSessions, showTable } from './runtime/command.ts';
import type { Workers } from './runtime/workers.ts';

/** A request that runs: what it would be asked about by now, and how HAProxy knows it. */
export interface Running {
  /** How many requests its worker had taken before it. */
  readonly count: number;
  /** The client's address and port. */
  readonly source: string;
  readonly question: Question;
}

export interface RunningParts {
  readonly workers: Asker;
  /** The stick-table's name. */
  readonly table: string;
  /** Whether it would be refused now. */
  readonly isOver: (question: Question) => Promise<boolean>;
  readonly now?: () => number;
}

export type Asker = Pick<Workers, 'all'>;
type Worker = Asker['all'][number];

/** Milliseconds that a token is kept for after it was last asked about, if nothing runs with it. */
const TOKEN_KEPT = 600_000;
/** How long after a change requests are judged that begin to answer only then: they were let in before. */
const WATCH = 3_600_000;

/**
 * Requests that outlive their decision (WebSockets, event streams, gRPC, downloads), so that they can be ended when it would
 * be another one. HAProxy keeps the list itself, in a table: it is right after a restart of ours as well, and for workers
 * that were replaced. Each stream is ended by itself; others of the same connection go on.
 */
export class RunningRequests {
  readonly #parts: RunningParts;
  readonly #now: () => number;
  readonly #tokens = new Map<string, Pick<Question, 'kind' | 'token'> & { at: number }>();
  #known: ReadonlySet<string> = new Set();
  #watchUntil = 0;

  constructor(parts: RunningParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
  }

  /** How many there were when last looked for. */
  get count(): number {
    return this.#known.size;
  }

  /** What was asked with a token can be asked again only with the token itself. */
  asked({ credential, kind, token }: Question): void {
    if (kind !== 'cookie' && kind !== 'none') this.#tokens.set(credential, { kind, token, at: this.#now() });
  }

  /** Ends those whose session is gone, whatever they would be told without it. */
  async endSessions(gone: ReadonlySet<string>): Promise<void> {
    await this.#endThose(async ({ credential }) => gone.has(credential));
  }

  /** Ends those among the concerned that would be refused now. */
  async endRefused(concerns: (question: Question) => boolean): Promise<void> {
    const { isOver } = this.#parts;
    await this.#endThose(async (it) => concerns(it) && (await isOver(it)));
  }

  /** Call it about every second: ends those that came up since a change and would not be let in now. */
  async look(): Promise<void> {
    if (this.#now() < this.#watchUntil) await this.#judge(async () => false);
  }

  /** Forgets tokens that nothing runs with any more. Call it about every minute. */
  async prune(): Promise<void> {
    const running = await this.#all();
    this.#note(running.flatMap((it) => it.requests));
    const used = new Set(running.flatMap((it) => it.requests.map(({ question }) => question.credential)));
    const before = this.#now() - TOKEN_KEPT;
    for (const [credential, { at }] of this.#tokens) {
      if (at < before && !used.has(credential)) this.#tokens.delete(credential);
    }
  }

  async #endThose(isDone: RunningParts['isOver']): Promise<void> {
    this.#watchUntil = this.#now() + WATCH;
    await this.#judge(isDone);
  }

  /** Whichever is the reason to look: who was never judged is judged now. */
  async #judge(isDone: RunningParts['isOver']): Promise<void> {
    const known = this.#known;
    const left: Running[] = [];
    const failures: unknown[] = [];
    for (const { worker, requests } of await this.#all()) {
      const over: Running[] = [];
      for (const it of requests) {
        const { question } = it;
        try {
          const isOver =
            (await isDone(question)) || (!known.has(question.requestId) && (await this.#parts.isOver(question)));
          (isOver ? over : left).push(it);
        } catch (error) {
          // Not known from here on: it is judged again in a second, and keeps nobody else from being ended.
          failures.push(error);
        }
      }
      await endAll(worker, over).catch(() => {});
    }
    this.#note(left);
    if (failures.length > 0) throw failures[0];
  }

  #note(requests: readonly Running[]): void {
    this.#known = new Set(requests.map((it) => it.question.requestId));
  }

  /** Workers that are gone have nothing that runs. */
  async #all(): Promise<readonly { readonly worker: Worker; readonly requests: readonly Running[] }[]> {
    const answers = await Promise.all(
      this.#parts.workers.all.map(async (worker) => ({
        worker,
        text: await worker.run(showTable(this.#parts.table)).catch(() => ''),
      })),
    );
    return answers.map(({ worker, text }) => ({
      worker,
      requests: runningIn(text, (credential) => this.#tokens.get(credential)),
    }));
  }
}

/**
 * HAProxy names streams by an address only, and tells two of one connection apart only when it is asked about each.
 * What has ended meanwhile is not found.
 */
async function endAll(worker: Worker, over: readonly Running[]): Promise<void> {
  if (over.length === 0) return;
  const doomed = new Set(over.map((it) => `${it.source} ${it.count}`));
  const sources = new Set(over.map((it) => it.source));
  const streams = await worker.run(showSessions());
  const candidates = [...streams.matchAll(/^(0x[0-9a-f]+): proto=\S+ src=(\S+) /gm)];
  await Promise.all(
    candidates.map(async ([, id = '', source = '']) => {
      if (!sources.has(source)) return;
      const [, count] = /^0x[0-9a-f]+: \[[^\]]*\] id=(\d+) /.exec(await worker.run(showSession(id))) ?? [];
      if (doomed.has(`${source} ${count}`)) await worker.run(endSession(id));
    }),
  );
}

const line = /^0x[0-9a-f]+: key=((?:\\.|[^\\ ])*) use=([1-9]\d*) /gm;
const entry = /^(\d+)\|([^|]+)\|([^|]+)\|([\w-]*)\|([^|]+)\|([a-z0-9._:[\]-]*)\|(?:=([\w-]*)\|)?(.*)$/s;

/** Total: what is no entry of ours is passed over. An entry whose `use` is 0 has ended. */
export function runningIn(
  table: string,
  tokenOf: (credential: string) => Pick<Question, 'kind' | 'token'> | undefined = () => undefined,
): readonly Running[] {
  return [...table.matchAll(line)].flatMap(([, escaped = '']) => {
    const key = unescaped(escaped);
    const [, count = '', source = '', requestId = '', name = '', service = '', host = '', device, uri = ''] =
      entry.exec(key) ?? [];
    if (requestId === '') return [];
    const anonymous = name === '';
    const known = tokenOf(name);
    const question: Question = {
      ...{ credential: anonymous ? 'anonymous' : name, kind: known?.kind ?? (anonymous ? 'none' : 'cookie') },
      ...{ token: known?.token ?? '', service, epoch: '', shape: 'session', extra: '', host, requestId },
      // A path that was cut off is not known; where the policy goes by paths, it means nothing that is allowed.
      url: key.length >= RUNNING_LENGTH - 1 ? '' : uri.replace(/^[a-z]+:\/\/[^/]*/i, ''),
      ...{ method: '', source: source.replace(/:\d+$/, ''), sourcePort: Number(/\d+$/.exec(source)?.[0] ?? 0) },
      lasting: true,
      ...(device === undefined || device === '' ? {} : { shown: { device } }),
    };
    return [{ count: Number(count), source, question }];
  });
}

const unescaped = (text: string): string =>
  text.replace(/\\(?:x([0-9a-f]{2})|(.))/gi, (_, code: string | undefined, sign: string) =>
    code === undefined ? (controls[sign] ?? sign) : String.fromCharCode(Number.parseInt(code, 16)),
  );

const controls: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', e: '\x1b' };
