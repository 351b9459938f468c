import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { address, contains, overlaps, prefix } from '#lib/ip.ts';
import { EXTERNAL_POOL, takenExternal } from '../address/external.ts';
import type { Objection } from '../define.ts';
import { EDGE_TRANSIT, TRANSIT } from '../network/fabric.ts';
import { isDynamic, isHostOf, ownAddresses } from './held.ts';
import { segment } from './kind.ts';
import { type SegmentAssigned, type SegmentSpec, vlanOf } from './spec.ts';

type Segment = Resource<SegmentSpec, SegmentAssigned>;

const unusable = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '192.0.2.0/24', '224.0.0.0/3'].map(prefix);
/** What the internet has other ways for. */
const elsewhere = [EXTERNAL_POOL, prefix(TRANSIT), prefix(EDGE_TRANSIT)];

export const check = (resource: Segment, snapshot: Snapshot): Objection[] => [
  ...checkRange(resource, snapshot),
  ...checkOwn(resource),
  ...checkDhcp(resource),
  ...checkUplink(resource, snapshot),
  ...checkVxlan(resource, snapshot),
  ...resource.spec.publicBlocks.flatMap((_, index) => checkBlock(resource, index, snapshot)),
];

const outOfSize = (text: string): boolean => prefix(text).length < 8 || prefix(text).length > 30;

function checkRange({ project, name, spec }: Segment, snapshot: Snapshot): Objection[] {
  const own = prefix(spec.range);
  const path = ['range'];
  const others = snapshot
    .all(segment, project)
    .filter((it) => it.name < name && overlaps(own, prefix(it.spec.range)))
    .map((it) => ({
      path,
      message: `${spec.range} overlaps ${it.spec.range} of segment ${it.name}`,
      fix: 'Choose ranges that share no address: a gateway on both could not tell them apart.',
    }));
  const size: Objection = {
    path,
    code: 'INVALID_DOCUMENT',
    message: `${spec.range} is not between /8 and /30`,
    fix: 'Choose a range of that size.',
  };
  const kept: Objection = {
    path,
    message: `${spec.range} is not usable for hosts (loopback, link-local, multicast or reserved)`,
    fix: 'Choose a private range such as 10.200.0.0/16.',
  };
  return [
    ...(outOfSize(spec.range) ? [size] : []),
    ...(unusable.some((it) => overlaps(it, own)) ? [kept] : []),
    ...others,
  ];
}

/** Its router's and its server's address. */
function checkOwn({ spec }: Segment): Objection[] {
  const at = (field: 'routerAddress' | 'serviceAddress', value: string): Objection[] =>
    isHostOf(spec.range, value)
      ? []
      : [
          {
            path: [field],
            message: `${value} is not an address that a host of ${spec.range} can have`,
            fix: `Name an address of ${spec.range}, or leave \`${field}\` out.`,
          },
        ];
  const same: Objection = {
    path: ['serviceAddress'],
    message: `${spec.serviceAddress} is the router’s address`,
    fix: 'Leave `serviceAddress` out to have one chosen.',
  };
  const unled = spec.dns.upstream.findIndex((it) => !isHostOf(spec.range, it));
  return [
    ...(spec.routerAddress === 'none' && unled >= 0
      ? [
          {
            code: 'UNMET' as const,
            path: ['dns', 'upstream', unled],
            message: `nothing leads from the segment to ${spec.dns.upstream[unled]}`,
            fix: 'Set `routerAddress`, or name a resolver on the segment.',
          },
        ]
      : []),
    ...(spec.routerAddress === 'none' ? [] : at('routerAddress', spec.routerAddress)),
    ...(spec.serviceAddress === undefined ? [] : at('serviceAddress', spec.serviceAddress)),
    ...(spec.serviceAddress !== undefined && spec.serviceAddress === spec.routerAddress ? [same] : []),
  ];
}

function checkDhcp(resource: Segment): Objection[] {
  const { spec } = resource;
  const { ranges, reservations } = spec.dhcp;
  const fixed = ownAddresses({ ...resource, spec: { ...spec, dhcp: { ...spec.dhcp, reservations: [] } } });
  return [
    ...ranges.flatMap(({ first, last }, index): Objection[] => {
      const path = ['dhcp', 'ranges', index];
      if (!isHostOf(spec.range, first) || !isHostOf(spec.range, last) || address(first) > address(last))
        return [
          {
            path,
            message: `${first} to ${last} is no range inside ${spec.range}`,
            fix: `Name the lower end first, both inside ${spec.range}, without its first and its last address.`,
          },
        ];
      const inside = fixed.find((it) => address(first) <= address(it.address) && address(it.address) <= address(last));
      return inside === undefined
        ? []
        : [
            {
              path,
              message: `it holds ${inside.address}, which is the address of ${inside.by}`,
              fix: 'Leave that address out of the range.',
            },
          ];
    }),
    ...reservations.flatMap((_, index) => checkReservation(resource, index)),
  ];
}

