import { edgeId } from '../edge/assemble.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import { pkiId } from '../pki/assemble.ts';
import { type CaptivePortalFragment, CaptivePortalInput } from './input.ts';

export const captivePortalId = (namespace: string): string => `captive-portal/${namespace}`;

export const assembleCaptivePortals: Assemble<CaptivePortalFragment, CaptivePortalInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const [first] = group.fragments;
    if (first === undefined) return [];
    const input = CaptivePortalInput.parse(first);
    const needs = [
      namespaceId(namespace),
      edgeId(input.project),
      ...(input.certificate === undefined ? [] : [pkiId(input.certificate.authority)]),
    ].sort();
    return [{ id: captivePortalId(namespace), engine: 'captive-portal', owners: group.owners, needs, input }];
  });
