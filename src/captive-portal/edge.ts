import * as z from 'zod';
import { askSocket } from '#engines/asking.ts';

const Grant = z.object({ set: z.string().max(200), networks: z.array(z.string().max(20)).max(5000) });

const Sessions = z.object({
  sessions: z
    .array(
      z.object({
        address: z.string().max(20),
        email: z.string().max(320),
        since: z.number(),
        until: z.number(),
        grants: z.array(Grant).optional(),
      }),
    )
    .max(20_000),
});
export type Told = z.infer<typeof Sessions>['sessions'][number];

/** Milliseconds. */
const PATIENCE = 20_000;

/** What the service of a captive portal asks the edge service of its project. */
export class PortalEdge {
  readonly #socket: string;
  readonly #portal: string;

  constructor(socket: string, portal: string) {
    this.#socket = socket;
    this.#portal = portal;
  }

  /** Who is signed in; undefined: the edge service is away. */
  async sessions(): Promise<readonly Told[] | undefined> {
    const said = Sessions.safeParse(await this.#ask('/v1/portal/sessions', {}));
    return said.success ? said.data.sessions : undefined;
  }

  /** Gives how many sign-ins have ended; undefined: the edge service is away. `since`: of that sign-in only. */
  async end(it: {
    readonly address?: string;
    readonly since?: number;
    readonly email?: string;
    readonly reason: string;
  }): Promise<number | undefined> {
    const said = z.object({ ended: z.number() }).safeParse(await this.#ask('/v1/portal/end', it));
    return said.success ? said.data.ended : undefined;
  }

  async #ask(path: string, asked: object): Promise<unknown> {
    const body = JSON.stringify({ portal: this.#portal, ...asked });
    const headers = { 'content-type': 'application/json' };
    try {
      return JSON.parse((await askSocket(this.#socket, { path, body, headers, patience: PATIENCE })).body);
    } catch {
      return undefined;
    }
  }
}
