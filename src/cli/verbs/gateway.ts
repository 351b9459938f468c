import { buildCommand, buildRouteMap } from '@stricli/core';
import type { NamedConnection, NamedConnections } from '#control/gateways/connections.ts';
import type { GatewayInterface } from '#control/gateways/interfaces.ts';
import type { RuleStatus, RulesStatus } from '#control/gateways/rules.ts';
import type { SignIn } from '#control/gateways/sign-ins.ts';
import type { GatewayStatus } from '#control/gateways/status.ts';
import type { Direction } from '#engines/namespace/interfaces.ts';
import type { EffectiveRoute } from '#engines/routing/routes.ts';
import { bitRate, bytes } from '#lib/quantity.ts';
import { count } from '#lib/text.ts';
import { type Cli, projectOf, type Target } from '../context.ts';
import { targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, printOne, type TableOf } from '../output.ts';
import type { Target as Verb } from '../verbs.ts';
import { ennetwork, rollingUpdate } from './gateway-care.ts';
import { anyGateway, apiOf, hears, type Listing, listing, oneGateway } from './gateway-target.ts';

const milliseconds = (value: number | undefined): string =>
  value === undefined ? '' : value < 0 ? 'silent' : `${value.toFixed(1)} ms`;

const statusTable: TableOf<GatewayStatus> = {
  name: (it) => it.name,
  empty: 'There are no gateways in this project.',
  columns: [
    { title: 'NAME', value: (it) => it.name },
    { title: 'CLUSTER', value: (it) => it.cluster ?? '' },
    { title: 'ROLE', value: (it) => it.role },
    { title: 'SINCE', value: (it) => it.since?.replace(/\.\d+Z$/, 'Z') ?? '' },
    { title: 'LINK', value: (it) => milliseconds(it.parts['high-availability']?.['linkRoundTripMs']) },
    { title: 'TRAFFIC', value: (it) => milliseconds(it.parts['high-availability']?.['trafficRoundTripMs']) },
    { title: 'CONNECTIONS', value: (it) => String(it.parts['filter']?.['connections'] ?? '') },
    { title: 'ADDRESSES', value: (it) => it.interfaces.flatMap((one) => one.addresses).join(',') },
    { title: 'VERSION', value: (it) => it.version ?? '' },
    { title: 'STATE', value: (it) => it.state },
  ],
};

/** The table, and below it what is wrong and why. */
function printStatus(cli: Cli, output: Format, items: readonly GatewayStatus[]): void {
  if (output === 'json' || output === 'yaml') printOne(cli, output, items);
  else printList(cli, output, items, statusTable);
  if (output !== 'table') return;
  for (const it of items) {
    if (it.machine !== undefined) cli.note(`${it.name} stands on machine ${it.machine}`);
    for (const reason of it.reasons) cli.note(`${it.name}: ${reason}`);
    if (it.routers !== undefined) cli.note(`${it.name} uses ${it.routers}`);
  }
}

const status = buildCommand({
  docs: { brief: 'Show role, health and its reasons, link and state of gateways' },
  parameters: { ...listing, positional: anyGateway },
  async func(this: Cli, flags: Listing, name?: string) {
    const { client, path } = await apiOf(this, flags);
    const { items } = await client.get<{ items: GatewayStatus[] }>(`${path}:status`, { name });
    printStatus(this, flags.output, items);
  },
});

const hasync = buildCommand({
  docs: { brief: 'Settle what both members of a cluster hold, and say whether it is the same' },
  parameters: { ...listing, positional: oneGateway },
  async func(this: Cli, flags: Listing, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    const { items } = await client.post<{ items: GatewayStatus[] }>(`${path}/sync`);
    if (flags.output !== 'table') return printStatus(this, flags.output, items);
    const differing = items.flatMap((it) =>
      (it.differs ?? []).map((section) => `${section} differs from the other node`),
    );
    const silent = items.filter((it) => !hears(it)).map((it) => `${it.name} does not hear the other member`);
    const doubts = [...new Set([...differing, ...(items.length > 1 ? silent : [])])];
    for (const it of doubts) this.note(it);
    if (doubts.length > 0) this.process.exitCode = 1;
    else if (items.length < 2) this.print(`${name} is alone: there is nobody to compare it with.`);
    else this.print(`${items.map((it) => it.name).join(' and ')} hold the same configuration.`);
    return undefined;
  },
});

