import type { Client } from '#client/client.ts';
import type { GatewayStatus } from '#control/gateways/status.ts';
import { type Cli, clientOf, projectOf, proposedNames, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import type { Format } from '../output.ts';

/** What verbs about gateways have in common. */

const gatewayParameter = {
  brief: 'Gateway, or cluster: its active member',
  parse: String,
  placeholder: 'gateway',
  async proposeCompletions(this: Cli, _partial: string) {
    return [...(await proposedNames(this, 'gateways')), ...(await proposedNames(this, 'gatewayClusters'))];
  },
} as const;

export const oneGateway = { kind: 'tuple', parameters: [gatewayParameter] } as const;
export const anyGateway = { kind: 'tuple', parameters: [{ ...gatewayParameter, optional: true }] } as const;

export interface Listing extends Target {
  readonly output: Format;
}
export const listing = {
  flags: { ...targetFlags, output: formatFlag },
  aliases: { ...targetAliases, o: 'output' },
} as const;

/** The API of gateways, or of one. */
export async function apiOf(
  cli: Cli,
  flags: Target,
  name?: string,
): Promise<{ readonly client: Client; readonly path: string }> {
  const client = clientOf(cli, flags);
  const base = `/v1/projects/${await projectOf(cli, client, flags)}/gateways`;
  return { client, path: name === undefined ? base : `${base}/${encodeURIComponent(name)}` };
}

/** Members compare what they hold in their heartbeats: without those nobody knows. */
export const hears = (it: GatewayStatus): boolean => {
  const { heardOnLink = 0, heardOnTraffic = 0 } = it.parts['high-availability'] ?? {};
  return heardOnLink + heardOnTraffic > 0;
};
