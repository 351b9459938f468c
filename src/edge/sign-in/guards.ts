import type { Accounts } from '../directory/accounts.ts';
import type { Edge } from '../edge.ts';
import { type Attempts, attemptsOf } from './attempts.ts';
import { type Factors, factorsIn } from './provider/factors.ts';

/** Guesses: wrong passwords from one address, and wrong codes for one account, in a quarter of an hour. */
const GUESSES = { address: { most: 40, seconds: 900 }, code: { most: 8, seconds: 900 } } as const;

/** What every way in goes by: who guesses on one way has guessed on all of them, and a code counts once on all of them. */
export interface Guards {
  readonly factors: Factors;
  /** By address of the client, and by account for codes. */
  readonly guesses: { readonly address: Attempts; readonly code: Attempts };
}

export const guardsOf = (
  { database, now }: Pick<Edge, 'database' | 'now'>,
  accounts: Pick<Accounts, 'secondFactorReset'>,
): Guards => ({
  factors: factorsIn(database, now, accounts.secondFactorReset),
  guesses: {
    address: attemptsOf({ ...GUESSES.address, now }),
    code: attemptsOf({ ...GUESSES.code, now }),
  },
});
