import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { tablesText } from './nftables.ts';

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

/** `place`: full name of the namespace. */
export const forgetLook = (place: string): boolean => looks.delete(place);

export interface Looked {
  readonly namespace: string;
  /** The tables of ours. */
  readonly tables: readonly string[];
  /** What follows `nft -s` in the listings that are cheap: all chains, and what decides which of them are in force. */
  readonly brief: readonly string[];
}

/**
 * What tables of ours hold, without counters. Neither nft nor /proc tells the kernel's generation, so a change can only be
 * found by listing. At ten thousand rules that takes a second and more, so what is brief is listed at every look, and the
 * elements of all maps as often as is cheap: there, about once a minute.
 */
export async function lookAt(machine: Machine, looked: Looked): Promise<string> {
  const place = machine.namespace(looked.namespace);
  const last = looks.get(place);
  const slow = last !== undefined && last.took > quick;
  const brief = slow ? await briefly(machine, looked) : '';
  const began = performance.now();
  if (slow && last.brief === brief && began - last.at < share * last.took) return last.whole;
  const whole = anyEpoch(await tablesText(machine, looked.namespace, looked.tables));
  const now = performance.now();
  looks.set(place, { brief, whole, at: now, took: now - began });
  return whole;
}

/** Tables that were loaded anew hold the same as before, whenever that was. */
const anyEpoch = (text: string): string => text.replaceAll(/epoch_[0-9a-f]+/g, 'epoch');

async function briefly(machine: Machine, { namespace, brief }: Looked): Promise<string> {
  const parts: string[] = [];
  // One process each: nft 1.0.6 does not find the objects of several lists in one run. All chains at once, because for
  // one of them it reads them all.
  for (const words of brief) {
    const { stdout } = await must(machine, words, ['nft', '-s', ...words.split(' ')], { namespace });
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
