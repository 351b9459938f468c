import { type EveAlert, parseEve } from '#engines/suricata/eve.ts';
import { isCanary } from '#engines/suricata/render.ts';
import { type EnrichmentContext, enrich, sessionOf } from './enrich.ts';
import type { Session, Sighting } from './threat.ts';

/** What some lines of an event file say. */
export interface Digest {
  readonly sightings: readonly Sighting[];
  readonly sessions: readonly Session[];
  readonly canaries: readonly EveAlert[];
  readonly malformed: readonly { readonly index: number; readonly reason: string }[];
  /** By reason: `below-severity`, `exception/36729`. */
  readonly suppressed: ReadonlyMap<string, number>;
}

/** Pure. `flows` says whether the endpoint logs traffic. */
export function digest(
  lines: readonly string[],
  context: EnrichmentContext,
  want: { readonly flows: boolean },
): Digest {
  const sightings: Sighting[] = [];
  const sessions: Session[] = [];
  const canaries: EveAlert[] = [];
  const malformed: { index: number; reason: string }[] = [];
  const suppressed = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const event = parseEve(line, want);
    if (event.kind === 'alert') {
      if (isCanary(event.signatureId)) {
        canaries.push(event);
        continue;
      }
      const it = enrich(event, context);
      if (!('suppressed' in it)) sightings.push(it);
      else {
        const reason = it.exception === undefined ? it.suppressed : `exception/${it.exception.threatId ?? 'any'}`;
        suppressed.set(reason, (suppressed.get(reason) ?? 0) + 1);
      }
    } else if (event.kind === 'flow') sessions.push(sessionOf(event, context));
    else if (event.kind === 'malformed') malformed.push({ index, reason: event.reason });
  }
  return { sightings, sessions, canaries, malformed, suppressed };
}
