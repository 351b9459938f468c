import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { type Counter, type Counts, countsOf } from './counts.ts';
import type { FilterInput } from './input.ts';
import { parseMarker, stateTable } from './marker.ts';
import { clocksChanged, compiled } from './plan.ts';
import { holdsOf } from './render.ts';

const none: Counter = { packets: 0, bytes: 0 };

/**
 * Of each rule: hits (new connections; refused ones: packets), packets and bytes both ways. Of all else: hits. Of the
 * gateway: connections now and at most.
 */
export async function observe(machine: Machine, held: Artifact<FilterInput>): Promise<Observation> {
  const { input } = held;
  const at = { namespace: input.namespace };
  const state = await machine.exec(['nft', 'list', 'table', ...stateTable.split(' ')], at);
  const counts = await countsOf(machine, input.namespace);
  const model = compiled(input);
  const epoch = /chain epoch_([0-9a-f]+)/.exec(state.stdout)?.[1];
  // Those that go by other clocks are soon loaded, see `due`.
  const loaded =
    state.code === 0 && (parseMarker(state.stdout)?.holds === holdsOf(model) || clocksChanged(machine, held));
  const detail = loaded
    ? counts === undefined
      ? 'the counters cannot be read'
      : undefined
    : /chain holds_/.test(state.stdout)
      ? 'the loaded rules are not the wanted ones'
      : 'no rules of ours are loaded';
  return {
    artifact: held.id,
    state: detail === undefined ? 'ready' : 'failed',
    ...(detail === undefined ? {} : { detail }),
    values: {
      ...(counts === undefined ? {} : valuesOf(input, compiled(input).counts.others, counts)),
      [input.owner]: await connectionsOf(machine, input.namespace),
    },
    ...(epoch === undefined ? {} : { epoch }),
  };
}

function valuesOf(
  input: FilterInput,
  others: ReadonlyMap<number, string>,
  counts: Counts,
): Record<string, Record<string, number>> {
  const values: Record<string, Record<string, number>> = {};
  for (const { id, number } of input.rules) {
    const [first, rest] = [counts.hits.get(number) ?? none, counts.passed.get(number) ?? none];
    values[id] = { hits: first.packets, packets: first.packets + rest.packets, bytes: first.bytes + rest.bytes };
  }
  for (const [number, key] of others) values[key] = { hits: counts.others.get(number)?.packets ?? 0 };
  return values;
}

/** Connections now, at most, and those that were refused because the table was full or two began the same one. */
async function connectionsOf(machine: Machine, namespace: string): Promise<Record<string, number>> {
  const names = ['net.netfilter.nf_conntrack_count', 'net.netfilter.nf_conntrack_max'];
  const { stdout } = await machine.exec(['sysctl', '-n', ...names], { namespace });
  const [connections = 0, connectionsMax = 0] = stdout.trim().split('\n').map(Number);
  const told = await machine.exec(['conntrack', '-S'], { namespace });
  return { connections, connectionsMax, connectionsRefused: refusedConnections(told.stdout) };
}

/** Reads `conntrack -S`, a line for each processor. */
export const refusedConnections = (text: string): number =>
  [...text.matchAll(/\b(?:drop|insert_failed)=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
