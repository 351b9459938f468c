import { randomBytes } from 'node:crypto';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { Machine, RunOptions } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must, scratchUnless } from '#core/run.ts';
import { stateTable } from './base.ts';
import { canForbid, cutFlows } from './cut.ts';
import { impliedRules } from './evaluate.ts';
import { FirewallInput } from './input.ts';
import { tablesLook } from './look.ts';
import { epochText, parseEpoch, parseMarker } from './marker.ts';
import { formatNumber, impliedNumber, numberRules } from './numbers.ts';
import { compiled, type FirewallPlan, forget, planFirewall, remember } from './plan.ts';
import { readCounters } from './readback.ts';
import { renderRemoval, renderWhole } from './render.ts';
import { table } from './text.ts';

export { planFirewall } from './plan.ts';

type Wanted = Artifact<FirewallInput>;

/** Milliseconds that one transaction may take. */
const timeout = 300_000;

// Read line by line, nft would keep a history in its home.
const env = { HOME: '/dev/null' };

const nft = (
  machine: Machine,
  { input }: Wanted,
  argv: readonly string[],
  options: Pick<RunOptions, 'stdin' | 'done'> = {},
) => machine.exec(['nft', ...argv], { ...options, namespace: input.namespace, timeout, env });

async function transact(machine: Machine, wanted: Wanted, text: string, check = false): Promise<void> {
  const { code, stderr } = await nft(machine, wanted, [...(check ? ['--check'] : []), '--file', '-'], { stdin: text });
  if (code !== 0) throw rejection(wanted, { text, stderr });
}

/** nft names a line; a person needs the rule that it came from: every line about a rule carries its number. */
function rejection(wanted: Wanted, { text, stderr }: { readonly text: string; readonly stderr: string }): Problem {
  const [, lineNumber, said] = /:(\d+):[\d-]+: Error: (.*)/.exec(stderr) ?? [];
  const line = text.split('\n')[Number(lineNumber) - 1] ?? '';
  const ids = [...numberRules(wanted.input.rules)].filter(([id, number]) => {
    const hex = formatNumber(number);
    return line.includes(hex) || line.includes(`lower_${hex.slice(2)}`) || line.includes(`:${id}"`);
  });
  const at = ids[0]?.[0] ?? wanted.id;
  return new Problem('ENGINE_REJECTED', {
    at,
    message: `nft refused ${at}: ${(said ?? stderr.trim()) || 'it gave no reason'}`.slice(0, 2000),
    fix: `Nothing was changed. Correct ${at}, then apply again.`,
    cause: stderr.slice(0, 10_000),
  });
}

/**
 * A TCP connection starts with its first packet. Otherwise a connection that was cut would come back by the next packet
 * of the side that may talk, and be let in both ways as its reply.
 */
const refuseMidStream = (machine: Machine, { id, input: { namespace } }: Wanted) =>
  must(machine, id, ['sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=0'], { namespace });

const newEpoch = (): string => epochText(randomBytes(8).toString('hex'));

/** Runs the transactions of a plan; the first that fails is the last. */
async function execute(machine: Machine, wanted: Wanted, { transactions, proof }: FirewallPlan): Promise<void> {
  const [first] = transactions;
  if (first === undefined) return;
  if (first.phase === 'replace') return transact(machine, wanted, first.text + newEpoch());
  // One process for all: nft reads commands line by line, and each is a transaction of its own. After one that failed it
  // goes on, but every transaction begins by asking for the mark that the one before has left.
  const files = transactions.map(({ phase, text }) => ({
    path: `${machine.run}/firewall/${wanted.input.namespace}.${phase}.nft`,
    text,
  }));
  for (const { path, text } of files) await machine.writeFile(path, text);
  // The kernel lets nft end only after it has freed what was deleted, which takes several times as long as all the rest.
  // So it is asked for the mark of the last transaction, and nobody waits for its end.
  const lines = [...files.map(({ path }) => `include "${path}"\n`), `list table ${stateTable}\n`];
  const { code, stderr } = await nft(machine, wanted, ['--interactive'], {
    stdin: lines.join(''),
    ...(proof === undefined ? {} : { done: ({ stdout }) => stdout.includes(proof) }),
  });
  if (code === 0 && !/error/i.test(stderr)) return;
  const culprit = files.find(({ path }) => stderr.includes(path)) ?? files[0];
  throw rejection(wanted, { text: culprit?.text ?? '', stderr });
}

