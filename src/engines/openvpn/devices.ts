import { stat } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { firstOf, formatAddress, prefix } from '#lib/ip.ts';
import { devices, type OpenvpnInput, type OpenvpnListener } from './input.ts';

/**
 * Makes the devices, with their addresses, for the user that openvpn runs as: who owns one may use it without any right, and
 * it stays when openvpn ends, with all routes over it.
 */
export async function makeDevices(machine: Machine, at: string, input: OpenvpnInput): Promise<void> {
  await openToAll(machine, at);
  const { namespace } = input;
  for (const transport of ['udp', 'tcp'] as const) {
    const listener = input.listeners.find((it) => it.transport === transport);
    if (listener === undefined) await machine.exec(['ip', 'link', 'del', devices[transport]], { namespace });
    else await makeDevice(machine, at, { namespace, listener });
  }
}

export async function removeDevices(machine: Machine, namespace: string): Promise<void> {
  for (const name of Object.values(devices)) await machine.exec(['ip', 'link', 'del', name], { namespace });
}

/** As the kernel's own documentation has it: the node gives no right, only the owner's device can be opened by it. */
async function openToAll(machine: Machine, at: string): Promise<void> {
  const { mode } = await stat('/dev/net/tun').catch(() => ({ mode: 0 }));
  if ((mode & 0o006) !== 0o006) await must(machine, at, ['chmod', '0666', '/dev/net/tun']);
}

async function makeDevice(
  machine: Machine,
  at: string,
  { namespace, listener }: { readonly namespace: string; readonly listener: OpenvpnListener },
): Promise<void> {
  const name = devices[listener.transport];
  const { base, length } = prefix(listener.network);
  const own = `${formatAddress(firstOf({ base, length }) + 1)}/${length}`;
  const { stdout } = await machine.exec(['ip', '-j', 'addr', 'show', 'dev', name], { namespace });
  const here = addressesIn(stdout);
  if (here === undefined) {
    const user = String(machine.users.vpn.uid);
    await must(machine, at, ['ip', 'tuntap', 'add', 'dev', name, 'mode', 'tun', 'user', user], { namespace });
  }
  for (const it of here ?? []) {
    if (it !== own) await must(machine, at, ['ip', 'addr', 'del', it, 'dev', name], { namespace });
  }
  await must(machine, at, ['ip', 'addr', 'replace', own, 'dev', name], { namespace });
  await must(machine, at, ['ip', 'link', 'set', name, 'up'], { namespace });
}

/** IPv4 addresses in what `ip -j addr` printed; undefined when there is no such device. */
function addressesIn(text: string): readonly string[] | undefined {
  try {
    const [found] = JSON.parse(text) as { addr_info?: { family: string; local: string; prefixlen: number }[] }[];
    const list = found?.addr_info?.filter((it) => it.family === 'inet') ?? [];
    return list.map((it) => `${it.local}/${it.prefixlen}`);
  } catch {
    return undefined;
  }
}
