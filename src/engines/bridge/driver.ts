import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { BridgeInput } from './input.ts';

/**
 * Plain switches: learning, no spanning tree, multicast to every port. Ports come and go with their links. A filter of
 * the namespace sees no bridged frame: what crosses a segment is nobody's to judge.
 */
export const bridgeEngine = defineEngine<BridgeInput>({
  name: 'bridge',
  input: BridgeInput,

  async apply(machine, wanted, held) {
    const { namespace, name, alias, mac, mtu, addresses, router } = wanted.input;
    const inside = { namespace };
    // Kernels differ in whether they have these, and in what they begin with.
    await must(machine, wanted.id, ['sysctl', '-q', '-e', '-w', ...bridgeFilters.map((it) => `${it}=0`)], inside);
    if (held === undefined && (await typeOf(machine, wanted.input)) === 'other')
      await must(machine, wanted.id, ['ip', 'link', 'delete', name], inside);
    if ((await typeOf(machine, wanted.input)) === 'none')
      await must(machine, wanted.id, ['ip', 'link', 'add', name, 'type', 'bridge'], inside);
    const there = await addressesOf(machine, wanted.input);
    const batch = [
      `link set ${name} type bridge stp_state 0 mcast_snooping 0 forward_delay 0`,
      `link set ${name} address ${mac} mtu ${mtu}`,
      ...(alias === '' ? [] : [`link set ${name} alias ${alias}`]),
      ...there.filter((it) => !addresses.includes(it)).map((it) => `addr del ${it} dev ${name}`),
      ...addresses.map((it) => `addr replace ${it} dev ${name} brd +`),
      `link set ${name} up`,
    ];
    if (router !== undefined) batch.push(`route replace default via ${router} dev ${name} onlink`);
    else if (held?.input.router !== undefined || held === undefined)
      await machine.exec(['ip', 'route', 'del', 'default', 'dev', name], inside);
    await must(machine, wanted.id, ['ip', '-batch', '-'], { ...inside, stdin: `${batch.join('\n')}\n` });
  },

  async remove(machine, { input }) {
    if ((await typeOf(machine, input)) === 'bridge')
      await machine.exec(['ip', 'link', 'delete', input.name], { namespace: input.namespace });
  },

  async fingerprint(machine, { id, input }) {
    const { namespace, name } = input;
    const link = await must(machine, id, ['ip', '-o', '-d', 'link', 'show', 'dev', name], { namespace });
    const filters = await machine.exec(['sysctl', '-e', ...bridgeFilters], { namespace });
    const settings = [/mtu \d+/, /link\/ether \S+/, /stp_state \d/, /mcast_snooping \d/, /vlan_filtering \d/];
    return [
      /[<,]UP[,>]/.test(link.stdout),
      ...settings.map((it) => it.exec(link.stdout)?.[0]),
      ...(await addressesOf(machine, input)),
      (await machine.exec(['ip', '-4', 'route', 'show', 'default', 'dev', name], { namespace })).stdout.trim(),
      filters.stdout.trim(),
    ].join('\n');
  },

  async observe(machine, { id, input }) {
    const up = (await typeOf(machine, input)) === 'bridge';
    return {
      artifact: id,
      state: up ? 'ready' : 'failed',
      ...(up ? {} : { detail: 'the bridge is gone' }),
      values: {},
    };
  },
});

/** Whether frames that only cross a bridge are shown to packet filters; some kernels begin with yes. */
const bridgeFilters = ['iptables', 'ip6tables', 'arptables'].map((it) => `net.bridge.bridge-nf-call-${it}`);

async function typeOf(machine: Machine, { namespace, name }: BridgeInput): Promise<'bridge' | 'other' | 'none'> {
  const { code, stdout } = await machine.exec(['ip', '-o', '-d', 'link', 'show', 'dev', name], { namespace });
  if (code !== 0) return 'none';
  return /\bbridge forward_delay\b/.test(stdout) ? 'bridge' : 'other';
}

async function addressesOf(machine: Machine, { namespace, name }: BridgeInput): Promise<string[]> {
  const { stdout } = await machine.exec(['ip', '-4', '-o', 'addr', 'show', 'dev', name], { namespace });
  return [...stdout.matchAll(/ inet ([\d./]+)/g)].map(([, it]) => it ?? '').sort();
}
