import type { Cli } from '#cli/context.ts';
import { aligned } from '#cli/output.ts';
import type { Client } from '#client/client.ts';
import { DEFAULT_STATE, type Deployment, type Settings } from '#core/deployment.ts';

export interface Standing {
  readonly client: Client;
  readonly deployment: Deployment;
  readonly settings: Settings;
  readonly projects: readonly string[];
}

interface Named {
  readonly name: string;
  readonly status: { readonly state: string };
  readonly assigned: {
    readonly interfaces?: readonly { readonly address: string }[];
    readonly address?: string;
    readonly port?: number;
    readonly addresses?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What of a project a person may want to go to, by plural. */
type Seen = Readonly<Record<(typeof shown)[number], readonly Named[]>>;

const shown = [
  'forwardingRules',
  'identityProviders',
  'gateways',
  'gatewayClusters',
  'ipsecTunnels',
  'sslVpnServers',
  'instances',
  'idsEndpoints',
  'internet',
] as const;

async function look(client: Client, project: string): Promise<Seen> {
  const lists = await Promise.all(
    shown.map(async (it) => (await client.get<{ items: Named[] }>(`/v1/projects/${project}/${it}`)).items),
  );
  return Object.fromEntries(shown.map((it, index) => [it, lists[index] ?? []])) as unknown as Seen;
}

/** What runs, where the API is, and what to try. */
export async function summary(cli: Cli, standing: Standing): Promise<void> {
  const { client, deployment, settings, projects } = standing;
  const { style } = cli;
  const seen = await Promise.all(projects.map((it) => look(client, it)));
  for (const [index, project] of projects.entries()) {
    cli.print(`${style.bold('Project')} ${project}`);
    for (const line of aligned(rowsOf(project, seen[index]))) cli.print(line);
  }
  cli.print(
    `${style.bold('API')}      https://${settings.host}:${settings.port}   token ${deployment.apiFolder}/admin.token`,
  );
  cli.print(style.bold('Try'));
  for (const line of suggestions(standing, seen[0])) cli.print(`  ${line}`);
}

function rowsOf(project: string, seen: Seen | undefined): string[][] {
  if (seen === undefined) return [];
  return [
    ...seen.forwardingRules.map((it) => ['  front end', it.name, urlOf(it), it.status.state]),
    ...seen.identityProviders
      .filter((it) => it.assigned.address !== undefined)
      .map((it) => [
        '  sign-in',
        it.name,
        `https://${signInHost(project, it)} (${it.assigned.address})`,
        it.status.state,
      ]),
    ...seen.gatewayClusters.map((it) => ['  cluster', it.name, membersOf(it), it.status.state]),
    ...seen.gateways.map((it) => [
      '  gateway',
      it.name,
      Object.values(it.assigned.addresses ?? {}).join(' '),
      it.status.state,
    ]),
    ...seen.ipsecTunnels.map((it) => ['  tunnel', it.name, `to ${it.spec['peer']}`, it.status.state]),
    ...seen.sslVpnServers.map((it) => ['  SSL VPN', it.name, transportsOf(it), it.status.state]),
    ...seen.instances.map((it) => ['  instance', it.name, addressesOf(it).join(' '), it.status.state]),
    ...seen.idsEndpoints.map((it) => ['  IDS endpoint', it.name, `inspects ${it.spec['network']}`, it.status.state]),
  ];
}

/** A host that stands on the internet itself. */
const isOutside = ({ spec }: Named): boolean =>
  (spec['interfaces'] as readonly { readonly network?: string }[] | undefined)?.[0]?.network === 'internet';

const isOnSegment = ({ spec }: Named): boolean =>
  (spec['interfaces'] as readonly { readonly segment?: string }[] | undefined)?.[0]?.segment !== undefined;

/** "pair-1 and pair-2 share 10.0.0.1". */
function membersOf({ spec }: Named): string {
  const { members, addresses } = spec as {
    readonly members: readonly { readonly gateway: string }[];
    readonly addresses: readonly { readonly address: string }[];
  };
  return `${members.map((it) => it.gateway).join(' and ')} share ${addresses.map((it) => it.address).join(' ')}`;
}

const transportsOf = ({ spec }: Named): string => ['udp', 'tcp'].filter((it) => spec[it] !== undefined).join(' ');

const addressesOf = ({ assigned }: Named): string[] => (assigned.interfaces ?? []).map((it) => it.address);

const signInHost = (project: string, { spec }: Named): string => String(spec['host'] ?? `accounts.${project}.internet`);

function urlOf({ assigned, spec }: Named): string {
  const { address = '', port = 443 } = assigned;
  const secure = spec['targetHttpsProxy'] !== undefined;
  return `${secure ? 'https' : 'http'}://${address}${port === (secure ? 443 : 80) ? '' : `:${port}`}`;
}

/** Some commands that make sense for what is there. */
function suggestions({ projects, deployment }: Standing, seen: Seen | undefined): string[] {
  const flags = [
    deployment.state === DEFAULT_STATE ? '' : ` --state ${deployment.state}`,
    projects.length > 1 && projects[0] !== undefined ? ` --project ${projects[0]}` : '',
  ].join('');
  if (seen === undefined || seen.instances.length === 0) return [`sudo ./vauban apply examples/cloud-ids${flags}`];
  const [front] = seen.forwardingRules;
  const [firewall] = [...seen.gatewayClusters, ...seen.gateways];
  const mayLookIn = seen.internet.some((it) => it.spec['access'] === 'host');
  const outside = seen.instances.find(isOutside);
  const inside = seen.instances.filter((it) => it !== outside);
  const from = inside.find((it) => it.name === 'attacker') ?? inside[0] ?? outside;
  // Nobody leads from a network to a segment, or from one segment to another.
  const to = seen.instances.find((it) => it !== from && !isOnSegment(it));
  const [address] = to === undefined || from === undefined || isOnSegment(from) ? [] : addressesOf(to);
  return [
    ...(front !== undefined && mayLookIn ? [`curl -kvi ${urlOf(front)}`] : []),
    ...(front !== undefined && !mayLookIn && outside !== undefined
      ? [`sudo ./vauban exec${flags} ${outside.name} -- curl -kvi ${urlOf(front)}`]
      : []),
    ...(firewall === undefined
      ? []
      : [`sudo ./vauban gateway status${flags}`, `sudo ./vauban gateway rules${flags} ${firewall.name}`]),
    ...(seen.ipsecTunnels.length === 0 ? [] : [`sudo ./vauban ipsec status${flags}`]),
    ...(seen.sslVpnServers.length === 0 ? [] : [`sudo ./vauban vpn profile${flags} -o openvpn_mobile_client.ovpn`]),
    ...(front === undefined && firewall === undefined && address !== undefined
      ? [`sudo ./vauban exec${flags} ${from?.name} -- curl -s http://${address}/`]
      : []),
    `sudo ./vauban ssh${flags} ${from?.name}`,
    ...(front === undefined && firewall !== undefined
      ? []
      : front === undefined
        ? [`sudo ./vauban threats list${flags}`]
        : [`sudo ./vauban logs read${flags} 'log_id("requests")'`]),
  ];
}
