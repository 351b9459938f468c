import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';

export interface RuleCounter {
  readonly comment: string;
  readonly packets: number;
  readonly bytes: number;
}

interface Listed {
  readonly rule?: {
    readonly comment?: string;
    readonly expr: readonly { readonly counter?: { readonly packets: number; readonly bytes: number } }[];
  };
}

/** The counters of all commented rules of a table, `table` as in "ip nat"; undefined when the table is not there. */
export async function ruleCounters(
  machine: Machine,
  namespace: string,
  table: string,
): Promise<readonly RuleCounter[] | undefined> {
  const { code, stdout } = await machine.exec(['nft', '-j', 'list', 'table', ...table.split(' ')], { namespace });
  if (code !== 0) return undefined;
  return (JSON.parse(stdout) as { nftables: Listed[] }).nftables.flatMap(({ rule }) => {
    const counter = rule?.expr.find((part) => part.counter !== undefined)?.counter;
    return rule?.comment === undefined || counter === undefined ? [] : [{ comment: rule.comment, ...counter }];
  });
}

/**
 * What the tables of ours hold, without what changes by itself: handles, counters, and elements that packets add to
 * dynamic sets. Throws when a table is not there.
 */
export async function tablesText(machine: Machine, namespace: string, tables: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const table of tables) {
    const { stdout } = await must(machine, table, ['nft', '-s', '-j', 'list', 'table', ...table.split(' ')], {
      namespace,
    });
    const { nftables } = JSON.parse(stdout) as { nftables: readonly Readonly<Record<string, object>>[] };
    parts.push(JSON.stringify(nftables.filter((it) => it['metainfo'] === undefined).map(steady)));
  }
  return parts.join('\n');
}

/** One listed object as it stays until somebody changes it. Elements of a hash have no order that lasts. */
function steady(listed: Readonly<Record<string, object>>): unknown {
  const fleeting = Object.values(listed).some((it) => 'flags' in it && /timeout|dynamic/.test(String(it.flags)));
  return JSON.parse(
    JSON.stringify(listed, (key, value: unknown) => {
      if (key === 'handle' || key === 'packets' || key === 'bytes' || key === 'expires') return undefined;
      if (key !== 'elem' || !Array.isArray(value)) return value;
      return fleeting ? undefined : value.map((it) => JSON.stringify(it)).sort();
    }),
  ) as unknown;
}
