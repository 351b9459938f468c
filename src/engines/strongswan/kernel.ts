import type { Machine } from '#core/machine.ts';
import type { Kernel } from './input.ts';

/** What a kernel needs so that it protects packets itself: ESP with AES-GCM, and devices that stand for tunnels. */
export const kernelProbe = [
  'ip link set lo up',
  'ip link add probe0 type xfrm dev lo if_id 1',
  'ip xfrm state add src 127.0.0.1 dst 127.0.0.2 proto esp spi 0x100 mode tunnel aead "rfc4106(gcm(aes))" 0x0102030405060708090a0b0c0d0e0f1011121314 128 if_id 1',
].join(' && ');

/**
 * Asks a throw-away namespace who can protect packets. `esp`: the kernel, at nearly the speed of the wire. `libipsec`: strongSwan
 * itself, one packet after the other through a TUN device, which costs most of the throughput.
 */
export async function kernelOf(machine: Pick<Machine, 'exec'>): Promise<Kernel> {
  const { code } = await machine.exec(['unshare', '--net', '--', 'sh', '-c', kernelProbe]);
  return code === 0 ? 'esp' : 'libipsec';
}
