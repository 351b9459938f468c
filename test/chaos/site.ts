/** The smallest site with everything in it: a network, two hosts, an endpoint that sees what they send each other. */

export interface SiteOptions {
  /** TCP ports of the server that anybody may reach. */
  readonly open: readonly number[];
  /** Which hosts there are, by address (last part). */
  readonly hosts?: Readonly<Record<string, number>>;
  /** Whether there is an endpoint. Default true. */
  readonly endpoint?: boolean;
}

export const smallSite = ({ open, hosts = { client: 10, server: 20 }, endpoint = true }: SiteOptions): string =>
  `
project: chaos
networks:
  lab: { mode: custom, defaultInternetRoute: false }
subnets:
  main: { network: lab, region: us-east1, range: 192.168.10.0/24 }
${
  open.length === 0
    ? ''
    : `firewallRules:
  open-server:
    { network: lab, direction: ingress, priority: 1000, action: allow, rules: [${open.map((it) => `"tcp:${it}", "udp:${it}"`).join(', ')}], sourceRanges: [0.0.0.0/0], targetTags: [server] }
`
}instances:
${Object.entries(hosts)
  .map(
    ([name, last]) =>
      `  ${name}: { zone: us-east1-b, machineType: e2-micro, image: debian-12, interfaces: [{ subnet: main, address: 192.168.10.${last} }], tags: [${name}] }`,
  )
  .join('\n')}
${
  endpoint
    ? `services:
  compute: {}
  servicenetworking: {}
  ids: {}
addresses:
  range: { type: internal, purpose: vpcPeering, network: lab, address: 10.10.10.0, prefixLength: 24 }
privateConnections:
  services: { network: lab, ranges: [range] }
idsEndpoints:
  eye: { network: lab, zone: us-east1-b, severity: informational }
packetMirrorings:
  all: { network: lab, collector: eye, sources: { subnets: [main] } }
`
    : ''
}`;
