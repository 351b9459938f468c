import { byText } from '#lib/text.ts';
import { filterId } from '../filter/assemble.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { RoutingInput } from './input.ts';

export const routingId = (namespace: string): string => `routing/${namespace}`;

/** One gateway says all of it. */
export type RoutingFragment = RoutingInput;

export const assembleRouting: Assemble<RoutingFragment, RoutingInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const [input] = group.fragments;
    if (input === undefined) return [];
    // Connections get their path from what is loaded here, so the filter that sends by it comes first.
    const needs = [...new Set([namespaceId(namespace), filterId(namespace), ...input.after])].sort(byText);
    return [{ id: routingId(namespace), engine: 'routing', owners: group.owners, needs, input }];
  });
