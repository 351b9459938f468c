import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { NamespaceInput } from './input.ts';

/** Network namespaces: the walls of the fabric. Equal to `ip netns add`, so `ip netns` lists them. */
export const namespaceEngine = defineEngine<NamespaceInput>({
  name: 'namespace',
  input: NamespaceInput,

  async apply(machine, wanted, held) {
    const { name, sysctls, addresses, blackholes } = wanted.input;
    if (!(await exists(machine, name))) await must(machine, wanted.id, ['ip', 'netns', 'add', machine.namespace(name)]);
    const inside = { namespace: name };
    // IPv6 is off before anything can be attached: an inet ruleset is not the only lock.
    const settings = Object.entries({
      'net.ipv6.conf.all.disable_ipv6': 1,
      'net.ipv6.conf.default.disable_ipv6': 1,
      ...sysctls,
    }).map(([key, value]) => `${key}=${value}`);
    await must(machine, wanted.id, ['sysctl', '-q', '-w', ...settings], inside);
    const gone = (before: readonly string[] | undefined, now: readonly string[]) =>
      (before ?? []).filter((it) => !now.includes(it));
    const batch = [
      'link set lo up',
      ...gone(held?.input.addresses, addresses).map((it) => `addr del ${it} dev lo`),
      ...gone(held?.input.blackholes, blackholes).map((it) => `route del blackhole ${it}`),
      ...addresses.map((it) => `addr replace ${it} dev lo`),
      ...blackholes.map((it) => `route replace blackhole ${it}`),
    ];
    await must(machine, wanted.id, ['ip', '-force', '-batch', '-'], { ...inside, stdin: `${batch.join('\n')}\n` });
  },

  async remove(machine, held) {
    if (!(await exists(machine, held.input.name))) return;
    await must(machine, held.id, ['ip', 'netns', 'delete', machine.namespace(held.input.name)]);
  },

  async observe(machine, held) {
    const up = await exists(machine, held.input.name);
    return {
      artifact: held.id,
      state: up ? 'ready' : 'failed',
      ...(up ? {} : { detail: 'the network namespace is gone' }),
      values: {},
    };
  },
});

async function exists(machine: Machine, name: string): Promise<boolean> {
  const { stdout } = await machine.exec(['ip', 'netns', 'list']);
  return stdout.split('\n').some((line) => line.split(' ')[0] === machine.namespace(name));
}
