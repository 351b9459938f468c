import { buildCommand } from '@stricli/core';
import type { Right } from '#control/rights/matrix.ts';
import { type Cli, clientOf, projectOf, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, type TableOf } from '../output.ts';

const table: TableOf<Right> = {
  name: (it) => it.who,
  empty: 'Nobody may anything.',
  columns: [
    { title: 'WHO', value: (it) => it.who },
    { title: 'MAY', value: (it) => (it.but === undefined ? it.may : `${it.may} (${it.but})`) },
    { title: 'ON', value: (it) => it.on },
    { title: 'NETWORKS', value: (it) => it.networks?.join(',') ?? '' },
    { title: 'WHEN', value: (it) => it.when ?? '' },
    { title: 'THROUGH', value: (it) => it.through },
    { title: 'AS', value: (it) => it.by ?? '' },
  ],
};

export const rights = buildCommand({
  docs: {
    brief: 'Show who may what, and through which role binding or group',
    fullDescription:
      'SSL VPN, captive portals, applications, tunnels, accounts on hosts and administration: for everybody whom the directories know, for groups and for others whom role bindings name. With an address: what that person may.',
  },
  parameters: {
    flags: { ...targetFlags, output: formatFlag },
    aliases: { ...targetAliases, o: 'output' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Email address of a person', parse: String, placeholder: 'email', optional: true }],
    },
  },
  async func(this: Cli, flags: Target & { readonly output: Format }, email?: string) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const { items } = await client.get<{ items: Right[] }>(`/v1/projects/${project}/rights`, { email });
    const empty = email === undefined ? table.empty : `${email} may nothing here.`;
    printList(this, flags.output, items, { ...table, empty });
  },
});
