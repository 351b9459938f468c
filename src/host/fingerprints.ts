import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { askedOnce } from './asked-once.ts';
import type { Engines } from './engines.ts';
import { patience, within } from './within.ts';

/**
 * What the machine had of every artifact after our own last touch, so that somebody else's is noticed. Kept in the runtime
 * folder: it outlives the agent, and a reboot takes both it and what it describes.
 */
export class Fingerprints {
  readonly #engines: Engines;
  readonly #machine: Machine;
  readonly #path: string;
  #known: Map<string, string> | undefined;
  /** Touched by us since they were taken. */
  readonly #ours = new Set<string>();

  constructor({ engines, machine }: { readonly engines: Engines; readonly machine: Machine }) {
    this.#engines = engines;
    this.#machine = machine;
    this.#path = `${machine.run}/host/fingerprints.json`;
  }

  /** We are about to change it, or have: the next look takes what it finds as it is. */
  touched(id: string): void {
    this.#ours.add(id);
  }

  /** We tried to put it right and could not: it stays suspect. */
  distrust(id: string): void {
    this.#ours.delete(id);
    this.#known?.set(id, '');
  }

  /** `known`: as we left it. `ours`: taken anew just now. `foreign`: somebody changed it. `unknown`: nobody can tell. */
  async look(artifact: Artifact, machine = this.#machine): Promise<'known' | 'ours' | 'foreign' | 'unknown'> {
    const fingerprint = this.#engines.get(artifact.engine)?.fingerprint;
    if (fingerprint === undefined) return 'known';
    const known = await this.#load();
    const text = await within(patience.observe, artifact.id, () => fingerprint(machine, artifact));
    const now = createHash('sha256').update(text).digest('hex').slice(0, 32);
    const before = known.get(artifact.id);
    if (!this.#ours.delete(artifact.id)) {
      if (before === undefined) return 'unknown';
      return before === now ? 'known' : 'foreign';
    }
    known.set(artifact.id, now);
    return before === now ? 'known' : 'ours';
  }

  /** Looks at what we have just touched, so that every touch from now on is a foreign one. */
  async take(held: readonly Artifact[]): Promise<void> {
    const ours = held.filter((it) => this.#ours.has(it.id));
    const machine = askedOnce(this.#machine);
    await Promise.all(ours.map((it) => this.look(it, machine).catch(() => this.distrust(it.id))));
    if (ours.length > 0) await this.save(held);
  }

  /** Writes down what was taken, for the artifacts that are held. */
  async save(held: readonly Artifact[]): Promise<void> {
    const known = await this.#load();
    const ids = new Set(held.map((it) => it.id));
    for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    await this.#machine.writeFile(this.#path, JSON.stringify([...known]), 0o600);
  }

  async #load(): Promise<Map<string, string>> {
    this.#known ??= await readFile(this.#path, 'utf8').then(
      (text) => new Map(JSON.parse(text) as [string, string][]),
      () => new Map<string, string>(),
    );
    return this.#known;
  }
}
