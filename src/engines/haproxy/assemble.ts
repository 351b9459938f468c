import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { HaproxyFragment, HaproxyInput } from './input.ts';

export const haproxyId = (project: string): string => `haproxy/${project}`;

/** One load balancer for each project that has a front end. What no front end leads to is left out. */
export const assembleHaproxy: Assemble<HaproxyFragment, HaproxyInput> = (fragments) =>
  [...grouped(fragments, (it) => it.project)].flatMap(([project, { owners, fragments: parts }]) => {
    const first = parts.find((it) => 'base' in it);
    if (first === undefined || !('base' in first)) return [];
    const input = {
      project,
      ...first.base,
      after: [...new Set(parts.flatMap((it) => it.after ?? []))].sort(),
      frontends: unique(parts.flatMap((it) => ('frontend' in it ? [it.frontend] : []))),
      routes: unique(parts.flatMap((it) => ('route' in it ? [it.route] : []))),
      certificates: unique(parts.flatMap((it) => ('certificate' in it ? [it.certificate] : []))),
      services: unique(parts.flatMap((it) => ('service' in it ? [it.service] : []))),
      edgeHosts: [...new Set(parts.flatMap((it) => ('edgeHost' in it ? [it.edgeHost] : [])))].sort(),
      own: unique(parts.flatMap((it) => ('own' in it ? [it.own] : []))),
    };
    const needs = [...new Set([namespaceId(input.namespace), ...input.after])].sort();
    return [{ id: haproxyId(project), engine: 'haproxy', owners, needs, input }];
  });

const unique = <T extends { readonly name: string }>(list: readonly T[]): T[] =>
  [...new Map(list.map((it) => [it.name, it])).values()].sort((a, b) => byText(a.name, b.name));