const rulesTable: TableOf<RuleStatus> = {
  name: (it) => it.name,
  empty: 'No filter policy is in force: nothing passes.',
  columns: [
    { title: '#', value: (it) => String(it.position) },
    { title: 'NAME', value: (it) => it.name },
    { title: 'ACTION', value: (it) => (it.enabled ? it.action : `${it.action} (off)`) },
    { title: 'FOR', value: ({ users = [], rights }) => [...users, ...(rights ? ['rights'] : [])].join(',') },
    { title: 'HITS', value: (it) => String(it.hits) },
    { title: 'BYTES', value: (it) => String(it.bytes) },
    {
      title: 'WARNING',
      value: ({ warning }) => (warning === undefined ? '' : [warning.kind, warning.by].filter(Boolean).join(' by ')),
    },
  ],
};

const rules = buildCommand({
  docs: { brief: 'List the rules in force with hits and bytes; those that never decide are told' },
  parameters: { ...listing, positional: oneGateway },
  async func(this: Cli, flags: Listing, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    const found = await client.get<RulesStatus>(`${path}/rules`);
    if (flags.output === 'json' || flags.output === 'yaml') return printOne(this, flags.output, found);
    const before = Object.entries(found.before);
    if (before.length > 0)
      this.note(
        `Before the rules, to the gateway itself and to nobody else: ${before.map(([what, hits]) => `${what} (${hits})`).join(', ')}.`,
      );
    printList(this, flags.output, found.items, rulesTable);
    const dropped = Object.entries(found.implicit).filter(([, hits]) => hits > 0);
    if (dropped.length > 0)
      this.note(`Dropped without a rule: ${dropped.map(([why, hits]) => `${hits} ${why}`).join(', ')}.`);
    return undefined;
  },
});

const signInsTable: TableOf<SignIn> = {
  name: (it) => it.email,
  empty: 'Nobody is signed in at its captive portal.',
  columns: [
    { title: 'PERSON', value: (it) => it.email },
    { title: 'ADDRESS', value: (it) => it.address },
    { title: 'SINCE', value: (it) => it.since.replace(/\.\d+Z$/, 'Z') },
    { title: 'UNTIL', value: (it) => it.until.replace(/\.\d+Z$/, 'Z') },
  ],
};

const signIns = buildCommand({
  docs: { brief: 'Show who has signed in at the captive portal of a gateway' },
  parameters: { ...listing, positional: oneGateway },
  async func(this: Cli, flags: Listing, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    const { items } = await client.get<{ items: SignIn[] }>(`${path}/signIns`);
    printList(this, flags.output, items, signInsTable);
  },
});

const signOut = buildCommand({
  docs: { brief: 'Sign somebody out of the captive portal of a gateway: what they may ends at once' },
  parameters: {
    flags: targetFlags,
    aliases: targetAliases,
    positional: {
      kind: 'tuple',
      parameters: [
        ...oneGateway.parameters,
        { brief: 'Email address of the person', parse: String, placeholder: 'email' },
      ],
    },
  },
  async func(this: Cli, flags: Target, name: string, email: string) {
    const { client, path } = await apiOf(this, flags, name);
    await client.post(`${path}/signOut`, { email });
    this.print(`${email} is signed out. Whoever may sign in can do so again.`);
  },
});

const text = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: String, optional: true, brief, placeholder }) as const;
const number = (brief: string, placeholder: string) =>
  ({
    kind: 'parsed',
    optional: true,
    brief,
    placeholder,
    parse: (it: string): number => {
      if (!/^\d{1,5}$/.test(it)) throw new SyntaxError('not a number');
      return Number(it);
    },
  }) as const;

const end = (address: string, port: number | undefined): string =>
  port === undefined ? address : `${address}:${port}`;

