import { defineEngine } from '#core/engine.ts';
import { must } from '#core/run.ts';
import { ruleCounters, tablesText } from '../nftables.ts';
import { NatInput } from './input.ts';
import { render } from './render.ts';

/** Address translation of one network; one table, replaced in one transaction. Living connections keep their address. */
export const natEngine = defineEngine<NatInput>({
  name: 'nat',
  input: NatInput,

  async apply(machine, wanted) {
    const { namespace } = wanted.input;
    await must(machine, wanted.id, ['nft', '-f', '-'], { namespace, stdin: render(wanted.input) });
  },

  async remove(machine, held) {
    await machine.exec(['nft', 'delete', 'table', 'ip', 'nat'], { namespace: held.input.namespace });
  },

  fingerprint: (machine, { input }) => tablesText(machine, input.namespace, ['ip nat']),

  /**
   * A public address that moves leads nowhere while the firewall changes: for a moment it would lead to the old host by
   * the new rules, or to the new host by the old ones.
   */
  between(held, wanted) {
    const now = new Set(wanted.statics.map(mapping));
    const both = held.statics.filter((it) => now.has(mapping(it)));
    if (both.length === held.statics.length || held.namespace !== wanted.namespace) return undefined;
    return { ...held, statics: both };
  },

  /** New connections and their first packets' bytes per translation. */
  async observe(machine, held) {
    const counters = await ruleCounters(machine, held.input.namespace, 'ip nat');
    if (counters === undefined) {
      return { artifact: held.id, state: 'failed', detail: 'the NAT table is gone', values: {} };
    }
    const values: Record<string, { connections: number }> = {};
    for (const { comment, packets } of counters) {
      values[comment] = { connections: (values[comment]?.connections ?? 0) + packets };
    }
    return { artifact: held.id, state: 'ready', values };
  },
});

const mapping = ({ inside, outside }: NatInput['statics'][number]): string => `${outside} ${inside}`;
