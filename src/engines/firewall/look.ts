import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { tablesText } from '../nftables.ts';
import { lockTable, stateTable } from './base.ts';
import type { FirewallInput } from './input.ts';
import { table } from './text.ts';

/** A listing that takes longer than this many milliseconds is not made at every look. */
const quick = 1000;
/** Then looking takes one part in so many of the time. */
const share = 50;

interface Look {
  readonly brief: string;
  readonly whole: string;
  /** When it was made and how long the whole listing took, in milliseconds. */
  readonly at: number;
  readonly took: number;
}

const looks = new Map<string, Look>();

export const forgetLook = (place: string): boolean => looks.delete(place);

/**
 * What the tables of ours hold, without counters. Neither nft nor /proc tells the kernel's generation, so a change can
 * only be found by listing. At ten thousand rules that takes a second and more, so all chains and what decides which
 * classes are in force are listed at every look, and the elements of the other maps as often as is cheap: there, about
 * once a minute.
 */
export async function tablesLook(machine: Machine, { input }: Artifact<FirewallInput>): Promise<string> {
  const place = machine.namespace(input.namespace);
  const last = looks.get(place);
  const slow = last !== undefined && last.took > quick;
  const brief = slow ? await briefly(machine, input.namespace) : '';
  const began = performance.now();
  if (slow && last.brief === brief && began - last.at < share * last.took) return last.whole;
  const whole = anyEpoch(await tablesText(machine, input.namespace, [table, lockTable, stateTable]));
  const now = performance.now();
  looks.set(place, { brief, whole, at: now, took: now - began });
  return whole;
}

/** Tables that were loaded anew hold the same as before, whenever that was. */
const anyEpoch = (text: string): string => text.replaceAll(/epoch_[0-9a-f]+/g, 'epoch');

async function briefly(machine: Machine, namespace: string): Promise<string> {
  const parts: string[] = [];
  // One process each: nft 1.0.6 does not find the objects of several lists in one run. All chains at once, because for
  // one of them it reads them all.
  for (const words of [
    `--terse list table ${table}`,
    `list map ${table} egress_of`,
    `list map ${table} ingress_of`,
    `list table ${stateTable}`,
    `list table ${lockTable}`,
  ]) {
    const { stdout } = await must(machine, table, ['nft', '-s', ...words.split(' ')], { namespace });
    if (words.startsWith('--terse')) {
      parts.push(stdout);
      continue;
    }
    // Elements of a hash have no order that lasts.
    parts.push(
      stdout
        .split(/[\n,{}]/)
        .map((it) => it.trim())
        .sort()
        .join('\n'),
    );
  }
  return anyEpoch(parts.join('\n'));
}
