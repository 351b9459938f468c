import { randomBytes } from 'node:crypto';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must, scratchUnless } from '#core/run.ts';
import { lookAt } from '../nftables-look.ts';
import { between } from './between.ts';
import { askConnections } from './connections.ts';
import { cutForbidden } from './cut.ts';
import { grantsOf, settleGrants } from './granted.ts';
import { FilterInput } from './input.ts';
import { stateTable } from './marker.ts';
import { formatMark } from './marks.ts';
import { observe } from './observe.ts';
import { clocksChanged, type FilterPlan, forget, planFilter, planWhole, remember } from './plan.ts';
import { queueOf } from './queue.ts';
import { applyQueue, checkQueue, queueText, removeQueue } from './queueing.ts';
import { lockTable, renderRemoval } from './render.ts';
import { steer } from './steer.ts';
import { table } from './text.ts';

type Wanted = Artifact<FilterInput>;

/** Milliseconds that one transaction may take. */
const timeout = 300_000;

// Hours are read in the time zone of nft; read line by line, it would keep a history in its home.
const env = { TZ: 'UTC', HOME: '/dev/null' };

async function transact(machine: Machine, wanted: Wanted, text: string, check = false): Promise<void> {
  const argv = ['nft', ...(check ? ['--check'] : []), '--file', '-'];
  const { code, stderr } = await machine.exec(argv, { namespace: wanted.input.namespace, stdin: text, timeout, env });
  if (code !== 0) throw rejection(wanted, { text, stderr });
}

/** nft names a line; a person needs the rule that it came from: what a rule does carries its number or its key. */
function rejection(
  { id, input }: Wanted,
  { text, stderr }: { readonly text: string; readonly stderr: string },
): Problem {
  const [, lineNumber, said] = /:(\d+):[\d-]+: Error: (.*)/.exec(stderr) ?? [];
  const line = text.split('\n')[Number(lineNumber) - 1] ?? '';
  const rule = input.rules.find((it) => line.includes(formatMark(it.number)) || line.includes(`:${it.id}"`));
  const at = rule?.id ?? id;
  return new Problem('ENGINE_REJECTED', {
    at,
    message: `nft refused ${at}: ${(said ?? stderr.trim()) || 'it gave no reason'}`.slice(0, 2000),
    fix: `Nothing was changed. Correct ${at}, then apply again.`,
    cause: stderr.slice(0, 10_000),
  });
}

/** Written once when the tables are loaded as a whole, and gone with them: counters belong to it. */
const newEpoch = (): string => `add chain ${stateTable} epoch_${randomBytes(8).toString('hex')}\n`;

async function enforce(machine: Machine, wanted: Wanted, plan: FilterPlan): Promise<void> {
  forget(machine, wanted);
  if (plan.text !== '') await transact(machine, wanted, plan.whole ? plan.text + newEpoch() : plan.text);
  remember(machine, wanted, plan);
  // A connection starts with its first packet: one that was cut must not come back by the next one. After the rules,
  // because only they load connection tracking.
  // A machine's own setting stays its own.
  if (plan.whole && wanted.input.others === undefined) {
    const argv = ['sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=0'];
    await must(machine, wanted.id, argv, { namespace: wanted.input.namespace });
  }
  if (plan.text !== '') await settleGrants(machine, wanted, plan.grants);
}

/** Ends connections that would not start any more. */
async function cut(machine: Machine, { input }: Wanted): Promise<void> {
  if (input.cut) await cutForbidden(machine, input, await grantsOf(machine, input.namespace));
}

/**
 * The packet filter and address translation of one gateway, in the nftables of its namespace. Hits count new connections
 * (refused ones: packets) and belong to the rule's number and key: they outlive changes of everything else.
 */
export const filterEngine = defineEngine<FilterInput>({
  name: 'filter',
  input: FilterInput,
  async check(machine, wanted) {
    const place = await scratchUnless(machine, wanted.input.namespace);
    await checkQueue(place, wanted);
    const plan = await planFilter(place, wanted);
    if (plan.text === '') return;
    const whole = async (): Promise<void> => transact(place, wanted, (await planWhole(place, wanted)).text, true);
    if (plan.whole) return whole();
    await transact(place, wanted, plan.text, true).catch(whole);
  },
  async apply(machine, wanted, held) {
    await applyQueue(machine, wanted);
    const plan = await planFilter(machine, wanted, held);
    await enforce(machine, wanted, plan).catch(async (error: unknown) => {
      // What was assumed about the kernel was wrong.
      if (plan.whole) throw error;
      await enforce(machine, wanted, await planWhole(machine, wanted));
    });
    if (held === undefined || queueOf(held.input) !== undefined) await removeQueue(machine, wanted);
    if (plan.text !== '') await cut(machine, wanted);
  },
  async remove(machine, held) {
    forget(machine, held);
    const { code, stdout } = await machine.exec(['nft', 'list', 'tables'], { namespace: held.input.namespace });
    // A namespace that is gone has taken its tables along.
    if (code === 0 && /\bgw(_lock|_state)?\b/.test(stdout)) await transact(machine, held, renderRemoval());
    await removeQueue(machine, { ...held, input: { ...held.input, rules: [] } });
  },
  between,
  async fingerprint(machine, { input }) {
    const { namespace } = input;
    const looked = await lookAt(machine, {
      namespace,
      tables: [table, lockTable, stateTable],
      brief: [`--terse list table ${table}`, `list table ${stateTable}`, `list table ${lockTable}`],
    });
    return queueOf(input) === undefined ? looked : `${looked}\n${await queueText(machine, namespace)}`;
  },
  /** Whatever stands there is replaced as a whole, in one transaction. */
  async repair(machine, held) {
    await applyQueue(machine, held);
    await enforce(machine, held, await planWhole(machine, held));
    await cut(machine, held);
  },
  due: async (machine, held) =>
    clocksChanged(machine, held) ? 'clocks were put forward or back in a time zone of its schedules' : undefined,
  observe,
  steer,
  ask: askConnections,
});
