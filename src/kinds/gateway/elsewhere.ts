import { LOCAL } from '#core/host.ts';
import type { Snapshot } from '#core/resource.ts';
import type { Objection } from '../define.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import { addressOf, machineOf, machinesOf } from '../machine/standing.ts';
import { segment } from '../segment/kind.ts';
import { isStretched } from '../segment/stretch.ts';
import { ipsecOf } from './ipsec.ts';
import { clusterOf, configurationOf, type Gateway } from './place.ts';

type Place = { readonly gateway: Gateway; readonly snapshot: Snapshot };

/** What a gateway needs that stands on the first machine only, or what would not lead to it. */
export function checkElsewhere(gateway: Gateway, snapshot: Snapshot): Objection[] {
  const machine = machineOf(gateway);
  if (machine === LOCAL) return [];
  const place = { gateway, snapshot };
  return [...checkAttached(gateway), ...checkSegments(place), ...checkConfigured(place)].map((it) => ({
    ...it,
    message: `it stands on machine ${machine}: ${it.message}`,
  }));
}

const checkAttached = ({ spec }: Gateway): Objection[] =>
  spec.attach === 'host'
    ? [
        {
          path: ['attach'],
          message: 'the firewall of a machine itself can only be that of `local`',
          fix: 'Let it stand between segments, or take `machine` out.',
        },
      ]
    : [];

/** Every segment that it is plugged into must reach both machines. */
function checkSegments({ gateway, snapshot }: Place): Objection[] {
  return gateway.spec.interfaces.flatMap((it, index): Objection[] => {
    const home = it.segment === undefined ? undefined : snapshot.find(segment, gateway.project, it.segment);
    if (home === undefined) return [];
    const path = ['interfaces', index, 'segment'];
    if (home.spec.vxlan !== undefined)
      return [
        {
          path,
          message: `segment ${home.name} says itself by \`vxlan\` which machines it goes on at`,
          fix: 'Take `vxlan` out of the segment: it is joined with the machines that its gateways stand on.',
        },
      ];
    if (!isStretched(home, snapshot)) return [];
    const [unknown] = machinesOf(home, snapshot).filter(
      (one) => addressOf(one, gateway.project, snapshot) === undefined,
    );
    return unknown === undefined
      ? []
      : [
          {
            path,
            code: 'UNMET',
            message: `segment ${home.name} stands on several machines, and ${unknown} has no address where the others reach it`,
            fix: `Declare \`machines: { ${unknown}: { address: ADDRESS } }\`.`,
          },
        ];
  });
}

function checkConfigured({ gateway, snapshot }: Place): Objection[] {
  const { spec } = configurationOf(gateway, snapshot);
  const cluster = clusterOf(gateway, snapshot);
  const by = cluster === undefined ? '' : `, as cluster ${cluster.name} says`;
  const path = ['machine'];
  const certified = ipsecOf(gateway, snapshot).tunnels.find((it) => it.peer.spec.certificate !== undefined);
  const inspecting = snapshot
    .find(filterPolicy, gateway.project, spec.filterPolicy ?? '')
    ?.spec.rules.find((it) => it.enabled && it.inspection !== 'firewall');
  return [
    ...(spec.sslVpn === undefined
      ? []
      : [
          {
            path,
            message: `people sign in to an SSL VPN only where the deployment knows them, on \`local\`${by}`,
            fix: 'Take `sslVpn` out, or let every gateway that has it stand on `local`.',
          },
        ]),
    ...(spec.captivePortal === undefined
      ? []
      : [
          {
            path,
            message: `people sign in at a captive portal only where the deployment knows them, on \`local\`${by}`,
            fix: 'Take `captivePortal` out, or let every gateway that has it stand on `local`.',
          },
        ]),
    ...(certified === undefined
      ? []
      : [
          {
            path,
            message: `keys of certificates stay on \`local\`, and tunnel ${certified.tunnel.name} needs one${by}`,
            fix: `Give peer ${certified.peer.name} a \`preSharedKey\`, or let the gateway stand on \`local\`.`,
          },
        ]),
    ...(inspecting === undefined
      ? []
      : [
          {
            path,
            message: `what inspection finds is reported only on \`local\`, and rule ${inspecting.name} of ${spec.filterPolicy} asks for it${by}`,
            fix: 'Set `inspection: firewall` in that rule, or let the gateway stand on `local`.',
          },
        ]),
  ];
}
