import type { Resource, Snapshot } from '#core/resource.ts';
import { defineKind, type Objection } from '../define.ts';
import { MachineSpec } from './spec.ts';

export const machine = defineKind<MachineSpec>({
  kind: 'machine',
  title: 'Machine',
  spec: MachineSpec,
  catalogue: { local: { description: 'The machine that this deployment was started on' } },
  check: (resource, snapshot: Snapshot): readonly Objection[] => check(resource, snapshot),
  columns: [{ title: 'ADDRESS', value: ({ spec }) => spec.address ?? '' }],
  feeds: {},
  example: {
    local: { address: '10.9.0.1' },
    b: { address: '10.9.0.2', description: 'In the other rack' },
  },
});

/** A machine is one for all projects: what they say of it must agree. */
function check({ project, name, spec }: Resource<MachineSpec>, snapshot: Snapshot): Objection[] {
  const path = ['address'];
  return snapshot.all(machine).flatMap((it): Objection[] => {
    if (spec.address === undefined || it.spec.address === undefined) return [];
    const isSame = it.name === name;
    if (isSame === (it.spec.address === spec.address)) return [];
    // Each pair is told once, at the later of the two.
    if (`${it.project}/${it.name}` >= `${project}/${name}`) return [];
    return isSame
      ? [
          {
            path,
            message: `project ${it.project} says that machine ${name} is at ${it.spec.address}`,
            fix: 'A name is one machine for all projects: say the same address, or leave it out here.',
          },
        ]
      : [
          {
            path,
            message: `${spec.address} is the address of machine ${it.name}`,
            fix: 'Give each machine an address of its own.',
          },
        ];
  });
}
