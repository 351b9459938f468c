import { hashOf } from '#lib/hash.ts';
import { byText } from '#lib/text.ts';
import type { Content, FirewallObject } from './model.ts';
import { bodyOf, lowerChain } from './text.ts';

/** Collects objects under the names of their contents; equal contents are one object. */
export interface Pool {
  /** The name of an object with this content. */
  add(content: Content): string;
  /** All of them, each behind those that it names, otherwise by name. */
  objects(): readonly FirewallObject[];
}

const letters = { chain: 'c', marks: 'm', lowers: 'l', ports: 'p', log: 'g' } as const;

export function poolOf(): Pool {
  const found = new Map<string, { readonly object: FirewallObject; readonly depth: number }>();
  const put = (name: string, content: Content, body: string): string => {
    const depth = 1 + Math.max(-1, ...namedBy(content).map((it) => found.get(it)?.depth ?? 0));
    found.set(name, { object: { ...content, name, body }, depth });
    return name;
  };
  const lower = (value: number): void => {
    const content: Content = { kind: 'chain', field: 'saddr', steps: [{ kind: 'lower', value }] };
    if (!found.has(lowerChain(value))) put(lowerChain(value), content, bodyOf(content));
  };
  return {
    add(content) {
      const body = bodyOf(content);
      const name = `${letters[content.kind]}_${hashOf(body).slice(0, 20)}`;
      if (found.has(name)) return name;
      for (const value of lowered(content)) lower(value);
      return put(name, content, body);
    },
    objects: () =>
      [...found.values()]
        .sort((a, b) => a.depth - b.depth || byText(a.object.name, b.object.name))
        .map(({ object }) => object),
  };
}

const lowered = (content: Content): readonly number[] => {
  if (content.kind === 'lowers') return content.spans.map((it) => it.value);
  if (content.kind !== 'chain') return [];
  return content.steps.flatMap((step) => (step.kind === 'lower' && step.last ? [step.value] : []));
};

function namedBy(content: Content): readonly string[] {
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
      return content.entries.map((it) => it.chain);
    default:
      return [];
  }
}
