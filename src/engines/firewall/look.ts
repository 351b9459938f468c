import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { lookAt } from '../nftables-look.ts';
import { lockTable, stateTable } from './base.ts';
import type { FirewallInput } from './input.ts';
import { table } from './text.ts';

/** What the tables of ours hold. */
export const tablesLook = (machine: Machine, { input: { namespace } }: Artifact<FirewallInput>): Promise<string> =>
  lookAt(machine, {
    namespace,
    tables: [table, lockTable, stateTable],
    brief: [
      `--terse list table ${table}`,
      `list map ${table} egress_of`,
      `list map ${table} ingress_of`,
      `list table ${stateTable}`,
      `list table ${lockTable}`,
    ],
  });
