import type { TunnelRoute } from '#client/tunnel.ts';
import { apiToken, type Cli, connectionOf, type Target } from './context.ts';
import { identityToken } from './login.ts';

export interface Place {
  readonly project: string;
  readonly instance: string;
  readonly port: number;
}

/** The way to a port of an instance, through the API: whoever reaches that reaches the tunnel. */
export function routeTo(cli: Cli, target: Target, { project, instance, port }: Place): TunnelRoute {
  const { address, authority } = connectionOf(cli, target);
  const path = `/v1/projects/${encodeURIComponent(project)}/instances/${encodeURIComponent(instance)}/tunnel`;
  const url = (query: Readonly<Record<string, string>>): string =>
    `${new URL(path, address).href.replace(/^http/, 'ws')}?${new URLSearchParams(query)}`;
  return {
    connect: url({ port: String(port) }),
    reconnect: (sid, received) => url({ sid, ack: String(received) }),
    // A tunnel may last longer than an ID token: at each return there is a fresh one.
    token: async () => apiToken(cli, target) ?? identityToken(cli.env),
    authority,
    name: `${instance} port ${port}`,
  };
}
