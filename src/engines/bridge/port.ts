import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';

/** A device in a bridge's namespace that is a port of the bridge. */
export interface BridgePort {
  readonly namespace: string;
  readonly name: string;
  readonly alias: string;
  readonly bridge: string;
  /** Bytes. */
  readonly mtu: number;
}

type Device = Pick<BridgePort, 'namespace' | 'name'>;

export const hasDevice = async (machine: Machine, { namespace, name }: Device): Promise<boolean> =>
  (await machine.exec(['ip', '-o', 'link', 'show', 'dev', name], { namespace })).code === 0;

/** Idempotent. */
export async function dropDevice(machine: Machine, device: Device): Promise<void> {
  if (!(await hasDevice(machine, device))) return;
  await machine.exec(['ip', 'link', 'delete', device.name], { namespace: device.namespace });
}

/** Makes a device that is there a port, and raises it. */
export async function plugIn(machine: Machine, at: string, port: BridgePort): Promise<void> {
  const { namespace, name, alias, bridge, mtu } = port;
  const batch = [
    `link set ${name} mtu ${mtu}`,
    ...(alias === '' ? [] : [`link set ${name} alias ${alias}`]),
    `link set ${name} master ${bridge}`,
    `link set ${name} up`,
  ];
  await must(machine, at, ['ip', '-batch', '-'], { namespace, stdin: `${batch.join('\n')}\n` });
}

/** What the machine has of a port, for a fingerprint: state, size, bridge, and what else is asked for. */
export async function portSettings(
  machine: Machine,
  at: string,
  { port, also }: { readonly port: Device; readonly also: readonly RegExp[] },
): Promise<readonly string[]> {
  const argv = ['ip', '-o', '-d', 'link', 'show', 'dev', port.name];
  const { stdout } = await must(machine, at, argv, { namespace: port.namespace });
  return [/[<,]UP[,>]/, /mtu \d+/, / master \S+/, ...also].map((it) => it.exec(stdout)?.[0] ?? '');
}
