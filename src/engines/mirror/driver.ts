import { defineEngine } from '#core/engine.ts';
import { must } from '#core/run.ts';
import { ruleCounters, tablesText } from '../nftables.ts';
import { MirrorInput } from './input.ts';
import { render } from './render.ts';

/** Packet mirroring of one network, replaced in one transaction. */
export const mirrorEngine = defineEngine<MirrorInput>({
  name: 'mirror',
  input: MirrorInput,

  async apply(machine, wanted) {
    const { namespace } = wanted.input;
    await must(machine, wanted.id, ['nft', '-f', '-'], { namespace, stdin: render(wanted.input) });
  },

  async remove(machine, held) {
    await machine.exec(['nft', 'delete', 'table', 'netdev', 'mirror'], { namespace: held.input.namespace });
  },

  fingerprint: (machine, { input }) => tablesText(machine, input.namespace, ['netdev mirror']),

  /** Packets and bytes per policy: `sent` (taken at the sender), `received`, `copy` (the receiver's second copy). */
  async observe(machine, held) {
    const counters = await ruleCounters(machine, held.input.namespace, 'netdev mirror');
    if (counters === undefined) {
      return { artifact: held.id, state: 'failed', detail: 'the mirror table is gone', values: {} };
    }
    const values: Record<string, Record<string, number>> = {};
    for (const { comment, packets, bytes } of counters) {
      const [, policy = '', part = ''] = /^(.+):(sent|received|copy)$/.exec(comment) ?? [];
      const before = values[policy] ?? {};
      values[policy] = {
        ...before,
        [`${part}Packets`]: (before[`${part}Packets`] ?? 0) + packets,
        [`${part}Bytes`]: (before[`${part}Bytes`] ?? 0) + bytes,
      };
    }
    return { artifact: held.id, state: 'ready', values };
  },
});
