import { type FilterObject, inOrder, type Made } from './objects.ts';

/** What one model needs and another does not. */
export interface Change {
  /** Each behind those that it names. */
  readonly added: readonly Made[];
  readonly removed: readonly FilterObject[];
}

interface Node {
  readonly made: Made;
  uses: number;
}

/** Everything that some objects need, with how often it is named: so that only what changes is walked through. */
export class Reach {
  readonly #nodes = new Map<string, Node>();
  #roots: readonly Made[] = [];

  /** Goes on to what others need. */
  turn(roots: readonly Made[]): Change {
    const added: Made[] = [];
    const removed: FilterObject[] = [];
    // In this order, so that what both need is never let go.
    for (const it of roots) this.#take(it, added);
    for (const it of this.#roots) this.#drop(it.object.name, removed);
    this.#roots = roots;
    return { added, removed };
  }

  #take(made: Made, added: Made[]): void {
    const node = this.#nodes.get(made.object.name);
    if (node !== undefined) {
      node.uses++;
      return;
    }
    this.#nodes.set(made.object.name, { made, uses: 1 });
    for (const it of made.needs) this.#take(it, added);
    added.push(made);
  }

  #drop(name: string, removed: FilterObject[]): void {
    const node = this.#nodes.get(name);
    if (node === undefined || --node.uses > 0) return;
    this.#nodes.delete(name);
    removed.push(node.made.object);
    for (const it of node.made.needs) this.#drop(it.object.name, removed);
  }
}

/** The same by looking at everything. */
export function changeBetween(from: readonly Made[], to: readonly Made[]): Change {
  const [before, after] = [inOrder(from), inOrder(to)];
  return {
    added: [...after.values()].filter((it) => !before.has(it.object.name)),
    removed: [...before.values()].flatMap((it) => (after.has(it.object.name) ? [] : [it.object])),
  };
}
