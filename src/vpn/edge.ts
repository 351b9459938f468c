import { request } from 'node:http';
import * as z from 'zod';
import { askSocket } from '#engines/asking.ts';

const Prefixes = z.array(z.string().max(20)).max(5000);

/** Who somebody is and what they may reach, as the edge service says. */
export const Admitted = z.object({
  person: z.object({
    email: z.string().max(320),
    subject: z.string().max(300),
    displayName: z.string().max(300).optional(),
    groups: z.array(z.string().max(320)).default([]),
  }),
  grants: z.array(z.object({ set: z.string().max(200), networks: Prefixes })),
  networks: Prefixes,
});
export type Admitted = z.infer<typeof Admitted>;

const Refused = z.object({ refused: z.string().max(60), reason: z.string().max(500) });
export type Refused = z.infer<typeof Refused>;

export type Verdict = Admitted | Refused;
export const isRefused = (it: Verdict): it is Refused => 'refused' in it;

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly code?: string;
  /** Whose certificate the client has shown. */
  readonly certificate?: string;
  readonly from: string;
}

/** Milliseconds: passwords are hashed slowly, and two hundred people may come at once. */
const PATIENCE = 20_000;
/** Milliseconds without a sign of life after which the stream of changes is opened anew. */
const SILENCE = 15_000;
/** Milliseconds between two tries to open it. */
const PAUSE = 500;
const LONGEST = 1_000_000;

const unavailable: Refused = { refused: 'unavailable', reason: 'the sign-in service is away' };

/** The edge service of the project, which knows people and their rights. When it is away, nobody new is let in. */
export class Edge {
  readonly #socket: string;
  readonly #server: string;

  constructor(socket: string, server: string) {
    this.#socket = socket;
    this.#server = server;
  }

  authenticate(it: Credentials): Promise<Verdict> {
    return this.#ask('/v1/vpn/authenticate', { server: this.#server, ...it });
  }

  rights(email: string): Promise<Verdict> {
    return this.#ask('/v1/vpn/rights', { server: this.#server, email });
  }

  async #ask(path: string, asked: object): Promise<Verdict> {
    const headers = { 'content-type': 'application/json' };
    const question = { path, body: JSON.stringify(asked), headers, patience: PATIENCE, longest: LONGEST };
    try {
      return verdictIn((await askSocket(this.#socket, question)).body);
    } catch {
      return unavailable;
    }
  }

  /**
   * Tells whose rights may have changed; undefined: anybody's, also because something may have been missed. Gives what
   * ends it.
   */
  follow(changed: (email: string | undefined) => void): () => void {
    let stopped = false;
    let current: ReturnType<typeof request> | undefined;
    let retry: NodeJS.Timeout | undefined;
    const open = (): void => {
      const asked = request(
        { socketPath: this.#socket, path: '/v1/vpn/changes', headers: { host: 'edge' } },
        (answer) => {
          changed(undefined);
          let rest = '';
          answer.setEncoding('utf8').on('data', (part: string) => {
            const lines = (rest + part).slice(-LONGEST).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) tell(line, changed);
          });
          answer.on('error', () => undefined);
        },
      );
      current = asked;
      asked.setTimeout(SILENCE, () => asked.destroy());
      asked.on('error', () => undefined);
      asked.on('close', () => {
        if (!stopped) retry = setTimeout(open, PAUSE);
      });
      asked.end();
    };
    open();
    return () => {
      stopped = true;
      clearTimeout(retry);
      current?.destroy();
    };
  }
}

/** Throws for what is no verdict. */
function verdictIn(text: string): Verdict {
  const value: unknown = JSON.parse(text);
  const refused = Refused.safeParse(value);
  return refused.success ? refused.data : Admitted.parse(value);
}

/** A heartbeat is a line without a change. */
function tell(line: string, changed: (email: string | undefined) => void): void {
  try {
    const value = JSON.parse(line) as { readonly email?: unknown; readonly heartbeat?: unknown };
    if (value.heartbeat !== undefined) return;
    changed(typeof value.email === 'string' ? value.email : undefined);
  } catch {
    // What is no line of the stream says nothing.
  }
}
