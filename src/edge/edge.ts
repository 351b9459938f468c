import type { DatabaseSync } from 'node:sqlite';
import type { EdgeInput } from '#engines/edge/input.ts';
import type { EdgePaths } from '#engines/edge/paths.ts';
import type { TokenIssuers } from './issuers.ts';
import type { People } from './people.ts';
import type { Sessions } from './session.ts';
import type { Web } from './web.ts';

/** One line of the edge service's log: decisions and sign-ins become audit entries by it. */
export type EdgeLog = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** What every part of the edge service is given. */
export interface Edge {
  /** The input in force now; read it anew each time. */
  readonly input: () => EdgeInput;
  /** Told after another input has come into force. */
  readonly onInput: (listener: (input: EdgeInput, before: EdgeInput) => void) => void;
  readonly paths: Pick<
    EdgePaths,
    'run' | 'spoe' | 'web' | 'operator' | 'vpn' | 'portal' | 'runtime' | 'state' | 'keys'
  >;
  readonly database: DatabaseSync;
  readonly sessions: Sessions;
  readonly people: People;
  /** Whose ID tokens count. */
  readonly issuers: TokenIssuers;
  readonly web: Web;
  readonly log: EdgeLog;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A part that runs. */
export interface EdgePart {
  /** For the observation of the edge; names are camel case. */
  counters?(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}
