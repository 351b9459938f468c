import type { Resource, Snapshot } from '#core/resource.ts';
import type { Objection } from '../define.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import { natPolicy } from '../nat-policy/kind.ts';
import { addressesOf } from '../network-object/resolve.ts';
import { heldOn } from '../segment/held.ts';
import { segment } from '../segment/kind.ts';
import { checkRoutes } from './check-routes.ts';
import { checkDhcp } from './dhcp.ts';
import { checkIpsec } from './ipsec.ts';
import { natOf } from './nat.ts';
import { checkPeople } from './people.ts';
import { clusterOf, configurationOf, type Gateway, networkOn, placeOf, portsOf } from './place.ts';
import { checkPortal } from './portal.ts';
import { type Configuration, configuration } from './spec.ts';
import { tunnelsOf } from './tunnels.ts';

/** What each interface is plugged into, and whether its addresses belong there and are nobody else's. */
export function checkInterfaces(resource: Gateway, snapshot: Snapshot): readonly Objection[] {
  const { interfaces } = resource.spec;
  const ports = portsOf(resource, snapshot);
  return interfaces.flatMap((it, index): Objection[] => {
    const at = (field: string, message: string, fix: string): Objection => ({
      path: ['interfaces', index, field],
      message,
      fix,
    });
    const before = interfaces.slice(0, index);
    const port = ports[index];
    const own = resource.assigned.addresses[it.name];
    const holder =
      own === undefined || it.segment === undefined
        ? undefined
        : holderOf(own, it.segment, `${resource.name}/${it.name}`, { project: resource.project, snapshot });
    return [
      ...(before.some((other) => other.name === it.name)
        ? [at('name', `a second interface ${it.name}`, 'Give it another name.')]
        : []),
      ...(it.segment !== undefined && before.some((other) => other.segment === it.segment)
        ? [
            at(
              'segment',
              `a second interface in segment ${it.segment}`,
              'Plug each interface into a segment of its own.',
            ),
          ]
        : []),
      ...(own !== undefined && port !== undefined && networkOn(port, own) === undefined
        ? [
            at(
              'address',
              `${own} is on no network of ${it.segment === undefined ? it.device : `segment ${it.segment}`} (${port.networks.join(', ')})`,
              'Choose an address of one of them.',
            ),
          ]
        : []),
      ...(holder === undefined ? [] : [at('address', `${own} is taken by ${holder}`, 'Choose another address.')]),
    ];
  });
}

/**
 * Somebody else who has an address of the segment. Its router is the gateway itself; instances tell themselves, and of two
 * gateways the later one by name.
 */
function holderOf(address: string, home: string, own: string, { project, snapshot }: InProject): string | undefined {
  const found = snapshot.find(segment, project, home);
  if (found === undefined) return undefined;
  const others = heldOn(found, snapshot).filter(
    (it) => it.owner === undefined && it.isRouter !== true && (it.leg ?? '') < own,
  );
  return others.find((it) => it.address === address)?.by;
}

interface InProject {
  readonly project: string;
  readonly snapshot: Snapshot;
}

/** A member does what its cluster says, so that the two cannot differ. */
export function checkMembership(resource: Gateway, snapshot: Snapshot): readonly Objection[] {
  const cluster = clusterOf(resource, snapshot);
  if (cluster === undefined) return [];
  const fields = Object.keys(configuration) as (keyof Configuration)[];
  return fields.flatMap((field): Objection[] => {
    const value = resource.spec[field];
    // Lists are empty and switches are on unless somebody says otherwise.
    const said = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== true;
    return said
      ? [
          {
            path: [field],
            message: `${resource.name} is a member of cluster ${cluster.name}, which says this for both`,
            fix: `Move it to gatewayClusters/${cluster.name}.`,
          },
        ]
      : [];
  });
}

/**
 * Whether the objects that policies and routes name exist on this gateway, and its routers are within reach. `owner` is who
 * says so: the gateway itself, or its cluster.
 */
export function checkConfiguration(owner: Resource, resource: Gateway, snapshot: Snapshot): readonly Objection[] {
  const { owner: says, spec } = configurationOf(resource, snapshot);
  if (says.kind !== owner.kind || says.name !== owner.name) return [];
  const ports = portsOf(resource, snapshot);
  return [
    ...checkRoutes(resource, snapshot),
    ...checkDhcp(spec, resource, snapshot),
    ...natOf(resource, snapshot).objections,
    ...checkIpsec(resource, snapshot),
    ...checkNames(spec, resource, snapshot),
    ...checkPeople(spec, resource, snapshot),
    ...checkPortal(spec, resource, snapshot),
    ...checkPolicyInterfaces(spec, {
      project: resource.project,
      known: [...ports, ...tunnelsOf(resource, snapshot)].map((it) => it.name),
      snapshot,
    }),
  ];
}

/** Every object that the configuration uses, with the field that does. */
function checkNames(spec: Configuration, resource: Gateway, snapshot: Snapshot): Objection[] {
  const place = placeOf(resource, snapshot);
  const filter =
    spec.filterPolicy === undefined ? undefined : snapshot.find(filterPolicy, resource.project, spec.filterPolicy);
  const nat = spec.natPolicy === undefined ? undefined : snapshot.find(natPolicy, resource.project, spec.natPolicy);
  const uses: { readonly path: Objection['path']; readonly where: string; readonly names: readonly string[] }[] = [
    ...(filter?.spec.rules ?? []).map((it) => ({
      path: ['filterPolicy'],
      where: `rule ${it.name} of ${filter?.name} names`,
      names: [...it.source, ...it.destination],
    })),
    ...(nat?.spec.rules ?? []).map((it) => ({
      path: ['natPolicy'],
      where: `rule ${it.name} of ${nat?.name} names`,
      names: [...it.source, ...it.destination, ...(it.translateTo === undefined ? [] : [it.translateTo])],
    })),
    ...spec.management.map((it, index) => ({
      path: ['management', index, 'sources'],
      where: 'it names',
      names: it.sources,
    })),
  ];
  return uses.flatMap(({ path, where, names }) =>
    names
      .filter((name) => addressesOf(name, place) === undefined)
      .map((name): Objection => {
        const wanted = name.replace(/^(firewall|network)-/, '');
        return {
          path,
          message: `${where} ${name}, but ${resource.name} has no interface ${wanted}`,
          fix: `Its interfaces are ${resource.spec.interfaces.map((it) => it.name).join(', ')}.`,
        };
      }),
  );
}

interface PolicyPlace {
  readonly project: string;
  readonly known: readonly string[];
  readonly snapshot: Snapshot;
}

function checkPolicyInterfaces(spec: Configuration, { project, known: names, snapshot }: PolicyPlace): Objection[] {
  const known = new Set(names);
  const policies = [
    [spec.filterPolicy, 'filterPolicy', filterPolicy] as const,
    [spec.natPolicy, 'natPolicy', natPolicy] as const,
  ];
  return policies.flatMap(([name, field, kind]) => {
    const rules = name === undefined ? [] : (snapshot.find(kind as typeof natPolicy, project, name)?.spec.rules ?? []);
    return rules.flatMap((rule) =>
      [...rule.sourceInterfaces, ...rule.destinationInterfaces]
        .filter((it) => !known.has(it))
        .map(
          (it): Objection => ({
            path: [field],
            message: `rule ${rule.name} of ${name} is for the interface ${it}, which there is none of`,
            fix: `Interfaces are ${[...known].join(', ')}.`,
          }),
        ),
    );
  });
}
