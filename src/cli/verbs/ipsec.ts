import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Client } from '#client/client.ts';
import type { TunnelView } from '#control/gateways/tunnels.ts';
import { exportFormats } from '#kinds/gateway/ipsec-export-formats.ts';
import { type Cli, clientOf, projectOf, proposedNames, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, printOne, type TableOf } from '../output.ts';

const tunnelParameter = {
  brief: 'Tunnel',
  parse: String,
  placeholder: 'tunnel',
  async proposeCompletions(this: Cli, _partial: string) {
    return proposedNames(this, 'ipsecTunnels');
  },
} as const;

const oneTunnel = { kind: 'tuple', parameters: [tunnelParameter] } as const;
const anyTunnel = { kind: 'tuple', parameters: [{ ...tunnelParameter, optional: true }] } as const;

async function apiOf(cli: Cli, flags: Target): Promise<{ readonly client: Client; readonly base: string }> {
  const client = clientOf(cli, flags);
  return { client, base: `/v1/projects/${await projectOf(cli, client, flags)}/ipsec` };
}

const instant = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

const statusTable: TableOf<TunnelView> = {
  name: (it) => it.name,
  empty: 'No gateway of this project has a tunnel.',
  columns: [
    { title: 'NAME', value: (it) => it.name },
    { title: 'GATEWAY', value: (it) => it.gateway },
    { title: 'STATE', value: (it) => it.state },
    { title: 'SINCE', value: (it) => instant(it.since) },
    { title: 'PEER', value: (it) => it.address },
    { title: 'IN', value: (it) => String(it.bytesIn) },
    { title: 'OUT', value: (it) => String(it.bytesOut) },
    { title: 'REKEYS', value: (it) => String(it.rekeys) },
    { title: 'ALGORITHMS', value: (it) => it.pairs.find((one) => one.up)?.algorithms ?? '' },
  ],
};

/** The table, and below it why tunnels are not up and what to do. */
const status = buildCommand({
  docs: { brief: 'Show tunnels: state, peer, traffic, and why one is not up' },
  parameters: {
    flags: { ...targetFlags, output: formatFlag },
    aliases: { ...targetAliases, o: 'output' },
    positional: anyTunnel,
  },
  async func(this: Cli, flags: Target & { readonly output: Format }, name?: string) {
    const { client, base } = await apiOf(this, flags);
    const { items } = await client.get<{ items: TunnelView[] }>(`${base}:status`, { name });
    if (flags.output === 'json' || flags.output === 'yaml') return printOne(this, flags.output, items);
    printList(this, flags.output, items, statusTable);
    for (const { name: tunnel, failure } of items)
      if (failure !== null && flags.output === 'table') this.note(`${tunnel}: ${failure.message}. ${failure.fix}`);
    return undefined;
  },
});

const steering = (state: 'up' | 'down', brief: string, said: string) =>
  buildCommand({
    docs: { brief },
    parameters: { flags: targetFlags, aliases: targetAliases, positional: oneTunnel },
    async func(this: Cli, flags: Target, name: string) {
      const { client, base } = await apiOf(this, flags);
      await client.post(`${base}/${encodeURIComponent(name)}/state`, { state });
      this.print(`${name} ${said}`);
    },
  });

const exportText = buildCommand({
  docs: { brief: 'Print the settings of the other end, for its own product' },
  parameters: {
    flags: {
      ...targetFlags,
      for: { kind: 'enum', values: exportFormats, brief: 'Whose settings to write' },
    },
    aliases: targetAliases,
    positional: oneTunnel,
  },
  async func(this: Cli, flags: Target & { readonly for: (typeof exportFormats)[number] }, name: string) {
    const { client, base } = await apiOf(this, flags);
    const { text } = await client.get<{ text: string }>(`${base}/${encodeURIComponent(name)}/export`, {
      for: flags.for,
    });
    this.print(text.trimEnd());
  },
});

export const ipsec = buildRouteMap<string, Cli>({
  routes: {
    status,
    up: steering(
      'up',
      'Let a tunnel be up again, and begin it now',
      'may be up; `vauban ipsec status` shows whether it is.',
    ),
    down: steering('down', 'Take a tunnel down until `up`', 'is down. What is meant for it goes nowhere.'),
    export: exportText,
  },
  docs: { brief: 'IPsec tunnels: state and reasons, up and down, settings for the other end' },
});
