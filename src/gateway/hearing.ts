import type { Heard } from './arbitration.ts';
import type { Heartbeat } from './heartbeat.ts';

export const ways = ['traffic', 'link'] as const;
export type Way = (typeof ways)[number];

interface Last extends Heard {
  readonly sent: number;
  readonly roundTripMs: number | undefined;
}

/** What one node has heard of the other, and what it believes. */
export interface Hearing {
  /** Life of this node's own service. */
  readonly own: number;
  /** The newest life of the other that has proved itself. */
  readonly peer: number | undefined;
  /** Life that heartbeats are addressed to: the other's as last heard, proved or not. */
  readonly to: number;
  readonly last: Readonly<Partial<Record<Way, Last>>>;
  readonly newest: Heartbeat | undefined;
}

export const nothingHeard = (own: number): Hearing => ({
  own,
  peer: undefined,
  to: 0,
  last: {},
  newest: undefined,
});

/**
 * Takes one authentic heartbeat. It counts when it is addressed to this very life, comes from no earlier life of the other,
 * and is newer than the last on its way. Otherwise it can only tell whom to address. Pure.
 */
export function hear(hearing: Hearing, heartbeat: Heartbeat, way: Way, now: number): Hearing | 'refused' {
  const { life, number } = heartbeat;
  if (hearing.peer !== undefined && life < hearing.peer) return 'refused';
  if (heartbeat.to !== hearing.own) {
    if (life <= hearing.to) return life === hearing.to ? hearing : 'refused';
    return { ...hearing, to: life };
  }
  const known: Hearing =
    hearing.peer === life ? hearing : { ...hearing, peer: life, to: life, last: {}, newest: undefined };
  const before = known.last[way];
  if (before !== undefined && number <= before.number) return 'refused';
  const { echo } = heartbeat;
  const roundTripMs = echo?.life === hearing.own ? Math.max(0, now - echo.sent - echo.heldMs) : before?.roundTripMs;
  const newest = known.newest === undefined || number >= known.newest.number ? heartbeat : known.newest;
  return { ...known, newest, last: { ...known.last, [way]: { at: now, number, sent: heartbeat.sent, roundTripMs } } };
}
