import type { Snapshot } from '#core/resource.ts';
import type { Objection } from '../define.ts';
import { segment } from '../segment/kind.ts';
import { servingOf } from '../segment/server.ts';
import { clusterOf, type Gateway, portsOf } from './place.ts';
import type { Configuration } from './spec.ts';

/** Whether it can be the server of the segments that it says so of. */
export function checkDhcp({ dhcp }: Configuration, resource: Gateway, snapshot: Snapshot): Objection[] {
  const ports = portsOf(resource, snapshot);
  return dhcp.flatMap((name, index): Objection[] => {
    const at = (message: string, fix: string): Objection => ({ path: ['dhcp', index], message, fix });
    const port = ports.find((it) => it.name === name);
    if (dhcp.indexOf(name) !== index) return [at(`${name} is there twice`, 'Take one out.')];
    if (port === undefined) {
      const protectedOnes = ports.filter((it) => !it.external).map((it) => it.name);
      return [
        at(`${resource.name} has no interface ${name}`, `Its protected interfaces are ${protectedOnes.join(', ')}.`),
      ];
    }
    if (port.external) {
      return [at(`${name} leads outside`, 'Whoever is there has leases from elsewhere; name a protected interface.')];
    }
    const { segment: plugged } = port.spec;
    if (plugged === undefined) return [at(`${name} is in no segment`, 'A gateway serves segments.')];
    const home = snapshot.find(segment, resource.project, plugged);
    const [first, ...others] = home === undefined ? [] : servingOf(home, snapshot);
    if (home === undefined || first === undefined) return [];
    if (first.address === undefined) {
      const isMember = clusterOf(resource, snapshot) !== undefined;
      return [
        at(
          `it has no address on ${name} that hosts could be told`,
          isMember
            ? `Add a shared address on ${name} to \`addresses\`.`
            : `Declare the \`address\` of interface ${name}.`,
        ),
      ];
    }
    const own = home.spec.serviceAddress;
    return [
      ...others.map((it) =>
        at(`${it.by} is the server of segment ${home.name} as well`, 'Only one may give leases on a segment.'),
      ),
      ...(own === undefined || own === first.address
        ? []
        : [
            at(
              `segment ${home.name} wants its server at ${own}, and the gateway is at ${first.address}`,
              `Leave \`serviceAddress\` of segment ${home.name} out.`,
            ),
          ]),
    ];
  });
}