function checkReservation(resource: Segment, index: number): Objection[] {
  const { spec } = resource;
  const { reservations } = spec.dhcp;
  const own = reservations[index];
  if (own === undefined) return [];
  const path = ['dhcp', 'reservations', index];
  if (!isHostOf(spec.range, own.address))
    return [
      {
        path: [...path, 'address'],
        message: `${own.address} is not an address that a host of ${spec.range} can have`,
        fix: `Reserve an address of ${spec.range}.`,
      },
    ];
  const twice = reservations
    .slice(0, index)
    .find((it) => it.mac === own.mac || it.address === own.address || (own.name ?? '') === it.name);
  if (twice !== undefined) {
    const what = twice.mac === own.mac ? own.mac : twice.address === own.address ? own.address : own.name;
    return [{ path, message: `${what} is reserved twice`, fix: 'Take one of the two reservations out.' }];
  }
  const bare = { ...resource, spec: { ...spec, dhcp: { ...spec.dhcp, reservations: [] } } };
  const holder = ownAddresses(bare).find((it) => it.address === own.address);
  return holder === undefined
    ? []
    : [
        {
          path: [...path, 'address'],
          message: `${own.address} is the address of ${holder.by}`,
          fix: 'Reserve another address.',
        },
      ];
}

/** All projects share the machine's interfaces. */
function checkUplink(resource: Segment, snapshot: Snapshot): Objection[] {
  const { uplink } = resource.spec;
  if (uplink === undefined) return [];
  const other = snapshot
    .all(segment)
    .find(
      (it) =>
        keyOf(it) < keyOf(resource) &&
        it.spec.uplink?.interface === uplink.interface &&
        vlanOf(it.spec) === vlanOf(resource.spec),
    );
  const what = vlanOf(resource.spec) === 0 ? 'what is untagged' : `VLAN ${vlanOf(resource.spec)}`;
  return other === undefined
    ? []
    : [
        {
          path: ['uplink'],
          message: `${what} on ${uplink.interface} leads to segment ${keyOf(other)} already`,
          fix: 'Give each segment a `vlan` of its own on an interface.',
        },
      ];
}

/** Segments of all projects leave by the same addresses of the machine. */
function checkVxlan(resource: Segment, snapshot: Snapshot): Objection[] {
  const { vxlan } = resource.spec;
  if (vxlan === undefined) return [];
  const other = snapshot
    .all(segment)
    .find((it) => keyOf(it) < keyOf(resource) && it.spec.vxlan?.id === vxlan.id && it.spec.vxlan.port === vxlan.port);
  const twice = vxlan.peers.findIndex((it, index) => vxlan.peers.indexOf(it) !== index || it === vxlan.local);
  return [
    ...(other === undefined
      ? []
      : [
          {
            path: ['vxlan', 'id'],
            message: `${vxlan.id} is segment ${keyOf(other)} already`,
            fix: 'Give each segment a number of its own, the same on all machines.',
          },
        ]),
    ...(twice < 0
      ? []
      : [
          {
            path: ['vxlan', 'peers', twice],
            message: `${vxlan.peers[twice]} is this machine itself, or there twice`,
            fix: 'Name each other machine once.',
          },
        ]),
  ];
}

function checkBlock(resource: Segment, index: number, snapshot: Snapshot): Objection[] {
  const { project, name, spec } = resource;
  const block = spec.publicBlocks[index];
  if (block === undefined) return [];
  const own = prefix(block.range);
  const at = (field: 'range' | 'router') => ['publicBlocks', index, field];
  if (outOfSize(block.range))
    return [
      {
        path: at('range'),
        code: 'INVALID_DOCUMENT',
        message: `${block.range} is not between /8 and /30`,
        fix: 'Choose a block of that size.',
      },
    ];
  const objections: Objection[] = isHostOf(block.range, block.router)
    ? []
    : [
        {
          path: at('router'),
          message: `${block.router} is not an address that a router of ${block.range} can have`,
          fix: `Name an address of ${block.range}, such as its last but one.`,
        },
      ];
  const conflict = (message: string, fix: string): void => void objections.push({ path: at('range'), message, fix });
  if ([...unusable, ...elsewhere].some((it) => overlaps(it, own)))
    conflict(`${block.range} is kept for other purposes of the simulated internet`, 'Choose another block.');
  if (overlaps(prefix(spec.range), own))
    conflict(`${block.range} overlaps the segment’s own range ${spec.range}`, 'Choose ranges that share no address.');
  const taken = [...takenExternal(snapshot, resource)].find((it) => contains(own, address(it)));
  if (taken !== undefined)
    conflict(`${taken} of ${block.range} is an external address of something else`, 'Choose another block.');
  for (const other of snapshot.all(segment)) {
    const same = other.project === project && other.name === name;
    const before = same ? index : keyOf(other) < keyOf(resource) ? other.spec.publicBlocks.length : 0;
    const twin = other.spec.publicBlocks.slice(0, before).find((it) => overlaps(prefix(it.range), own));
    if (twin === undefined) continue;
    const where = same
      ? 'this segment'
      : `segment ${other.name}${other.project === project ? '' : ` of ${other.project}`}`;
    conflict(`${block.range} overlaps ${twin.range}, which leads to ${where}`, 'Route each block to one segment.');
  }
  return objections;
}

/** What a lease for strangers could give away. */
export const inDynamicRange = (segmentOf: Pick<Segment, 'spec'>, text: string): Objection | undefined =>
  isDynamic(segmentOf, text)
    ? {
        path: ['address'],
        message: `${text} is in a range that DHCP gives to hosts that nobody knows`,
        fix: 'Choose an address outside of the segment’s `dhcp.ranges`.',
      }
    : undefined;
