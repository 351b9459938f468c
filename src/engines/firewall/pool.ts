import { hash } from 'node:crypto';
import type { Content, FirewallObject } from './model.ts';
import { bodyOf, lowerChain } from './text.ts';

/** Collects objects under the names of their contents; equal contents are one object. */
export interface Pool {
  /** The name of an object with this content. */
  add(content: Content): string;
  /**
   * Like {@link add}, for content that `key` stands for: it is made only if no pool that this one remembers has made it.
   * Equal keys must mean equal contents.
   */
  once(key: string, content: () => Content): string;
  /** All of them, each behind those that it names. */
  objects(): readonly FirewallObject[];
}

/** What a pool leaves to the next one. */
interface Memory {
  readonly entries: ReadonlyMap<string, FirewallObject>;
  readonly names: ReadonlyMap<string, string>;
}

const memories = new WeakMap<Pool, Memory>();
const letters = { chain: 'c', marks: 'm', lowers: 'l', ports: 'p', addresses: 'a', log: 'g' } as const;

/** A pool that remembers what `former` held, but holds only what is added to it. */
export function poolOf(former?: Pool): Pool {
  const entries = new Map<string, FirewallObject>();
  const names = new Map<string, string>();
  const before = former === undefined ? undefined : memories.get(former);
  const put = (name: string, content: Content, body: string): string => {
    entries.set(name, { ...content, name, body });
    return name;
  };
  const lower = (value: number): void => {
    const content: Content = { kind: 'chain', field: 'saddr', steps: [{ kind: 'lower', value }] };
    if (!entries.has(lowerChain(value))) put(lowerChain(value), content, bodyOf(content));
  };
  const add = (content: Content): string => {
    const body = bodyOf(content);
    const name = `${letters[content.kind]}_${hash('sha256', body).slice(0, 20)}`;
    if (entries.has(name)) return name;
    for (const value of lowered(content)) lower(value);
    return put(name, content, body);
  };
  const recall = (name: string): boolean => {
    if (entries.has(name)) return true;
    const entry = before?.entries.get(name);
    if (entry === undefined) return false;
    for (const it of namedBy(entry)) recall(it);
    entries.set(name, entry);
    return true;
  };
  const pool: Pool = {
    add,
    once(key, content) {
      const known = names.get(key) ?? before?.names.get(key);
      const name = known !== undefined && recall(known) ? known : add(content());
      names.set(key, name);
      return name;
    },
    objects: () => [...entries.values()],
  };
  memories.set(pool, { entries, names });
  return pool;
}

const lowered = (content: Content): readonly number[] => {
  if (content.kind === 'lowers') return content.spans.map((it) => it.value);
  if (content.kind !== 'chain') return [];
  return content.steps.flatMap((step) => (step.kind === 'lower' && step.last ? [step.value] : []));
};

/** Names of the objects that one names. */
export function namedBy(content: Content): readonly string[] {
  switch (content.kind) {
    case 'chain':
      return content.steps.flatMap((step) => {
        if (step.kind === 'go') return [step.chain];
        if (step.kind === 'lower' && step.last) return [lowerChain(step.value)];
        return 'map' in step ? [step.map] : [];
      });
    case 'lowers':
      return content.spans.map((it) => lowerChain(it.value));
    case 'ports':
    case 'addresses':
      return content.entries.map((it) => it.chain);
    default:
      return [];
  }
}