/** Brings the rules about; what was assumed about the kernel and turns out wrong is read, and planned again. */
async function enforce(machine: Machine, wanted: Wanted, held: Wanted | undefined): Promise<FirewallPlan> {
  const plan = await planFirewall(machine, wanted, held);
  forget(machine, wanted);
  try {
    await execute(machine, wanted, plan);
  } catch (error) {
    if (!plan.assumed) throw error;
    return enforce(machine, wanted, undefined);
  }
  remember(machine, wanted, plan);
  return plan;
}

async function observe(machine: Machine, held: Wanted): Promise<Observation> {
  const { input } = held;
  const state = await nft(machine, held, ['list', 'table', ...stateTable.split(' ')]);
  const marker = state.code === 0 ? parseMarker(state.stdout) : undefined;
  const epoch = parseEpoch(state.stdout);
  const unread: string[] = [];
  const list = async (name: string) => {
    const { code, stdout } = await nft(machine, held, ['-j', 'list', 'set', ...table.split(' '), name]);
    if (code !== 0) unread.push(name);
    return readCounters(stdout);
  };
  const egress = await list('hits_egress');
  const ingress = await list('hits_ingress');
  const denied = await list('denied_to');
  const numbers = numberRules(input.rules);
  const values: Record<string, Record<string, number>> = {};
  for (const { id, direction } of input.rules) {
    const key = formatNumber(numbers.get(id) ?? impliedNumber);
    values[id] = { hits: (direction === 'egress' ? egress : ingress).get(key) ?? 0 };
  }
  values[impliedRules.egress] = { hits: egress.get(formatNumber(impliedNumber)) ?? 0 };
  values[impliedRules.ingress] = { hits: ingress.get(formatNumber(impliedNumber)) ?? 0 };
  for (const { id, addresses } of input.hosts) {
    values[id] = { impliedDenies: addresses.reduce((sum, it) => sum + (denied.get(it) ?? 0), 0) };
  }
  const same = marker?.settled === true && marker.digest === compiled(input).digest;
  const ready = same && unread.length === 0;
  const detail =
    marker === undefined
      ? 'no rules of ours are loaded'
      : same
        ? 'the counters cannot be read'
        : 'the loaded rules are not the wanted ones';
  const words = ready ? {} : { detail };
  return {
    artifact: held.id,
    state: ready ? 'ready' : 'failed',
    ...words,
    values,
    ...(epoch === undefined ? {} : { epoch }),
  };
}

/**
 * The rules of one network, in the nftables of its namespace. Hits count new connections (denied ones: packets) and
 * belong to the rule's number: they outlive changes of the rule set as long as the rule keeps id, priority and action,
 * and start at zero when it is logged or not logged from now on, or when the table had to be replaced as a whole: then
 * the epoch is another, and control's totals go on.
 */
export const firewallEngine = defineEngine<FirewallInput>({
  name: 'firewall',
  input: FirewallInput,
  async check(machine, wanted) {
    const place = await scratchUnless(machine, wanted.input.namespace);
    const check = async (plan: FirewallPlan): Promise<void> => {
      const text = plan.transactions.map((it) => it.text).join('');
      if (text !== '') await transact(place, wanted, text, true);
    };
    const plan = await planFirewall(place, wanted, 'as we left it');
    if (!plan.assumed) return check(plan);
    await check(plan).catch(async () => check(await planFirewall(place, wanted, undefined)));
  },
  async apply(machine, wanted, held) {
    const { transactions } = await enforce(machine, wanted, held);
    // After the rules, because only they load connection tracking.
    if (held === undefined || transactions[0]?.phase === 'replace') await refuseMidStream(machine, wanted);
    if (held === undefined || canForbid(held.input, wanted.input)) await cutFlows(machine, wanted);
  },
  async remove(machine, held) {
    forget(machine, held);
    const { code, stdout } = await nft(machine, held, ['list', 'tables']);
    // A namespace that is gone has taken its tables along.
    if (code === 0 && /\bfw(_lock|_state)?\b/.test(stdout)) await transact(machine, held, renderRemoval());
  },
  fingerprint: tablesLook,
  /** Whatever stands there is replaced as a whole, in one transaction. */
  async repair(machine, held) {
    forget(machine, held);
    await transact(machine, held, renderWhole(compiled(held.input)) + newEpoch());
    await refuseMidStream(machine, held);
    await cutFlows(machine, held);
  },
  observe,
});
