import { writeFileSync } from 'node:fs';
import { buildCommand, buildRouteMap } from '@stricli/core';
import type { Client } from '#client/client.ts';
import type { ConnectedPerson } from '#control/vpn/people.ts';
import { Problem } from '#core/problem.ts';
import { bytes } from '#lib/quantity.ts';
import { type Cli, clientOf, projectOf, type Target } from '../context.ts';
import { fileFlag, formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, type TableOf } from '../output.ts';

const serverFlag = {
  kind: 'parsed',
  parse: String,
  optional: true,
  brief: 'SSL VPN server; needed when the project has several',
  placeholder: 'server',
} as const;

const emailParameter = { brief: 'Email address of the person', parse: String, placeholder: 'email' } as const;

async function apiOf(cli: Cli, flags: Target): Promise<{ readonly client: Client; readonly path: string }> {
  const client = clientOf(cli, flags);
  return { client, path: `/v1/projects/${await projectOf(cli, client, flags)}/sslVpnServers` };
}

const table: TableOf<ConnectedPerson> = {
  name: (it) => it.email,
  empty: 'Nobody is connected.',
  columns: [
    { title: 'PERSON', value: (it) => it.email },
    { title: 'ADDRESS', value: (it) => it.address },
    { title: 'FROM', value: (it) => it.from },
    { title: 'OVER', value: (it) => it.transport },
    { title: 'SINCE', value: (it) => it.since.replace(/\.\d+Z$/, 'Z') },
    { title: 'RECEIVED', value: (it) => bytes(it.received) },
    { title: 'SENT', value: (it) => bytes(it.sent) },
    { title: 'SERVER', value: (it) => it.server },
    { title: 'GATEWAY', value: (it) => it.gateway },
  ],
};

const status = buildCommand({
  docs: { brief: 'Show who is connected: address, from where, since when, bytes' },
  parameters: {
    flags: { ...targetFlags, output: formatFlag, server: serverFlag },
    aliases: { ...targetAliases, o: 'output' },
  },
  async func(this: Cli, flags: Target & { readonly output: Format; readonly server?: string }) {
    const { client, path } = await apiOf(this, flags);
    const { items } = await client.get<{ items: ConnectedPerson[] }>(`${path}:sessions`, { server: flags.server });
    printList(this, flags.output, items, table);
  },
});

const disconnect = buildCommand({
  docs: { brief: 'End all sessions of a person now; as long as they have the right they may come back' },
  parameters: {
    flags: targetFlags,
    aliases: targetAliases,
    positional: { kind: 'tuple', parameters: [emailParameter] },
  },
  async func(this: Cli, flags: Target, email: string) {
    const { client, path } = await apiOf(this, flags);
    await client.post(`${path}:disconnect`, { email });
    this.print(`${email} is disconnected. To keep somebody out, take the right away or disable the account.`);
  },
});

/** The only one there is, unless somebody says which. */
async function serverOf(client: Client, path: string, name: string | undefined): Promise<string> {
  if (name !== undefined) return name;
  const { items } = await client.get<{ items: readonly { readonly name: string }[] }>(path);
  const [first, ...more] = items;
  if (first !== undefined && more.length === 0) return first.name;
  throw new Problem('INVALID_REQUEST', {
    at: '--server',
    message: first === undefined ? 'there is no SSL VPN server' : 'there are several SSL VPN servers',
    fix:
      first === undefined ? 'Declare one in `sslVpnServers`.' : `Name one of ${items.map((it) => it.name).join(', ')}.`,
  });
}

const profile = buildCommand({
  docs: { brief: 'Make a profile for a stock OpenVPN client: one file with everything but the password' },
  parameters: {
    flags: {
      ...targetFlags,
      output: fileFlag,
      server: serverFlag,
      code: {
        kind: 'boolean',
        optional: true,
        brief: 'Whether the client asks for a code of an authenticator app (default: when the server demands one)',
      },
    },
    aliases: { ...targetAliases, o: 'output' },
    positional: { kind: 'tuple', parameters: [{ ...emailParameter, optional: true }] },
  },
  async func(
    this: Cli,
    flags: Target & { readonly output?: string; readonly server?: string; readonly code?: boolean },
    email?: string,
  ) {
    const { client, path } = await apiOf(this, flags);
    const server = await serverOf(client, path, flags.server);
    const made = await client.post<{ profile: string }>(`${path}/${encodeURIComponent(server)}/profile`, {
      email,
      code: flags.code,
    });
    if (flags.output === undefined) return this.print(made.profile.trimEnd());
    // It may hold a private key.
    writeFileSync(flags.output, made.profile, { mode: 0o600 });
    this.note(`wrote ${flags.output}`);
    return undefined;
  },
});

export const vpnRoutes = buildRouteMap<string, Cli>({
  routes: { status, profile, disconnect },
  docs: { brief: 'SSL VPN: who is connected, profiles for people, disconnect' },
});
