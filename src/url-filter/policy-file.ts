import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { UrlPolicy } from '#engines/squid/policy.ts';
import { type CompiledList, decodeList } from '#lib/domains/compiled.ts';
import { hashOf } from '#lib/hash.ts';
import { type Judge, judgeOf } from './decide.ts';

export interface Taken {
  readonly judge: Judge;
  /** Hash of the file's text. */
  readonly hash: string;
  readonly lists: ReadonlyMap<string, CompiledList>;
}

interface Read {
  readonly stamp: string;
  readonly list: CompiledList;
}

/** A policy and its lists in files that others replace. What is taken is whole; what cannot be is refused. */
export class PolicyFile {
  readonly #path: string;
  #stamp = '';
  #taken: Taken | undefined;
  #refused: string | undefined;
  #lists = new Map<string, Read>();

  constructor(path: string) {
    this.#path = path;
  }

  get taken(): Taken | undefined {
    return this.#taken;
  }

  /** Why what stands in the files now is not in force. */
  get refused(): string | undefined {
    return this.#refused;
  }

  /** Looks whether a file is another one; true when something was taken or refused. Lists that stayed are not read again. */
  look(): boolean {
    try {
      const stamp = stampOf(this.#path);
      const known = this.#taken === undefined ? [] : [...this.#lists];
      if (stamp === this.#stamp && known.every(([path, it]) => stampOf(path) === it.stamp)) return false;
      this.#take(readFileSync(this.#path, 'utf8'), stamp);
      this.#refused = undefined;
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      if (said === this.#refused) return false;
      this.#refused = said;
    }
    return true;
  }

  #take(text: string, stamp: string): void {
    const policy = JSON.parse(text) as UrlPolicy;
    const read = new Map<string, Read>();
    const lists = new Map<string, CompiledList>();
    for (const { name, file } of policy.lists) {
      const path = join(dirname(this.#path), 'lists', file);
      const found = this.#read(path);
      read.set(path, found);
      lists.set(name, found.list);
    }
    this.#taken = { judge: judgeOf(policy, lists), hash: hashOf(text), lists };
    this.#lists = read;
    this.#stamp = stamp;
  }

  #read(path: string): Read {
    const stamp = stampOf(path);
    const known = this.#lists.get(path);
    if (known?.stamp === stamp) return known;
    const list = decodeList(readFileSync(path));
    if (list === undefined) throw new RangeError(`${path} is not a whole list`);
    return { stamp, list };
  }
}

/** A file that was replaced has another number or time. */
function stampOf(path: string): string {
  const { ino, size, mtimeNs } = statSync(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}
