import type { Machine } from '#core/machine.ts';
import type { CountName } from './model.ts';
import { table } from './text.ts';

export interface Counter {
  readonly packets: number;
  readonly bytes: number;
}

export type Counts = Readonly<Record<CountName, ReadonlyMap<number, Counter>>>;

interface Listed {
  readonly set?: {
    readonly elem?: readonly { readonly elem?: { readonly val: unknown; readonly counter?: Counter } }[];
  };
}

/** What was counted, by number; undefined when it cannot be read. */
export async function countsOf(machine: Machine, namespace: string): Promise<Counts | undefined> {
  const read = async (name: CountName): Promise<ReadonlyMap<number, Counter> | undefined> => {
    const argv = ['nft', '-j', 'list', 'set', ...table.split(' '), name];
    const { code, stdout } = await machine.exec(argv, { namespace });
    if (code !== 0) return undefined;
    const elements = (JSON.parse(stdout) as { nftables: Listed[] }).nftables.flatMap((it) => it.set?.elem ?? []);
    return new Map(
      elements.flatMap(({ elem }) => (elem?.counter === undefined ? [] : [[Number(elem.val), elem.counter] as const])),
    );
  };
  const [hits, passed, others] = [await read('hits'), await read('passed'), await read('others')];
  return hits === undefined || passed === undefined || others === undefined ? undefined : { hits, passed, others };
}
