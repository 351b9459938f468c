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
export type MachineVerbs = Readonly<Record<'up' | 'down' | 'doctor' | 'setup', Verb['load']>>;

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
  'What was seen': {
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
    doctor: { brief: 'Say what this machine has, lacks, and what is left over', load: machine.doctor },
    setup: { brief: 'Install what the engines need, without starting anything', load: machine.setup },
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
const resource = (name: 'get' | 'describe' | 'edit' | 'remove') => async () => (await resources())[name];
const session = (name: 'exec' | 'start' | 'stop' | 'restart') => async () => (await import('./verbs/session.ts'))[name];
