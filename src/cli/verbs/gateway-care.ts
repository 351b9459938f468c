import { setTimeout as sleep } from 'node:timers/promises';
import { buildCommand } from '@stricli/core';
import type { Client } from '#client/client.ts';
import type { NetworkPart } from '#control/gateways/network.ts';
import type { GatewayStatus } from '#control/gateways/status.ts';
import { Problem } from '#core/problem.ts';
import type { Cli, Target } from '../context.ts';
import { targetAliases, targetFlags } from '../flags.ts';
import { printList, printOne, type TableOf } from '../output.ts';
import { apiOf, hears, type Listing, listing, oneGateway } from './gateway-target.ts';

const networkTable: TableOf<NetworkPart> = {
  name: (it) => `${it.gateway}/${it.part}`,
  empty: 'It has no network.',
  columns: [
    { title: 'GATEWAY', value: (it) => it.gateway },
    { title: 'PART', value: (it) => it.part },
    {
      title: 'RESULT',
      value: ({ reason, failure }) =>
        failure !== undefined
          ? `failed: ${failure}`
          : reason !== undefined
            ? `put right: ${reason}`
            : 'as it should be',
    },
  ],
};

export const ennetwork = buildCommand({
  docs: { brief: 'Apply the network configuration of a gateway again, and say what was not as it should be' },
  parameters: { ...listing, positional: oneGateway },
  async func(this: Cli, flags: Listing, name: string) {
    const { client, path } = await apiOf(this, flags, name);
    const { items } = await client.post<{ items: NetworkPart[] }>(`${path}/network`);
    if (items.some((it) => it.failure !== undefined)) this.process.exitCode = 1;
    if (flags.output === 'json' || flags.output === 'yaml') return printOne(this, flags.output, items);
    return printList(this, flags.output, items, networkTable);
  },
});

/** Milliseconds between two looks at a pair, and until it must be well again. */
const LOOK = 1100;
const PATIENCE = 120_000;

const isWell = (it: GatewayStatus): boolean =>
  hears(it) && it.reasons.filter((reason) => !/ runs version /.test(reason)).length === 0;

/** The standby has been told of what the active one carries. */
function isTold(standby: GatewayStatus, active: GatewayStatus): boolean {
  const count = (it: GatewayStatus, of: string): number => it.parts['state-replication']?.[of] ?? 0;
  return count(standby, 'peerConnections') >= 0.9 * count(active, 'ownConnections');
}

interface Roles {
  readonly active: GatewayStatus;
  readonly standby: GatewayStatus;
}

const rolesOf = (items: readonly GatewayStatus[]): Roles | undefined => {
  const [active, standby] = ['active', 'standby'].map((role) => items.find((it) => it.role === role));
  return items.length === 2 && active !== undefined && standby !== undefined ? { active, standby } : undefined;
};

/** Waits for a pair of which both are well, twice in a row: a look may be a second old. */
async function wellPair(look: () => Promise<readonly GatewayStatus[]>, active?: string): Promise<Roles> {
  const deadline = performance.now() + PATIENCE;
  for (let good = 0; ; ) {
    const items = await look();
    const roles = rolesOf(items);
    const isGood =
      roles !== undefined &&
      items.every(isWell) &&
      isTold(roles.standby, roles.active) &&
      (active === undefined || roles.active.name === active);
    good = isGood ? good + 1 : 0;
    if (roles !== undefined && good === 2) return roles;
    if (items.length !== 2 || performance.now() > deadline) throw unwell(items);
    await sleep(LOOK);
  }
}

const unwell = (items: readonly GatewayStatus[]): Problem =>
  new Problem('UNMET', {
    at: items.map((it) => it.name).join(' and '),
    message: `one active and one standby, both well, are needed: ${items
      .map((it) => [`${it.name} is ${it.role}`, ...it.reasons].join(', '))
      .join('; ')}`,
    fix: 'Name a cluster of two, and see `vauban gateway status`. What was not updated yet goes on as it was.',
  });

async function update(client: Client, path: string, name: string, tell: (text: string) => void): Promise<Roles> {
  const look = async () => (await client.get<{ items: GatewayStatus[] }>(`${path}:status`, { name })).items;
  const { active, standby } = await wellPair(look);
  const restart = async (it: string): Promise<void> => {
    await client.post(`${path}/${encodeURIComponent(it)}/restart`);
    tell(`${it} runs the programs that are installed now.`);
  };
  await restart(standby.name);
  await wellPair(look, active.name);
  await client.post(`${path}/${encodeURIComponent(active.name)}/role`, { role: 'switch' });
  await wellPair(look, standby.name);
  tell(`${standby.name} is active.`);
  await restart(active.name);
  return wellPair(look, standby.name);
}

export const rollingUpdate = buildCommand({
  docs: {
    brief: 'Let both members of a cluster run the programs that are installed now: the standby first, then a switch',
  },
  parameters: { flags: targetFlags, aliases: targetAliases, positional: oneGateway },
  async func(this: Cli, flags: Target, name: string) {
    const { client, path } = await apiOf(this, flags);
    const { active, standby } = await update(client, path, name, (text) => this.print(text));
    const versions = [...new Set([active, standby].map((it) => it.version ?? 'unknown'))];
    this.print(`Both run version ${versions.join(' and ')}; ${active.name} is active.`);
  },
});
