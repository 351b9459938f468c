import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { signingIn } from '../directory/signing-in.ts';
import { Address, Description, Host, Prefix } from '../fields.ts';
import { severities } from '../ids-endpoint/spec.ts';
import { GatewayInterface } from './interface.ts';

export const GatewayInterfaceSpec = z
  .strictObject({
    name: GatewayInterface.describe(
      'What policies call it: `firewall-NAME` is its address, `network-NAME` its network.',
    ),
    segment: ref('segment').optional().describe('The segment it is plugged into.'),
    device: GatewayInterface.optional().describe(
      'With `attach: host` in place of a segment: the interface of the machine, such as `eth0`.',
    ),
    networks: z
      .array(Prefix)
      .max(64)
      .default([])
      .describe('With `device`: the networks on it, and those behind it that the machine has routes to.'),
    address: Address.optional().describe(
      'Its own address, of the segment’s range or of a public block that is routed there. None: one is chosen and kept; the external interface of a cluster’s member then has only the shared one.',
    ),
    external: z
      .boolean()
      .default(false)
      .describe(
        'It leads outside. Networks behind the other interfaces are protected: only there may their addresses come from.',
      ),
  })
  .meta({ id: 'GatewayInterfaceSpec' });

export type GatewayInterfaceSpec = z.infer<typeof GatewayInterfaceSpec>;

const ManagementAccess = z
  .strictObject({
    sources: z.array(ref('networkObject')).min(1).max(1000).describe('Who may: hosts of administrators.'),
    services: z
      .array(ref('serviceObject'))
      .min(1)
      .max(100)
      .default(['ssh', 'https'])
      .describe('What they may reach on the gateway itself.'),
  })
  .meta({ id: 'ManagementAccess' });

const StaticRoute = z
  .strictObject({
    destination: ref('networkObject').describe('What lies there: an object with a prefix.'),
    router: ref('routerObject').describe('Who leads there.'),
  })
  .meta({ id: 'GatewayRoute' });

const CaptivePortal = z
  .strictObject({
    interfaces: z
      .array(GatewayInterface)
      .min(1)
      .max(16)
      .describe(
        'Protected interfaces on which people sign in; who has not, and wants a web page, is sent to the sign-in.',
      ),
    hostname: Host.optional().describe(
      'Name that the pages have, which clients resolve to its address. None: the address of each interface.',
    ),
    certificate: ref('certificate')
      .optional()
      .describe('What the pages show. None: the authority of the deployment issues one, which no browser knows.'),
    port: z.int().min(1).max(65_535).default(8443).describe('TCP port of the pages.'),
    lifetimeMinutes: z
      .int()
      .min(1)
      .max(43_200)
      .default(480)
      .describe('Minutes that a sign-in counts; then the person signs in again.'),
    ...signingIn,
  })
  .meta({ id: 'CaptivePortal' });

const InspectionChoice = z
  .strictObject({
    dropFrom: z
      .enum(severities)
      .default('high')
      .describe(
        'The least severity that rules with `inspection: ips` drop; what is less grave is reported and passes.',
      ),
    severity: z.enum(severities).default('informational').describe('The least severity that is reported.'),
    builtInRules: z.boolean().default(true).describe('Whether the built-in rule pack is used.'),
    ruleSets: z
      .array(ref('ruleSet'))
      .max(100)
      .default([])
      .describe('Rules of your own besides it: `drop` drops with `ips`, `alert` reports.'),
    without: z
      .array(
        z.strictObject({
          threatId: z
            .string()
            .regex(/^\d{1,10}$/, 'not a threat id such as 36729')
            .describe('The threat that is neither dropped nor reported.'),
          reason: z.string().max(1000).default('').describe('Why.'),
        }),
      )
      .max(1000)
      .default([])
      .describe('Threats that are let alone.'),
  })
  .meta({ id: 'InspectionChoice' });

/** What holds where nobody says anything else. */
export const plainInspection = InspectionChoice.parse({});

/** What a gateway does. Members of a cluster do what their cluster says. */
export const configuration = {
  defaultRouter: ref('routerObject')
    .optional()
    .describe('Who leads to everything else. None: nothing else is reached.'),
  routes: z.array(StaticRoute).max(1000).default([]).describe('What lies behind other routers.'),
  filterPolicy: ref('filterPolicy')
    .optional()
    .describe(
      'The filter policy in force, for what crosses the gateway and for what is for itself. None: nothing passes, and nothing but management reaches the gateway.',
    ),
  natPolicy: ref('natPolicy').optional().describe('The NAT policy in force. None: nothing is translated.'),
  ipsecTunnels: z
    .array(ref('ipsecTunnel'))
    .max(100)
    .default([])
    .describe('IPsec tunnels that begin here. In a cluster the active member has them.'),
  sslVpn: ref('sslVpnServer')
    .optional()
    .describe('The SSL VPN server by which people come in. None: nobody comes in from outside by one.'),
  captivePortal: CaptivePortal.optional().describe(
    'Where people behind it sign in, so that rules for them hold for the addresses that they have. Who may, role bindings of `roles/gateway.user` say. None: nobody behind it signs in.',
  ),
  management: z
    .array(ManagementAccess)
    .max(100)
    .default([])
    .describe(
      'Who may manage the gateway. Nobody else gets an answer on those services (none named: on ssh and https), whatever the filter policy says.',
    ),
  inspection: InspectionChoice.optional().describe(
    'How what rules want inspected is inspected. None: by the built-in rules, and grave attacks are dropped.',
  ),
  dhcp: z
    .array(GatewayInterface)
    .max(16)
    .default([])
    .describe(
      'Protected interfaces on whose segments it is the DHCP server and the resolver, at its address there, as the segments’ `dhcp` and `dns` say. None: segments have a server of their own.',
    ),
  antispoofing: z
    .boolean()
    .default(true)
    .describe('Whether a packet is dropped whose sender does not belong behind the interface it comes in by.'),
  logDenied: z.boolean().default(true).describe('Whether what no rule let through is logged, some of each sender.'),
};

export const GatewaySpec = z
  .strictObject({
    attach: z
      .enum(['segments', 'host'])
      .default('segments')
      .describe(
        '`segments`: it stands between segments. `host`: it is the firewall of this machine itself, on the interfaces that it has.',
      ),
    machine: ref('machine')
      .optional()
      .describe('The machine that it stands on. None: `local`, the one that the deployment was started on.'),
    size: ref('machineType').default('b3-8').describe('Its size; processor and memory limits are enforced.'),
    interfaces: z.array(GatewayInterfaceSpec).min(1).max(16).describe('Its interfaces.'),
    ...configuration,
    description: Description,
  })
  .meta({
    id: 'Gateway',
    title: 'Gateway',
    description:
      'A firewall between segments: it routes, filters, translates addresses and judges web addresses. Two of them can be a cluster, which then says what they do.',
  });

export type GatewaySpec = z.infer<typeof GatewaySpec>;
export type Configuration = Pick<GatewaySpec, keyof typeof configuration>;

export interface GatewayAssigned {
  /** Own address of each interface that has one. */
  readonly addresses: Readonly<Record<string, string>>;
}
