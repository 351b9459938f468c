import type { RoutingInput, RoutingRouter } from './input.ts';

/** `away`: its interface has no address, so that nothing can leave there; nobody is to blame. */
export type HopState = 'up' | 'down' | 'away';
export type States = ReadonlyMap<number, HopState>;

type Member = RoutingRouter['gateways'][number];

export interface Choice {
  readonly used: readonly Member[];
  readonly by: 'gateways' | 'backups' | 'none';
}

/** Which of its routers a router object uses, by what is known of them and by what it used before. */
export function choiceOf(router: RoutingRouter, states: States, before: readonly number[]): Choice {
  const well = (members: readonly Member[]): readonly Member[] =>
    members.filter(({ hop }) => (states.get(hop) ?? 'up') === 'up');
  const main = well(router.gateways);
  const all = main.length >= router.fewest ? main : [...main, ...well(router.backups)];
  const kept = router.failBack
    ? []
    : well([...router.gateways, ...router.backups]).filter((it) => before.includes(it.hop));
  const from = kept.length > 0 ? kept : all;
  const used = router.balanced ? from : from.slice(0, 1);
  if (used.length === 0) return { used, by: 'none' };
  return { used, by: used.some((it) => router.backups.includes(it)) ? 'backups' : 'gateways' };
}

export type Choices = ReadonlyMap<number, Choice>;

export const choicesOf = ({ routers }: Pick<RoutingInput, 'routers'>, states: States, before: Choices): Choices =>
  new Map(
    routers.map((it) => [
      it.number,
      choiceOf(
        it,
        states,
        (before.get(it.number)?.used ?? []).map(({ hop }) => hop),
      ),
    ]),
  );
