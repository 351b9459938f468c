import type { HostStatus } from '#core/host.ts';
import type { Revision } from './store/store.ts';

/** What becomes of a revision that was left open. */
export type Settlement =
  | { readonly action: 'wait' }
  | { readonly action: 'confirm' }
  /** The machine holds it; `before` (RFC 3339): it must still be confirmed. */
  | { readonly action: 'commit'; readonly before?: string }
  | { readonly action: 'revert' | 'fail'; readonly reason: string };

type Said = Pick<HostStatus, 'revision' | 'digest' | 'pending' | 'reverted'>;

/**
 * Settles an open revision by what the machine says, for the machine is right about what it holds. `begun` is the digest
 * of what had been asked for. A change that the machine has finished is finished here, too, even if control died before it
 * heard of it: taking it back would be a second disturbance that nobody asked for.
 */
export function settlement(
  revision: Pick<Revision, 'number' | 'state'>,
  begun: string | undefined,
  said: Said,
): Settlement {
  const holds = said.revision === revision.number;
  const back = said.reverted?.revision === revision.number ? said.reverted.reason : undefined;
  if (revision.state === 'pending') {
    if (!holds) return { action: 'revert', reason: back ?? 'the machine holds another revision' };
    return said.pending === undefined ? { action: 'confirm' } : { action: 'wait' };
  }
  if (revision.state !== 'applying') return { action: 'wait' };
  if (!holds || begun === undefined || begun !== said.digest) {
    return { action: 'fail', reason: back ?? 'it was interrupted while it was being applied, and undone' };
  }
  const before = said.pending === undefined ? {} : { before: new Date(said.pending.deadline).toISOString() };
  return { action: 'commit', ...before };
}

/** Milliseconds to wait after so many failures in a row: one second at first, five minutes at most. */
export const patienceAfter = (failures: number): number => Math.min(300_000, 1000 * 2 ** Math.max(0, failures - 1));
