import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { INTERFACE_ID } from './connections.ts';
import type { Kernel, StrongswanInput } from './input.ts';

/** What rules know as the traffic of tunnels. With kernel-libipsec it is charon's own, and comes and goes with it. */
export const DEVICE = 'ipsec0';

/** Milliseconds to wait for nothing: what the kernel protects has a device whether or not charon runs. */
export async function settleDevice(machine: Machine, wanted: Artifact<StrongswanInput>, kernel: Kernel): Promise<void> {
  if (kernel === 'libipsec') return;
  const { namespace, connections } = wanted.input;
  const run = (...argv: string[]) => must(machine, wanted.id, argv, { namespace });
  const there = await machine.exec(['ip', 'link', 'show', DEVICE], { namespace });
  if (there.code !== 0) await run('ip', 'link', 'add', DEVICE, 'type', 'xfrm', 'dev', 'lo', 'if_id', INTERFACE_ID);
  await run('ip', 'link', 'set', DEVICE, 'mtu', '1400', 'up');
  // Routes of tunnels stand before all others, as charon's own would.
  await machine.exec(['ip', 'rule', 'del', 'pref', '220'], { namespace });
  await run('ip', 'rule', 'add', 'pref', '220', 'lookup', '220');
  await machine.exec(['ip', 'route', 'flush', 'table', '220'], { namespace });
  const remote = new Set(
    connections.flatMap((it) => it.tunnels.flatMap((one) => one.pairs.map((pair) => pair.remote))),
  );
  for (const it of remote) await run('ip', 'route', 'replace', it, 'dev', DEVICE, 'table', '220');
}

export async function removeDevice(machine: Machine, { input }: Artifact<StrongswanInput>): Promise<void> {
  const { namespace } = input;
  await machine.exec(['ip', 'link', 'del', DEVICE], { namespace });
  await machine.exec(['ip', 'rule', 'del', 'pref', '220'], { namespace });
  await machine.exec(['ip', 'route', 'flush', 'table', '220'], { namespace });
  await machine.exec(['ip', 'xfrm', 'state', 'flush'], { namespace });
  await machine.exec(['ip', 'xfrm', 'policy', 'flush'], { namespace });
}
