import type { Command, RouteMap } from '@stricli/core';
import type { Cli } from './context.ts';

export type Target = Command<Cli> | RouteMap<Cli>;

export interface Verb {
  /** What it is for, on one line of the overview. */
  readonly brief: string;
  /** Only the verb that was asked for is loaded: an overview must not wait for the schemas of every kind. */
  readonly load: () => Promise<Target>;
}

/** Verbs that work on the machine itself and not through the API; whoever puts the command line together has them. */
export type MachineVerbs = Readonly<
  Record<'up' | 'down' | 'machines' | 'doctor' | 'setup' | 'backup' | 'restore' | 'netns', Verb['load']>
>;

export type VerbGroups = Readonly<Record<string, Readonly<Record<string, Verb>>>>;

/** Every verb, in the order in which a person meets them. */
export const verbGroups = (machine: MachineVerbs): VerbGroups => ({
  Site: {
    up: { brief: 'Set this machine up, start Vauban, apply a site, say what to try next', load: machine.up },
    plan: { brief: 'Show what a site would change, and what that means', load: change('plan') },
    apply: { brief: 'Make a project exactly what its site says', load: change('apply') },
    confirm: { brief: 'Keep the change that waits for it', load: change('confirm') },
    history: { brief: 'List revisions: who changed what, and what came of it', load: change('history') },
    rollback: { brief: 'Go back to a revision, or take the pending change back', load: change('rollback') },
    down: { brief: 'Stop everything and remove every trace from this machine', load: machine.down },
  },
  Resources: {
    get: { brief: 'List resources of a kind', load: resource('get') },
    describe: { brief: 'Show everything about one resource', load: resource('describe') },
    create: {
      brief: 'Create a resource from flags',
      load: async () => (await import('./verbs/create.ts')).createRoutes(),
    },
    edit: { brief: 'Change a resource in your editor', load: resource('edit') },
    delete: { brief: 'Delete a resource', load: resource('remove') },
    rename: { brief: 'Give an object another name, also in every policy that uses it', load: resource('rename') },
    objects: {
      brief: 'Network and service objects as a CSV file: export, import',
      load: async () => (await import('./verbs/objects.ts')).objects,
    },
    explain: { brief: 'Explain a kind or one of its fields', load: async () => (await schemas()).explain },
    schema: { brief: 'Print the JSON Schema of a site file', load: async () => (await schemas()).schema },
  },
  Instances: {
    ssh: { brief: 'Open a shell in an instance', load: async () => (await import('./verbs/ssh.ts')).ssh },
    exec: { brief: 'Run a command in an instance', load: session('exec') },
    scp: { brief: 'Copy files to and from an instance', load: async () => (await import('./verbs/ssh.ts')).scp },
    tunnel: {
      brief: 'Reach a port of an instance that has no address outside',
      load: async () => (await import('./verbs/tunnel.ts')).tunnel,
    },
    start: { brief: 'Start an instance', load: session('start') },
    stop: { brief: 'Stop an instance; its files are kept', load: session('stop') },
    restart: { brief: 'Restart an instance', load: session('restart') },
    groups: {
      brief: 'Instance groups: their hosts, restart and replacement of all, size',
      load: async () => (await import('./verbs/groups.ts')).groups,
    },
  },
  'Who you are': {
    login: { brief: 'Sign in as a person, by an OpenID provider', load: person('login') },
    logout: { brief: 'Forget who is signed in, here and at the provider', load: person('logout') },
    whoami: { brief: 'Say who is signed in', load: person('whoami') },
    'print-identity-token': { brief: 'Print an ID token of who is signed in', load: person('printIdentityToken') },
  },
  'Who may what': {
    rights: {
      brief: 'Show who may what, and through which role binding or group',
      load: async () => (await import('./verbs/rights.ts')).rights,
    },
  },
  Gateways: {
    gateway: {
      brief: 'Gateways: health, rules with hits, connections, switch-over, hasync',
      load: async () =>
        (await import('./verbs/gateway.ts')).gatewayRoutes({
          backup: await machine.backup(),
          restore: await machine.restore(),
        }),
    },
  },
  VPN: {
    ipsec: {
      brief: 'IPsec tunnels: state and reasons, up and down, settings for the other end',
      load: async () => (await import('./verbs/ipsec.ts')).ipsec,
    },
    vpn: {
      brief: 'SSL VPN: who is connected, profiles for people, disconnect',
      load: async () => (await import('./verbs/vpn.ts')).vpnRoutes,
    },
  },
  Certificates: {
    certificates: {
      brief: 'Certificates: list with end and state, issue, renew, revoke, export',
      load: async () => (await import('./verbs/certificates.ts')).certificates,
    },
  },
  'What was seen': {
    leases: {
      brief: 'Who has which address of a segment by DHCP',
      load: async () => (await import('./verbs/leases.ts')).leases,
    },
    threats: {
      brief: 'Threats that IDS endpoints have seen',
      load: async () => (await import('./verbs/threats.ts')).threats,
    },
    logs: {
      brief: 'Threat, traffic, firewall, audit and serial logs',
      load: async () => (await import('./verbs/logs.ts')).logs,
    },
  },
  'Vauban itself': {
    checks: { brief: 'Health of every part', load: async () => (await import('./verbs/system.ts')).checks },
    netns: { brief: 'Run a program of this machine in the network of a host or gateway', load: machine.netns },
    machines: { brief: 'Other machines: let them join by a token, leave, list', load: machine.machines },
    doctor: { brief: 'Say what this machine has, lacks, and what is left over', load: machine.doctor },
    setup: { brief: 'Install what the engines need, without starting anything', load: machine.setup },
    backup: { brief: 'Write the whole configuration to a file, under a passphrase', load: machine.backup },
    restore: { brief: 'Make this deployment what a backup says, secrets included', load: machine.restore },
    token: { brief: 'Make, list and delete API tokens', load: async () => (await import('./verbs/system.ts')).token },
    completion: {
      brief: 'Print a script that completes commands in your shell',
      load: async () => (await import('./verbs/completion.ts')).completion,
    },
  },
});

const resources = () => import('./verbs/resource.ts');
const schemas = () => import('./verbs/schema.ts');
const change = (name: 'plan' | 'apply' | 'confirm' | 'history' | 'rollback') => async () =>
  (await import('./verbs/change.ts'))[name];
const resource = (name: 'get' | 'describe' | 'edit' | 'remove' | 'rename') => async () => (await resources())[name];
const session = (name: 'exec' | 'start' | 'stop' | 'restart') => async () => (await import('./verbs/session.ts'))[name];
const person = (name: 'login' | 'logout' | 'whoami' | 'printIdentityToken') => async () =>
  (await import('./verbs/login.ts'))[name];