const connectionsTable: TableOf<NamedConnection> = {
  name: (it) => `${end(it.source, it.sourcePort)}-${end(it.destination, it.destinationPort)}`,
  empty: 'No connection fits.',
  columns: [
    { title: 'PROTOCOL', value: (it) => it.protocol },
    { title: 'SOURCE', value: (it) => end(it.source, it.sourcePort) },
    { title: 'DESTINATION', value: (it) => end(it.destination, it.destinationPort) },
    { title: 'SERVER', value: (it) => (it.server === it.destination ? '' : end(it.server, it.serverPort)) },
    { title: 'SEEN_AS', value: (it) => (it.seenAs === it.source ? '' : it.seenAs) },
    { title: 'STATE', value: (it) => it.state ?? '' },
    { title: 'USER', value: ({ user, reached }) => user ?? (reached === undefined ? '' : `to ${reached}`) },
    { title: 'RULE', value: (it) => it.rule?.split('/').slice(2).join('/') ?? '' },
    { title: 'AGE', value: (it) => (it.age === undefined ? '' : `${it.age}s`) },
    { title: 'BYTES', value: (it) => String(it.bytes) },
  ],
};

const rate = ({ received, sent }: GatewayInterface, way: 'received' | 'sent'): string =>
  received === undefined || sent === undefined ? '' : bitRate({ received, sent }[way].bitsPerSecond);
const inTotal = (it: Direction | undefined): string => (it === undefined ? '' : bytes(it.bytes));
const both = ({ received, sent }: GatewayInterface, what: 'errors' | 'dropped'): string =>
  received === undefined || sent === undefined ? '' : String(received[what] + sent[what]);

const interfacesTable: TableOf<GatewayInterface> = {
  name: (it) => it.name,
  empty: 'It has no interfaces.',
  columns: [
    { title: 'NAME', value: (it) => it.name },
    { title: 'DEVICE', value: (it) => it.device },
    { title: 'STATE', value: (it) => (it.received === undefined ? 'missing' : it.up ? 'up' : 'down') },
    { title: 'IN', value: (it) => rate(it, 'received') },
    { title: 'OUT', value: (it) => rate(it, 'sent') },
    { title: 'RECEIVED', value: (it) => inTotal(it.received) },
    { title: 'SENT', value: (it) => inTotal(it.sent) },
    { title: 'ERRORS', value: (it) => both(it, 'errors') },
    { title: 'DROPPED', value: (it) => both(it, 'dropped') },
    { title: 'ADDRESSES', value: (it) => it.addresses.join(',') },
  ],
};

const interfaces = buildCommand({
  docs: { brief: 'Show what the interfaces of a gateway carry now: throughput, bytes, errors, drops' },
  parameters: {
    flags: { ...listing.flags, seconds: number('How long to look, 1 to 30 (default 1)', 'seconds') },
    aliases: listing.aliases,
    positional: oneGateway,
  },
  async func(this: Cli, flags: Listing & { readonly seconds?: number }, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    const { items } = await client.get<{ items: GatewayInterface[] }>(`${path}/interfaces`, {
      seconds: flags.seconds?.toString(),
    });
    printList(this, flags.output, items, interfacesTable);
  },
});

const routesTable: TableOf<EffectiveRoute> = {
  name: (it) => `${it.destination} ${it.via ?? it.interface ?? ''}`,
  empty: 'It routes nothing.',
  columns: [
    { title: 'DESTINATION', value: (it) => it.destination },
    { title: 'VIA', value: (it) => it.via ?? '' },
    { title: 'INTERFACE', value: (it) => it.interface ?? '' },
    { title: 'ORIGIN', value: (it) => it.origin },
    { title: 'ROUTER', value: (it) => it.router ?? '' },
    { title: 'IN_USE', value: (it) => (it.inUse ? 'yes' : 'no') },
    { title: 'REASON', value: (it) => it.reason ?? '' },
  ],
};

const routes = buildCommand({
  docs: { brief: 'List what a gateway routes by: where each route comes from, and whether it is in use' },
  parameters: { ...listing, positional: oneGateway },
  async func(this: Cli, flags: Listing, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    const { items } = await client.get<{ items: EffectiveRoute[] }>(`${path}/routes`);
    printList(this, flags.output, items, routesTable);
  },
});

