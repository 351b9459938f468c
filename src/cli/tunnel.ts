import type { TunnelRoute } from '#client/tunnel.ts';
import { type Cli, connectionOf, type Target } from './context.ts';

export interface Place {
  readonly project: string;
  readonly instance: string;
  readonly port: number;
}

/** The way to a port of an instance, through the API: whoever reaches that reaches the tunnel. */
export function routeTo(cli: Cli, target: Target, { project, instance, port }: Place): TunnelRoute {
  const { address, token, authority } = connectionOf(cli, target);
  const path = `/v1/projects/${encodeURIComponent(project)}/instances/${encodeURIComponent(instance)}/tunnel`;
  const url = (query: Readonly<Record<string, string>>): string =>
    `${new URL(path, address).href.replace(/^http/, 'ws')}?${new URLSearchParams(query)}`;
  return {
    connect: url({ port: String(port) }),
    reconnect: (sid, received) => url({ sid, ack: String(received) }),
    token: () => token,
    authority,
    name: `${instance} port ${port}`,
  };
}
