import { readdir, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { canonical } from '#lib/hash.ts';
import { dropDevice, hasDevice, plugIn, portSettings } from '../bridge/port.ts';
import { BridgeUplinkInput } from './input.ts';

/**
 * A machine's own interface as a port of a bridge: one 802.1Q network of it, or what it carries untagged. The interface
 * itself never leaves the machine's namespace: the port is a device on top of it (a VLAN, or a macvlan that passes
 * everything through), so that it is whole again the moment the port is gone, whatever took it away. Several VLANs and the
 * untagged frames of one interface may lead to a segment each.
 */
export const bridgeUplinkEngine = defineEngine<BridgeUplinkInput>({
  name: 'bridge-uplink',
  input: BridgeUplinkInput,

  async apply(machine, wanted, held) {
    const { input } = wanted;
    const kept = held !== undefined && canonical(held.input) === canonical(input) && (await hasDevice(machine, input));
    if (!kept) {
      await dropPort(machine, held?.input ?? input);
      await dropPort(machine, input);
      await refuseUnfit(machine, wanted);
      await raise(machine, wanted);
      await addPort(machine, wanted);
    }
    await plugIn(machine, wanted.id, input);
  },

  async remove(machine, { input }) {
    await dropPort(machine, input);
  },

  async fingerprint(machine, { id, input }) {
    const also = [/macvlan mode \w+/, /vlan protocol \S+ id \d+/];
    return (await portSettings(machine, id, { port: input, also })).join('\n');
  },

  async observe(machine, { id, input }) {
    if (!(await hasDevice(machine, input)))
      return { artifact: id, state: 'failed', detail: `the port on ${input.interface} is gone`, values: {} };
    const { stdout } = await machine.exec(['ip', '-o', 'link', 'show', 'dev', input.interface]);
    const carrier = !stdout.includes('NO-CARRIER');
    return {
      artifact: id,
      state: 'ready',
      ...(carrier ? {} : { detail: `${input.interface} has no carrier` }),
      values: {},
    };
  },
});

type Wanted = Artifact<BridgeUplinkInput>;

/** Never the machine's own way in: what it uses itself is its own. */
async function refuseUnfit(machine: Machine, { id, input }: Wanted): Promise<void> {
  const show = await machine.exec(['ip', '-o', '-d', 'link', 'show', 'dev', input.interface]);
  const refuse = (code: 'UNMET' | 'CONFLICTING', message: string, fix: string): never => {
    throw new Problem(code, { at: id, message, fix });
  };
  if (show.code !== 0)
    refuse(
      'UNMET',
      `this machine has no interface ${input.interface}`,
      '`ip link` lists what it has. Name one of those in the segment’s `uplink`.',
    );
  const mtu = Number(/ mtu (\d+)/.exec(show.stdout)?.[1]);
  if (mtu < input.mtu)
    refuse(
      'CONFLICTING',
      `${input.interface} carries packets of ${mtu} bytes at most, the segment has ${input.mtu}`,
      `Set \`mtu: ${mtu}\` on the segment, or a larger one on the interface.`,
    );
  if (input.vlan !== 0) return;
  const master = / master (\S+)/.exec(show.stdout)?.[1];
  const { stdout } = await machine.exec(['ip', '-4', '-o', 'addr', 'show', 'dev', input.interface]);
  const own = / inet (\S+)/.exec(stdout)?.[1];
  if (master !== undefined || own !== undefined)
    refuse(
      'CONFLICTING',
      `the machine uses ${input.interface} itself (${own ?? `port of ${master}`})`,
      'Name an interface without an address, or one `vlan` of this one: the machine would lose what is untagged on it.',
    );
}

/** An interface that was down is so again when the last port on it goes. */
const notesOf = (machine: Machine, name: string): string => `${machine.run}/bridge-uplink/${name}`;
const WAS_DOWN = 'was-down';

async function raise(machine: Machine, { id, input }: Wanted): Promise<void> {
  const { stdout } = await machine.exec(['ip', '-o', 'link', 'show', 'dev', input.interface]);
  const notes = notesOf(machine, input.interface);
  if (!/[<,]UP[,>]/.test(stdout)) await machine.writeFile(`${notes}/${WAS_DOWN}`, '');
  await machine.writeFile(`${notes}/${input.namespace}`, '');
  await must(machine, id, ['ip', 'link', 'set', input.interface, 'up']);
}

async function addPort(machine: Machine, { id, input }: Wanted): Promise<void> {
  const words = input.vlan === 0 ? ['type', 'macvlan', 'mode', 'passthru'] : ['type', 'vlan', 'id', String(input.vlan)];
  const place = ['name', input.name, 'netns', machine.namespace(input.namespace)];
  const { code, stderr } = await machine.exec(['ip', 'link', 'add', 'link', input.interface, ...place, ...words]);
  if (code === 0) return;
  await dropPort(machine, input);
  if (/Unknown device type|not supported/i.test(stderr))
    throw new Problem('HOST_UNFIT', {
      at: id,
      message: `this kernel has no ${input.vlan === 0 ? 'macvlan' : '802.1Q (VLAN) devices'}`,
      fix:
        input.vlan === 0
          ? 'Use a kernel that has it: Debian’s own does.'
          : 'Use a kernel that has them (Debian’s own does), or an interface that carries this network untagged.',
    });
  throw new Problem('ENGINE_FAILED', {
    at: id,
    message: `no port could be made on ${input.interface}: ${stderr.trim()}`,
    fix: 'The previous state was restored. Something else may have the interface: `ip -d link` shows what is on it.',
  });
}

async function dropPort(machine: Machine, input: BridgeUplinkInput): Promise<void> {
  await dropDevice(machine, input);
  const notes = notesOf(machine, input.interface);
  await rm(`${notes}/${input.namespace}`, { force: true });
  const left: string[] = await readdir(notes).catch(() => []);
  if (left.some((it) => it !== WAS_DOWN)) return;
  if (left.includes(WAS_DOWN)) await machine.exec(['ip', 'link', 'set', input.interface, 'down']);
  await rm(notes, { recursive: true, force: true });
  await machine.exec(['rmdir', '--ignore-fail-on-non-empty', `${machine.run}/bridge-uplink`]);
}
