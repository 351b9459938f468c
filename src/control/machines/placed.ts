import type { Artifact } from '#core/artifact.ts';
import { LOCAL } from '#core/host.ts';

/** What each machine should hold, by name; `local` is always there. */
export type Placed = ReadonlyMap<string, readonly Artifact[]>;

/** What is in force. */
export interface Meant {
  readonly revision: number;
  /** The last revision that was begun. */
  readonly newest: number;
  /** Whether `revision` waits for its confirmation. */
  readonly waits: boolean;
  readonly machines: Placed;
}

/** What stands on a machine, and not on this one, too. */
export function elsewhere(placed: Placed, machine: string): readonly Artifact[] {
  const here = new Set((placed.get(LOCAL) ?? []).map((it) => it.id));
  return (placed.get(machine) ?? []).filter((it) => !here.has(it.id));
}

/** All artifacts, each id once: what stands on several machines counts here. */
export const everywhere = (placed: Placed): readonly Artifact[] =>
  placed.size < 2
    ? (placed.get(LOCAL) ?? [])
    : [...placed.keys()].flatMap((it) => (it === LOCAL ? (placed.get(LOCAL) ?? []) : elsewhere(placed, it)));

/** Artifacts as a message to the host takes them. */
export const sendable = (artifacts: readonly Artifact[]) =>
  artifacts.map((it) => ({
    id: it.id,
    engine: it.engine,
    owners: [...it.owners],
    needs: [...it.needs],
    input: it.input,
  }));

/** The result, or an error when there is none in so many milliseconds. */
export async function first<T>(result: Promise<T>, milliseconds: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer in ${milliseconds / 1000} s`)), milliseconds);
  return Promise.race([result, late.promise]).finally(() => clearTimeout(timer));
}
