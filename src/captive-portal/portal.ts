import * as z from 'zod';
import type { SessionGrants } from '#engines/filter/granting.ts';
import type { PortalEdge, Told } from './edge.ts';

/** Somebody who is signed in, as the service keeps it. */
export const Session = z.object({
  address: z.string(),
  email: z.string(),
  since: z.number(),
  until: z.number(),
  grants: z.array(z.object({ set: z.string(), networks: z.array(z.string()) })),
  /** Hardware address that stood there first; absent: none was seen yet, or a router stands between. */
  hardware: z.string().optional(),
  /** It has ended here, and the edge service has not heard of it: it counts for nothing, and must not come back by asking. */
  over: z.string().optional().describe('Why it has ended.'),
});
export type Session = z.infer<typeof Session>;

export interface PortalParts {
  readonly edge: Pick<PortalEdge, 'sessions' | 'end'>;
  readonly rights: { replace(sessions: ReadonlyMap<string, SessionGrants>): Promise<void> };
  /** Of whoever ran before. */
  readonly sessions: readonly Session[];
  readonly keep: (sessions: readonly Session[]) => void;
  /** Hardware addresses of neighbours now, by address. */
  readonly neighbours: () => Promise<ReadonlyMap<string, string>>;
  readonly now: () => number;
}

/**
 * Keeps what people who have signed in at a captive portal may reach. The edge service says who they are; while it is away
 * everybody stays as they were, until their time is over.
 */
export class Portal {
  readonly #parts: PortalParts;
  #sessions: readonly Session[];
  #running: Promise<void> | undefined;
  #again = false;

  constructor(parts: PortalParts) {
    this.#parts = parts;
    this.#sessions = parts.sessions;
  }

  get sessions(): readonly Session[] {
    return this.#sessions.filter((it) => it.over === undefined);
  }

  /** Asks who is signed in now. Calls that come while one runs are one more together. */
  refresh(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#rounds().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #rounds(): Promise<void> {
    do {
      this.#again = false;
      const told = await this.#parts.edge.sessions();
      const before = this.#sessions;
      await this.#hold(told === undefined ? before : told.map((it) => merged(it, before)));
      if (told !== undefined) await this.#tellEnds();
    } while (this.#again);
  }

  /** Until it is heard: an end that the edge service does not know of would be a sign-in of whoever has the address now. */
  async #tellEnds(): Promise<void> {
    for (const { address, since, over } of this.#sessions) {
      if (over === undefined) continue;
      const told = await this.#parts.edge.end({ address, since, reason: over });
      if (told === undefined) return;
      await this.#hold(this.#sessions.filter((it) => it.address !== address || it.since !== since));
    }
  }

  /** Ends what time or another device has ended, also without the edge service. */
  async look(): Promise<void> {
    if (this.#sessions.length === 0) return;
    const stands = await this.#parts.neighbours();
    const now = this.#parts.now();
    const seen = this.#sessions.map((it): Session => {
      const hardware = it.hardware ?? stands.get(it.address);
      return hardware === undefined ? it : { ...it, hardware };
    });
    const isOther = ({ address, hardware }: Session): boolean => (stands.get(address) ?? hardware) !== hardware;
    const left = seen
      .filter((it) => it.until > now)
      .map((it): Session => (isOther(it) && it.over === undefined ? { ...it, over: ANOTHER } : it));
    const same = (it: Session, before: Session | undefined): boolean =>
      it.hardware === before?.hardware && it.over === before?.over;
    if (left.length !== this.#sessions.length || left.some((it, index) => !same(it, this.#sessions[index])))
      await this.#hold(left);
    await this.#tellEnds();
  }

  /** Ends the sign-ins of a person, at once and also without the edge service; gives how many there were. */
  async end(email: string, reason: string): Promise<number> {
    const theirs = this.sessions.filter((it) => it.email === email.toLowerCase());
    if (theirs.length === 0) return 0;
    await this.#hold(this.#sessions.map((it) => (theirs.includes(it) ? { ...it, over: reason } : it)));
    await this.#tellEnds();
    return theirs.length;
  }

  async #hold(sessions: readonly Session[]): Promise<void> {
    const now = this.#parts.now();
    this.#sessions = sessions.filter((it) => it.until > now);
    this.#parts.keep(this.#sessions);
    await this.#parts.rights.replace(
      new Map(
        this.sessions.map(({ address, email, since, grants }) => [
          `${address} ${since}`,
          { address, person: email, grants },
        ]),
      ),
    );
  }
}

const ANOTHER = 'another device has the address now';

/** Of the same sign-in, what is known stays known. */
function merged({ grants, ...told }: Told, before: readonly Session[]): Session {
  const known = before.find((it) => it.address === told.address && it.since === told.since);
  return {
    ...told,
    grants: grants ?? known?.grants ?? [],
    ...(known?.hardware === undefined ? {} : { hardware: known.hardware }),
    ...(known?.over === undefined ? {} : { over: known.over }),
  };
}
