import * as z from 'zod';
import { defineKind } from '../define.ts';
import { Description } from '../fields.ts';

export const MachineTypeSpec = z
  .strictObject({
    cpus: z.number().min(0.05).max(256).describe('Processor time that an instance may use, in processors.'),
    memoryMb: z.int().min(32).max(1_048_576).describe('Memory that an instance may use, in MiB.'),
    description: Description,
  })
  .meta({ id: 'MachineType', title: 'Machine type', description: 'The size of an instance; its limits are enforced.' });

export type MachineTypeSpec = z.infer<typeof MachineTypeSpec>;

const size = (cpus: number, memoryMb: number, description: string): MachineTypeSpec => ({
  cpus,
  memoryMb,
  description,
});

export const machineType = defineKind<MachineTypeSpec>({
  kind: 'machineType',
  title: 'Machine type',
  spec: MachineTypeSpec,
  // The cloud's shared-core types are given their sustained share.
  catalogue: {
    'f1-micro': size(0.2, 614, 'Shared core, 0.6 GB'),
    'g1-small': size(0.5, 1740, 'Shared core, 1.7 GB'),
    'e2-micro': size(0.25, 1024, 'Shared core, 1 GB'),
    'e2-small': size(0.5, 2048, 'Shared core, 2 GB'),
    'e2-medium': size(1, 4096, 'Shared core, 4 GB'),
    'e2-standard-2': size(2, 8192, '2 processors, 8 GB'),
    'e2-standard-4': size(4, 16_384, '4 processors, 16 GB'),
    'e2-standard-8': size(8, 32_768, '8 processors, 32 GB'),
    'b2-7': size(2, 7168, '2 processors, 7 GB'),
    'b3-8': size(2, 8192, '2 processors, 8 GB'),
    'b3-16': size(4, 16_384, '4 processors, 16 GB'),
    'b3-32': size(8, 32_768, '8 processors, 32 GB'),
    'b3-64': size(16, 65_536, '16 processors, 64 GB'),
    'b3-128': size(32, 131_072, '32 processors, 128 GB'),
    'b3-256': size(64, 262_144, '64 processors, 256 GB'),
    'n1-standard-1': size(1, 3840, '1 processor, 3.75 GB'),
    'n1-standard-2': size(2, 7680, '2 processors, 7.5 GB'),
  },
  columns: [
    { title: 'CPUS', value: ({ spec }) => String(spec.cpus) },
    { title: 'MEMORY_MB', value: ({ spec }) => String(spec.memoryMb) },
  ],
  feeds: {},
  example: { tiny: { cpus: 0.25, memoryMb: 128 } },
});
