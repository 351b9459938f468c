import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { FirewallInput } from './input.ts';

export const firewallId = (namespace: string): string => `firewall/${namespace}`;

export type FirewallFragment = { readonly namespace: string } & (
  | {
      readonly base: {
        readonly uplinks: readonly string[];
        readonly logGroup: number;
        readonly logImpliedDeny: boolean;
      };
    }
  | { readonly host: FirewallInput['hosts'][number] }
  | { readonly rule: FirewallInput['rules'][number] }
  | { readonly route: NonNullable<FirewallInput['routes']>[number] }
);

export const assembleFirewalls: Assemble<FirewallFragment, FirewallInput> = (fragments) =>
  [...grouped(fragments, (it) => it.namespace)].flatMap(([namespace, group]) => {
    const base = group.fragments.find((it) => 'base' in it);
    if (base === undefined || !('base' in base)) return [];
    const routes = group.fragments.flatMap((it) => ('route' in it ? [it.route] : []));
    const input = {
      namespace,
      hosts: group.fragments.flatMap((it) => ('host' in it ? [it.host] : [])).sort((a, b) => byText(a.id, b.id)),
      ...(routes.length === 0 ? {} : { routes: routes.sort((a, b) => byText(a.destination, b.destination)) }),
      rules: group.fragments.flatMap((it) => ('rule' in it ? [it.rule] : [])).sort((a, b) => byText(a.id, b.id)),
      uplinks: [...base.base.uplinks],
      logGroup: base.base.logGroup,
      logImpliedDeny: base.base.logImpliedDeny,
    };
    return [
      { id: firewallId(namespace), engine: 'firewall', owners: group.owners, needs: [namespaceId(namespace)], input },
    ];
  });
