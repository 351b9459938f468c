import type { Machine } from '#core/machine.ts';

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
