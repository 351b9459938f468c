import * as z from 'zod';
import { Address, Description } from '../fields.ts';

export const MachineSpec = z
  .strictObject({
    address: Address.optional().describe(
      'Where the other machines reach it. Segments that stand on several machines are joined by tunnels between these addresses, which are not encrypted: name those of a network of your own.',
    ),
    description: Description,
  })
  .meta({
    id: 'Machine',
    title: 'Machine',
    description:
      'A machine that gateways of this deployment stand on: `vauban machines join` brings it in. `local` is the one that the deployment was started on; everything stands there that names no other.',
  });

export type MachineSpec = z.infer<typeof MachineSpec>;
