import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { canonical } from '#lib/hash.ts';
import { dropDevice, hasDevice, plugIn, portSettings } from '../bridge/port.ts';
import { VxlanInput } from './input.ts';

/** Bytes that the tunnel adds to each packet: Ethernet, IPv4, UDP and VXLAN. */
const OVERHEAD = 50;
/** In the forwarding table: where frames go whose receiver is not known. */
const UNKNOWN = '00:00:00:00:00:00';

/**
 * A port of a bridge that leads to bridges of other machines, by VXLAN (RFC 7348). Its frames leave from the machine's own
 * namespace; what nobody knows goes to every peer, so no multicast is needed.
 */
export const vxlanEngine = defineEngine<VxlanInput>({
  name: 'vxlan',
  input: VxlanInput,

  async apply(machine, wanted, held) {
    const { input } = wanted;
    const { namespace, name, peers } = input;
    const kept = held !== undefined && fixed(held.input) === fixed(input) && (await hasDevice(machine, input));
    if (!kept) {
      await dropDevice(machine, held?.input ?? input);
      await dropDevice(machine, input);
      await refuseTooLarge(machine, wanted);
      await addPort(machine, wanted);
    }
    const inside = { namespace };
    const gone = (kept ? held.input.peers : []).filter((it) => !peers.includes(it));
    for (const it of gone) await machine.exec(['bridge', 'fdb', 'del', UNKNOWN, 'dev', name, 'dst', it], inside);
    for (const it of peers) {
      // One that is there already is refused, and there.
      await machine.exec(['bridge', 'fdb', 'append', UNKNOWN, 'dev', name, 'dst', it], inside);
    }
    await plugIn(machine, wanted.id, input);
    const missing = await missingPeers(machine, input);
    if (missing.length === 0) return;
    const message = `the tunnel does not take ${missing.join(', ')} as a peer`;
    throw new Problem('ENGINE_FAILED', { at: wanted.id, message, fix: 'The previous state was restored.' });
  },

  async remove(machine, { input }) {
    await dropDevice(machine, input);
  },

  async fingerprint(machine, { id, input }) {
    const also = [/vxlan id \d+/, /dstport \d+/];
    const settings = await portSettings(machine, id, { port: input, also });
    const missing = await missingPeers(machine, input);
    return [...settings, ...missing].join('\n');
  },

  async observe(machine, { id, input }) {
    if (await hasDevice(machine, input)) return { artifact: id, state: 'ready', values: {} };
    return { artifact: id, state: 'failed', detail: 'the tunnel to other machines is gone', values: {} };
  },
});

type Wanted = Artifact<VxlanInput>;

/** What a living device cannot change. */
const fixed = ({ peers: _, mtu: __, alias: ___, ...rest }: VxlanInput): string => canonical(rest);

async function missingPeers(machine: Machine, { namespace, name, peers }: VxlanInput): Promise<string[]> {
  const { stdout } = await machine.exec(['bridge', 'fdb', 'show', 'dev', name], { namespace });
  return peers.filter((it) => !stdout.includes(`${UNKNOWN} dst ${it} `));
}

/** Packets that must be cut in pieces on the way are lost sooner or later, and nobody finds out why. */
async function refuseTooLarge(machine: Machine, { id, input }: Wanted): Promise<void> {
  for (const peer of input.peers) {
    const { code, stdout } = await machine.exec(['ip', '-4', '-o', 'route', 'get', peer]);
    const device = / dev (\S+)/.exec(stdout)?.[1];
    if (code !== 0 || device === undefined)
      throw new Problem('UNMET', {
        at: id,
        message: `this machine has no way to ${peer}`,
        fix: 'Name addresses of machines that it reaches.',
      });
    const link = await machine.exec(['ip', '-o', 'link', 'show', 'dev', device]);
    const largest = Number(/ mtu (\d+)/.exec(link.stdout)?.[1]) - OVERHEAD;
    if (input.mtu <= largest) continue;
    throw new Problem('CONFLICTING', {
      at: id,
      message: `on the way to ${peer}, ${device} carries packets of ${largest} bytes at most in a tunnel; the segment has ${input.mtu}`,
      fix: `Set \`mtu: ${largest}\` on the segment, on every machine.`,
    });
  }
}

async function addPort(machine: Machine, { id, input }: Wanted): Promise<void> {
  const { namespace, name, local, port } = input;
  const { code, stderr } = await machine.exec([
    ...['ip', 'link', 'add', 'name', name, 'netns', machine.namespace(namespace)],
    ...['type', 'vxlan', 'id', String(input.id), 'dstport', String(port)],
    ...(local === undefined ? [] : ['local', local]),
  ]);
  if (code === 0) return;
  if (/Unknown device type|not supported/i.test(stderr))
    throw new Problem('HOST_UNFIT', {
      at: id,
      message: 'this kernel has no VXLAN',
      fix: 'Use a kernel that has it: Debian’s own does.',
    });
  throw new Problem('ENGINE_FAILED', {
    at: id,
    message: `no tunnel could be made: ${stderr.trim()}`,
    fix: 'Something else on this machine may have that id and port: `ip -d link show type vxlan` lists tunnels.',
  });
}
