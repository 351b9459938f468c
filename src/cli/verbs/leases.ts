import { buildCommand } from '@stricli/core';
import type { SegmentLease } from '#control/leases.ts';
import { type Cli, clientOf, projectOf, proposedNames, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, type TableOf } from '../output.ts';

const table: TableOf<SegmentLease> = {
  name: (it) => it.mac,
  empty: 'No host of it has a lease.',
  columns: [
    { title: 'ADDRESS', value: (it) => it.address },
    { title: 'MAC', value: (it) => it.mac },
    { title: 'NAME', value: (it) => it.name ?? '' },
    { title: 'EXPIRES', value: (it) => it.expireTime ?? 'never' },
  ],
};

export const leases = buildCommand({
  docs: { brief: 'List who has which address of a segment by DHCP, and until when' },
  parameters: {
    flags: { ...targetFlags, output: formatFlag },
    aliases: { ...targetAliases, o: 'output' },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'Segment',
          parse: String,
          placeholder: 'segment',
          proposeCompletions(this: Cli, _partial: string) {
            return proposedNames(this, 'segments');
          },
        },
      ],
    },
  },
  async func(this: Cli, flags: Target & { readonly output: Format }, name: string) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const path = `/v1/projects/${project}/segments/${encodeURIComponent(name)}/leases`;
    const { items } = await client.get<{ items: readonly SegmentLease[] }>(path);
    printList(this, flags.output, items, table);
  },
});
