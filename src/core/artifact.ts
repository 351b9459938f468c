import * as z from 'zod';
import { hashOf } from '#lib/hash.ts';
import { Problem } from './problem.ts';

/** Lower-case identifier of a thing that a machine holds, such as `link/lab/server/eth0`. No part of it leads upwards. */
export const ArtifactId = z.string().regex(/^(?!.*\/\.{0,2}(\/|$))[a-z0-9][a-z0-9./_-]{0,250}$/);

/**
 * One thing that a machine must hold: a namespace, a link, a ruleset, a supervised engine, a sandbox.
 * This is the contract between plan and host: typed data, never a command line.
 */
export const Artifact = z.strictObject({
  id: ArtifactId,
  /** Which engine holds it; its schema judges `input`. */
  engine: z.string().regex(/^[a-z][a-z-]{0,30}$/),
  /** Resources that caused it, as `project/kind/name`. */
  owners: z.array(z.string().max(300)),
  /** Artifacts that must be held before this one, and outlive it. */
  needs: z.array(ArtifactId),
  input: z.unknown(),
});

export interface Artifact<I = unknown> {
  readonly id: string;
  readonly engine: string;
  readonly owners: readonly string[];
  readonly needs: readonly string[];
  readonly input: I;
}

const digests = new WeakMap<Artifact, string>();

/**
 * Equal content gives equal digest; owners do not count, because they change nothing on the machine. An artifact never
 * changes, so that each is digested once: that of a firewall with ten thousand rules takes its time.
 */
export function digestOf(artifact: Artifact): string {
  const known = digests.get(artifact) ?? hashOf([artifact.engine, artifact.needs, artifact.input]);
  digests.set(artifact, known);
  return known;
}

/** One hash for everything that a machine holds; the order does not count. */
export const digestOfAll = (artifacts: Iterable<Artifact>): string =>
  hashOf([...artifacts].map((it) => `${it.id} ${digestOf(it)}`).sort());

/** Sorts so that everything stands behind what it needs; ties by id, so that the order is always the same. */
export function inOrder(artifacts: Iterable<Artifact>): Artifact[] {
  const byId = new Map([...artifacts].sort((a, b) => (a.id < b.id ? -1 : 1)).map((it) => [it.id, it]));
  const out: Artifact[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (artifact: Artifact): void => {
    if (state.get(artifact.id) === 'done') return;
    if (state.get(artifact.id) === 'open') {
      throw new Problem('INTERNAL', {
        at: artifact.id,
        message: 'artifacts need each other in a circle',
        fix: 'Report this.',
      });
    }
    state.set(artifact.id, 'open');
    for (const need of [...artifact.needs].sort()) {
      const needed = byId.get(need);
      if (needed === undefined) {
        throw new Problem('INTERNAL', {
          at: artifact.id,
          message: `it needs ${need}, which nobody declares`,
          fix: 'Report this.',
        });
      }
      visit(needed);
    }
    state.set(artifact.id, 'done');
    out.push(artifact);
  };
  for (const artifact of byId.values()) visit(artifact);
  return out;
}
