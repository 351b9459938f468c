import { hashOf } from '#lib/hash.ts';
import type { MetadataAnswer } from './metadata.ts';

/** Seconds that a request for the next change may wait: without `timeout_sec`, and at most. */
const patience = { usual: 300, most: 3600 };

export interface Waiting {
  /** Milliseconds until it is answered even when nothing has changed. */
  readonly timeout: number;
  /** What the asker knows already; undefined: whatever it was when it asked. */
  readonly known: string | undefined;
}

/** `?wait_for_change=true&last_etag=…&timeout_sec=…`; undefined for a request that is answered at once. */
export function waitingOf(url: string): Waiting | undefined {
  const query = new URLSearchParams(url.replace(/^[^?]*/, ''));
  if (query.get('wait_for_change')?.toLowerCase() !== 'true') return undefined;
  const seconds = Number(query.get('timeout_sec') ?? patience.usual);
  const bounded = Number.isFinite(seconds) ? Math.min(patience.most, Math.max(0, seconds)) : patience.usual;
  return { timeout: bounded * 1000, known: query.get('last_etag') ?? undefined };
}

/** Equal answers have equal tags. */
export const tagOf = ({ status, body }: MetadataAnswer): string => hashOf([status, body]).slice(0, 16);
