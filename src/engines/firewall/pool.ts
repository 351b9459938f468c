import { hash } from 'node:crypto';
import type { Content, FirewallObject } from './model.ts';
import { bodyOf, lowerChain } from './text.ts';

/** An object with all that it names. It is made once and never changes, so compilations share it. */
export interface Made {
  readonly object: FirewallObject;
  readonly needs: readonly Made[];
}

/** Collects the objects of one compilation under the names of their contents; equal contents are one object. */
export interface Pool {
  /** The name of an object with this content. What it names must be here already. */
  add(content: Content): string;
  /**
   * Like {@link add}, for content that follows from these very objects and the manner alone: as long as they live it is
   * made only once, whichever pool asks.
   */
  once(of: readonly object[], manner: string, content: () => Content): string;
  /** What stands under a name, for another pool to {@link adopt}. */
  made(name: string): Made | undefined;
  adopt(made: Made): string;
  /** These and everything that they need, each behind those that it names. */
  objects(roots: readonly string[]): readonly FirewallObject[];
}

/** What was made of a row of objects, by manner, and of longer rows that begin with it. */
interface Known {
  made?: Map<string, Made>;
  longer?: WeakMap<object, Known>;
}

const known: Known = {};
const letters = { chain: 'c', marks: 'm', lowers: 'l', ports: 'p', addresses: 'a', log: 'g' } as const;

/** Nothing of it outlives the objects. */
function knownOf(of: readonly object[]): Map<string, Made> {
  let at = known;
  for (const it of of) {
    at.longer ??= new WeakMap();
    let next = at.longer.get(it);
    if (next === undefined) {
      next = {};
      at.longer.set(it, next);
    }
    at = next;
  }
  at.made ??= new Map();
  return at.made;
}

export function poolOf(): Pool {
  const entries = new Map<string, Made>();
  const put = (name: string, content: Content, body: string): void => {
    const needs = [...new Set(namedBy(content))].map((it) => entries.get(it)).filter((it) => it !== undefined);
    entries.set(name, { object: { ...content, name, body }, needs });
  };
  const add = (content: Content): string => {
    const body = bodyOf(content);
    const name = `${letters[content.kind]}_${hash('sha256', body).slice(0, 20)}`;
    if (entries.has(name)) return name;
    for (const value of lowered(content)) {
      const lower: Content = { kind: 'chain', field: 'saddr', steps: [{ kind: 'lower', value }] };
      if (!entries.has(lowerChain(value))) put(lowerChain(value), lower, bodyOf(lower));
    }
    put(name, content, body);
    return name;
  };
  const adopt = (made: Made): string => {
    const { name } = made.object;
    if (!entries.has(name)) entries.set(name, made);
    return name;
  };
  return {
    add,
    once(of, manner, content) {
      const before = knownOf(of);
      const found = before.get(manner);
      if (found !== undefined) return adopt(found);
      const name = add(content());
      const made = entries.get(name);
      if (made !== undefined) before.set(manner, made);
      return name;
    },
    made: (name) => entries.get(name),
    adopt,
    objects: (roots) => inOrder(roots.flatMap((it) => entries.get(it) ?? [])),
  };
}

function inOrder(roots: readonly Made[]): readonly FirewallObject[] {
  const out = new Map<string, FirewallObject>();
  const visit = ({ object, needs }: Made): void => {
    if (out.has(object.name)) return;
    for (const it of needs) visit(it);
    out.set(object.name, object);
  };
  for (const it of roots) visit(it);
  return [...out.values()];
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
