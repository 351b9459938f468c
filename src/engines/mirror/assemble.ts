import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { MirrorFragment, MirrorInput } from './input.ts';

export const mirrorId = (namespace: string): string => `mirror/${namespace}`;

export const assembleMirrors: Assemble<MirrorFragment, MirrorInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].map(([namespace, group]) => {
    const policies = group.fragments.map((it) => it.policy);
    policies.sort((a, b) => a.priority - b.priority || byText(a.id, b.id));
    const after = [...new Set(group.fragments.flatMap((it) => it.after))].sort();
    return {
      id: mirrorId(namespace),
      engine: 'mirror',
      owners: group.owners,
      needs: [namespaceId(namespace), ...after],
      input: { namespace, policies, after },
    };
  });
