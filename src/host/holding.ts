import type { Artifact } from '#core/artifact.ts';
import type { HoldRequest } from '#core/host.ts';
import { Problem } from '#core/problem.ts';
import type { Engines } from './engines.ts';
import type { Holding } from './journal.ts';

/** What could not be done on the way back. */
export interface Unfinished {
  readonly remains: readonly Artifact[];
  readonly doubtful: readonly string[];
}

/** Every input is judged by its engine's schema before anything is done with it. */
export function judged(artifacts: HoldRequest['artifacts'], engines: Engines): Artifact[] {
  const all = artifacts.map((it) => {
    const engine = engines.get(it.engine);
    const parsed = engine?.input.safeParse(it.input);
    if (parsed?.success === true) return { ...it, input: parsed.data as unknown };
    const issue = parsed?.error?.issues[0];
    throw new Problem('INVALID_REQUEST', {
      at: it.id,
      message:
        engine === undefined
          ? `there is no engine ${it.engine}`
          : `its input is not what ${it.engine} takes: ${issue?.path.join('.')}: ${issue?.message}`,
      fix: 'Control and host must be of the same version; restart both.',
    });
  });
  keepOff(all);
  return all;
}

/** What may stand in the machine's own namespace: what a firewall is made of, and nothing that runs programs or makes links. */
const firewallEngines: readonly string[] = ['namespace', 'filter', 'routing', 'ulogd'];

function keepOff(artifacts: readonly Artifact[]): void {
  const own = artifacts.flatMap(({ engine, input }) => {
    const { name, host } = (input ?? {}) as { readonly name?: unknown; readonly host?: unknown };
    return engine === 'namespace' && host === true ? [String(name)] : [];
  });
  const stranger = artifacts.find(
    ({ engine, input }) =>
      !firewallEngines.includes(engine) && own.some((it) => JSON.stringify(input).includes(`"${it}"`)),
  );
  if (stranger === undefined) return;
  throw new Problem('INVALID_REQUEST', {
    at: stranger.id,
    message: `${stranger.engine} has no business in the machine’s own namespace`,
    fix: 'Only the filter of a gateway with `attach: host` stands there.',
  });
}

/** Of those that are not held any more, the ones with something to delete for good. */
export function lost(engines: Engines, before: readonly Artifact[], after: readonly Artifact[]): Artifact[] {
  const kept = new Set(after.map((it) => it.id));
  return before.filter((it) => !kept.has(it.id) && engines.get(it.engine)?.discard !== undefined);
}

export const merged = (holding: Holding, left: Unfinished): Unfinished => ({
  remains: [...(holding.remains ?? []), ...left.remains],
  doubtful: [...new Set([...(holding.doubtful ?? []), ...left.doubtful])],
});

export const nothingPending = (revision: number): Problem =>
  new Problem('NOT_FOUND', {
    at: `revision ${revision}`,
    message: 'it does not wait for a confirmation',
    fix: '`vauban history` shows which revision is in force.',
  });

export const waits = (revision: number): Problem =>
  new Problem('CHANGE_IN_PROGRESS', {
    at: `revision ${revision}`,
    message: 'a change waits for its confirmation',
    fix: 'Confirm it with `vauban confirm`, or take it back with `vauban rollback`.',
  });
