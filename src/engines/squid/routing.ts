import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';

/** Mark of what the packet filter hands to the proxy, and the table that leads it to this machine. */
const RULE = ['fwmark', '0x10000/0x10000', 'lookup', '100'];

const PORTS = 'net.ipv4.ip_local_port_range';
/**
 * The proxy asks a server in the client's name, by a port that it chooses itself. Were that a port that the client may
 * choose too, both would be one connection to the kernel, and the client's would never open: systems choose from 32768 on.
 */
const OURS = '16384 32767';
const KERNELS = '32768 60999';

/** What is diverted has foreign addresses: marked, it is delivered here all the same. */
export async function deliverDiverted(machine: Machine, at: string, namespace: string): Promise<void> {
  await must(machine, at, ['ip', 'route', 'replace', 'local', 'default', 'dev', 'lo', 'table', '100'], { namespace });
  await must(machine, at, ['sysctl', '-q', '-w', `${PORTS}=${OURS}`], { namespace });
  const { stdout } = await machine.exec(['ip', 'rule', 'show'], { namespace });
  if (stdout.includes(RULE.join(' '))) return;
  await must(machine, at, ['ip', 'rule', 'add', ...RULE], { namespace });
}

export async function forgetDiverted(machine: Machine, namespace: string): Promise<void> {
  await machine.exec(['ip', 'rule', 'del', ...RULE], { namespace });
  await machine.exec(['ip', 'route', 'flush', 'table', '100'], { namespace });
  const { stdout } = await machine.exec(['sysctl', '-n', PORTS], { namespace });
  if (stdout.trim().split(/\s+/).join(' ') !== OURS) return;
  await machine.exec(['sysctl', '-q', '-w', `${PORTS}=${KERNELS}`], { namespace });
}
