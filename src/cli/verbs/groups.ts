import { setTimeout as sleep } from 'node:timers/promises';
import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Client } from '#client/client.ts';
import type { GroupStatus, ManagedInstance } from '#control/groups/status.ts';
import type { Operation } from '#control/operations.ts';
import { Problem } from '#core/problem.ts';
import type { RollAction } from '#kinds/instance-group/spec.ts';
import { type Cli, clientOf, projectOf, proposedNames, type Target } from '../context.ts';
import { formatFlag, seconds, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, printOne, type TableOf } from '../output.ts';
import { follow } from '../progress.ts';

const groupParameter = {
  brief: 'Instance group',
  parse: String,
  placeholder: 'group',
  proposeCompletions(this: Cli, _partial: string) {
    return proposedNames(this, 'instanceGroups');
  },
} as const;

const oneGroup = { kind: 'tuple', parameters: [groupParameter] } as const;

/** The API of one group. */
async function groupOf(
  cli: Cli,
  flags: Target,
  name: string,
): Promise<{ readonly client: Client; readonly path: string }> {
  const client = clientOf(cli, flags);
  const project = await projectOf(cli, client, flags);
  return { client, path: `/v1/projects/${project}/instanceGroups/${encodeURIComponent(name)}` };
}

const table: TableOf<ManagedInstance> = {
  name: (it) => it.name,
  empty: 'It has no hosts.',
  columns: [
    { title: 'NAME', value: (it) => it.name },
    { title: 'ZONE', value: (it) => it.zone },
    { title: 'STATUS', value: (it) => it.status },
    { title: 'HEALTH_STATE', value: (it) => it.healthState ?? '' },
    { title: 'ACTION', value: (it) => it.action },
    { title: 'INSTANCE_TEMPLATE', value: (it) => it.template },
    { title: 'VERSION_NAME', value: (it) => it.version },
    { title: 'LAST_ERROR', value: (it) => it.lastError ?? '' },
  ],
};

const listInstances = buildCommand({
  docs: { brief: 'List the hosts of a group: state, health, what is being done to them, version' },
  parameters: {
    flags: { ...targetFlags, output: formatFlag },
    aliases: { ...targetAliases, o: 'output' },
    positional: oneGroup,
  },
  async func(this: Cli, flags: Target & { readonly output: Format }, name: string) {
    const { client, path } = await groupOf(this, flags, name);
    const status = await client.get<GroupStatus>(`${path}/instances`);
    if (flags.output === 'json' || flags.output === 'yaml') return printOne(this, flags.output, status);
    printList(this, flags.output, status.items, table);
    if (status.reason !== undefined) this.note(`Not stable: ${status.reason}`);
    return undefined;
  },
});

interface RollFlags extends Target {
  readonly maxUnavailable?: number;
  readonly maxSurge?: number;
  readonly minReady?: number;
  readonly wait: boolean;
}

/** `0` is a time, too: it asks for no wait. */
const secondsOrNone = (text: string): number => (/^0[smh]?$/.test(text) ? 0 : seconds(text));

const whole = (text: string): number => {
  if (!/^\d{1,4}$/.test(text)) throw new SyntaxError('not a whole number');
  return Number(text);
};

function rollCommand(brief: string, action: RollAction, past: string) {
  return buildCommand({
    docs: { brief },
    parameters: {
      flags: {
        ...targetFlags,
        maxUnavailable: {
          kind: 'parsed',
          parse: whole,
          optional: true,
          brief: 'Hosts that may be out of service at a time (default: what the update policy says)',
          placeholder: 'number',
        },
        maxSurge: {
          kind: 'parsed',
          parse: whole,
          optional: true,
          brief: 'Extra hosts that may be made first when hosts are replaced (default: what the update policy says)',
          placeholder: 'number',
        },
        minReady: {
          kind: 'parsed',
          parse: secondsOrNone,
          optional: true,
          brief: 'Time that a host must be in service before the next one follows',
          placeholder: '10s',
        },
        wait: { kind: 'boolean', default: true, brief: 'Wait until every host has been through it' },
      },
      aliases: targetAliases,
      positional: oneGroup,
    },
    async func(this: Cli, flags: RollFlags, name: string) {
      const { client, path } = await groupOf(this, flags, name);
      const { operation } = await client.post<{ operation: Operation }>(`${path}/roll`, {
        action,
        ...(flags.maxUnavailable === undefined ? {} : { maxUnavailable: flags.maxUnavailable }),
        ...(flags.maxSurge === undefined ? {} : { maxSurge: flags.maxSurge }),
        ...(flags.minReady === undefined ? {} : { minReadySec: flags.minReady }),
      });
      if (!flags.wait) return this.print(`Begun; \`vauban groups list-instances ${name}\` shows how far it is.`);
      await follow(this, client, operation);
      return this.print(`${past} every host of ${name}.`);
    },
  });
}

const resize = buildCommand({
  docs: { brief: 'Give a group another number of hosts; those that go are taken out of service first' },
  parameters: {
    flags: targetFlags,
    aliases: targetAliases,
    positional: {
      kind: 'tuple',
      parameters: [groupParameter, { brief: 'How many hosts', parse: whole, placeholder: 'size' }],
    },
  },
  async func(this: Cli, flags: Target, name: string, size: number) {
    const { client, path } = await groupOf(this, flags, name);
    const { operation } = await client.post<{ operation: Operation }>(`${path}/resize`, { size });
    await follow(this, client, operation);
    this.print(`Group ${name} is to have ${size} hosts.`);
  },
});

const waitUntilStable = buildCommand({
  docs: { brief: 'Wait until every host of a group is as it should be, and in service' },
  parameters: {
    flags: {
      ...targetFlags,
      timeout: { kind: 'parsed', parse: seconds, default: '10m', brief: 'Give up after this time', placeholder: '10m' },
    },
    aliases: targetAliases,
    positional: oneGroup,
  },
  async func(this: Cli, flags: Target & { readonly timeout: number }, name: string) {
    const { client, path } = await groupOf(this, flags, name);
    const end = Date.now() + flags.timeout * 1000;
    for (let told = ''; ; await sleep(500)) {
      const { stable, reason = '' } = await client.get<GroupStatus>(`${path}/instances`);
      if (stable) return this.print(`Group ${name} is stable.`);
      if (reason !== told) this.note(reason);
      told = reason;
      if (Date.now() < end) continue;
      throw new Problem('UNMET', {
        at: `instanceGroups/${name}`,
        message: `it is not stable after ${flags.timeout} s: ${reason}`,
        fix: `\`vauban groups list-instances ${name}\` shows which host it waits for.`,
      });
    }
  },
});

export const groups = buildRouteMap({
  routes: {
    listInstances,
    rollingRestart: rollCommand('Restart every host of a group, a few at a time', 'RESTART', 'Restarted'),
    rollingReplace: rollCommand('Replace every host of a group by a new one, a few at a time', 'REPLACE', 'Replaced'),
    resize,
    waitUntilStable,
  },
  docs: { brief: 'Instance groups: their hosts, restart and replacement of all, size' },
});