const which = {
  user: text('Only those from and to this person, who has signed in to the SSL VPN or at the captive portal', 'email'),
  source: text('Only those that this address began', 'address'),
  destination: text('Only those to this address, as the sender wrote it', 'address'),
  protocol: number('Number of the IP protocol, such as 6 for TCP', 'number'),
  port: number('Destination port', 'port'),
  rule: text('Only those that this rule let in, as POLICY/RULE', 'policy/rule'),
} as const;

interface Which {
  readonly user?: string;
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: number;
  readonly port?: number;
  readonly rule?: string;
}

/** `office/web` means the rule of that policy. */
const ruleKey = (project: string, rule: string | undefined): string | undefined =>
  rule === undefined || rule.split('/').length > 2 ? rule : `${project}/filterPolicy/${rule}`;

const connections = buildCommand({
  docs: { brief: 'List connections that cross a gateway, with the rule that let them in' },
  parameters: {
    flags: { ...listing.flags, ...which, limit: number('How many at most (default 50)', 'number') },
    aliases: listing.aliases,
    positional: oneGateway,
  },
  async func(this: Cli, flags: Listing & Which & { readonly limit?: number }, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    const { user, source, destination, protocol, port, limit = 50 } = flags;
    const rule = ruleKey(await projectOf(this, client, flags), flags.rule);
    const found = await client.get<NamedConnections>(`${path}/connections`, {
      ...{ user, source, destination, rule, limit: String(limit) },
      protocol: protocol?.toString(),
      port: port?.toString(),
    });
    printList(this, flags.output, found.items, connectionsTable);
    if (flags.output === 'table' && found.total > found.items.length)
      this.note(`${found.items.length} of ${count(found.total, 'connection')}; --limit shows more.`);
  },
});

const cut = buildCommand({
  docs: { brief: 'End connections now: by person, address, port or rule' },
  parameters: { flags: { ...targetFlags, ...which }, aliases: targetAliases, positional: oneGateway },
  async func(this: Cli, flags: Target & Which, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    const { user, source, destination, protocol, port } = flags;
    const rule = ruleKey(await projectOf(this, client, flags), flags.rule);
    await client.post(`${path}/cut`, { user, source, destination, protocol, port, rule });
    this.print('Those connections have ended. What the rules allow may begin again.');
  },
});

const switchOver = buildCommand({
  docs: { brief: 'Let the other member of a cluster take over, or say which one is to be active' },
  parameters: {
    flags: {
      ...targetFlags,
      to: {
        kind: 'enum',
        values: ['switch', 'active', 'standby', 'automatic'],
        default: 'switch',
        brief: 'switch: take turns once. active, standby: what this member is to be, until automatic',
      },
    },
    aliases: targetAliases,
    positional: oneGateway,
  },
  async func(this: Cli, flags: Target & { readonly to: 'switch' | 'active' | 'standby' | 'automatic' }, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    await client.post(`${path}/role`, { role: flags.to });
    this.print(`Told ${name}; \`vauban gateway status\` shows who is active.`);
  },
});

const maintenance = buildCommand({
  docs: { brief: 'Keep a member from being active while it is worked on' },
  parameters: {
    flags: { ...targetFlags, off: { kind: 'boolean', default: false, brief: 'End it' } },
    aliases: targetAliases,
    positional: oneGateway,
  },
  async func(this: Cli, flags: Target & { readonly off: boolean }, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    await client.post(`${path}/maintenance`, { on: !flags.off });
    this.print(flags.off ? `${name} may be active again.` : `${name} is in maintenance: the other member is active.`);
  },
});

/** With verbs of the machine's: people of gateways look for them here. */
export const gatewayRoutes = (machine: Readonly<Record<'backup' | 'restore', Verb>>) =>
  buildRouteMap<string, Cli>({
    routes: {
      ...machine,
      ...{
        status,
        interfaces,
        rules,
        routes,
        connections,
        'sign-ins': signIns,
        'sign-out': signOut,
        cut,
        switch: switchOver,
        maintenance,
        hasync,
        ennetwork,
      },
      update: rollingUpdate,
    },
    docs: { brief: 'Gateways: health, throughput, rules with hits, routes, connections, switch-over, hasync, update' },
  });
