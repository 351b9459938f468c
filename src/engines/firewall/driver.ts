import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must, scratchUnless } from '#core/run.ts';
import { tablesText } from '../nftables.ts';
import { compile } from './compile.ts';
import { evaluatorOf, impliedRules } from './evaluate.ts';
import { cutLines, type Flow, parseFlows } from './flows.ts';
import { FirewallInput } from './input.ts';
import type { FirewallModel } from './model.ts';
import { formatNumber, impliedNumber, numberRules } from './numbers.ts';
import { readBack, readCounters } from './readback.ts';
import {
  baseDigest,
  type Contents,
  contentsOf,
  lockMark,
  lockTable,
  type Marker,
  parseMarker,
  renderRemoval,
  renderTransition,
  renderWhole,
  sameContents,
  stateTable,
} from './render.ts';
import { table } from './text.ts';

type Wanted = Artifact<FirewallInput>;

/** Transactions to run in this order; after each of them the old rules or the new ones are in force, whole. */
export interface FirewallPlan {
  readonly model: FirewallModel;
  readonly transactions: readonly { readonly phase: 'replace' | 'load' | 'swap' | 'cleanup'; readonly text: string }[];
}

/** Compiling is pure, so an input that is still around (the held one, mostly) need not be compiled again. */
const models = new WeakMap<FirewallInput, FirewallModel>();

function compiled(input: FirewallInput, former?: FirewallModel): FirewallModel {
  const model = models.get(input) ?? compile(input, undefined, former);
  models.set(input, model);
  return model;
}

/** Milliseconds that one transaction may take. */
const timeout = 300_000;

const nft = (machine: Machine, { input }: Wanted, argv: readonly string[], stdin?: string) =>
  machine.exec(['nft', ...argv], { namespace: input.namespace, timeout, ...(stdin === undefined ? {} : { stdin }) });

/**
 * Reads what the namespace holds and plans the way to `wanted`. What is there is trusted without a full reading only if
 * its marker says that exactly the compiled `held` was settled.
 */
export async function planFirewall(machine: Machine, wanted: Wanted, held?: Wanted): Promise<FirewallPlan> {
  const model = compiled(wanted.input);
  const marker = await readMarker(machine, wanted);
  const replace = { model, transactions: [{ phase: 'replace', text: renderWhole(model) }] } as const;
  if (marker === undefined || marker.base !== baseDigest) return replace;
  const former = marker.settled && held !== undefined ? compiled(held.input) : undefined;
  const known =
    former?.digest === marker.digest ? contentsOf(former) : await readContents(machine, wanted, { marker, model });
  if (known === undefined) return replace;
  if (marker.settled && sameContents(known, contentsOf(model))) return { model, transactions: [] };
  const { load, swap, cleanup } = renderTransition(known, model);
  return {
    model,
    transactions: [
      { phase: 'load', text: load },
      { phase: 'swap', text: swap },
      { phase: 'cleanup', text: cleanup },
    ],
  };
}

async function readMarker(machine: Machine, wanted: Wanted): Promise<Marker | undefined> {
  const { code, stdout } = await nft(machine, wanted, ['list', 'table', 'inet', stateTable]);
  return code === 0 ? parseMarker(stdout) : undefined;
}

/** What the kernel really holds; undefined when parts of it are missing or altered, so that it must be replaced. */
async function readContents(
  machine: Machine,
  wanted: Wanted,
  { marker, model }: { readonly marker: Marker; readonly model: FirewallModel },
): Promise<Contents | undefined> {
  const lock = await nft(machine, wanted, ['list', 'table', 'ip6', lockTable]);
  const { code, stdout } = await nft(machine, wanted, ['-j', 'list', 'table', 'inet', table]);
  const readback = code === 0 && lock.stdout.includes(lockMark) ? readBack(stdout, marker) : undefined;
  if (readback === undefined || !readback.sound) return undefined;
  const { contents, sizes } = readback;
  const whole = model.objects.every((it) => {
    if (!contents.objects.has(it.name)) return true;
    return (sizes.get(it.name) ?? 0) === sizeOf(it);
  });
  return whole ? contents : undefined;
}

function sizeOf(object: FirewallModel['objects'][number]): number {
  switch (object.kind) {
    case 'ports':
    case 'addresses':
      return object.entries.length;
    case 'marks':
    case 'lowers':
      return object.spans.length;
    default:
      return object.body.trimEnd().split('\n').length;
  }
}

async function transact(machine: Machine, wanted: Wanted, text: string, check = false): Promise<void> {
  const { code, stderr } = await nft(machine, wanted, [...(check ? ['--check'] : []), '--file', '-'], text);
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

/** Flows that the input does not allow. Those of the namespace itself are no business of forwarding rules. */
export function forbiddenFlows(
  input: FirewallInput,
  flows: readonly Flow[],
  own: ReadonlySet<string>,
): readonly Flow[] {
  const evaluate = evaluatorOf(input);
  return flows.filter(({ packet }) => {
    if (own.has(packet.source) || own.has(packet.destination)) return false;
    return evaluate(packet).verdict === 'deny';
  });
}

/**
 * A TCP connection starts with its first packet. Otherwise a connection that was cut would come back by the next packet
 * of the side that may talk, and be let in both ways as its reply.
 */
const refuseMidStream = (machine: Machine, { id, input: { namespace } }: Wanted) =>
  must(machine, id, ['sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=0'], { namespace });

/** Ends established connections that the rules now in force would not let start. */
async function cutFlows(machine: Machine, wanted: Wanted): Promise<void> {
  const at = { namespace: wanted.input.namespace };
  const { code, stdout } = await machine.exec(['conntrack', '-L', '-f', 'ipv4', '-o', 'extended'], at);
  if (code !== 0 || stdout === '') return;
  const addresses = await must(machine, wanted.id, ['ip', '-j', '-4', 'address', 'show'], at);
  const own = new Set([...addresses.stdout.matchAll(/"local":"([0-9.]+)"/g)].map(([, it]) => it ?? ''));
  const flows = parseFlows(stdout);
  const lines = cutLines(forbiddenFlows(wanted.input, flows, own), flows);
  if (lines.length === 0) return;
  // A file, because conntrack opens /dev/stdin by name, which fails for a socket. A flow that ended meanwhile is no
  // failure for it.
  const list = `${machine.run}/firewall/${wanted.input.namespace}.cut`;
  await machine.writeFile(list, lines.join(''));
  await must(machine, wanted.id, ['conntrack', '--load-file', list], { ...at, timeout });
}

async function observe(machine: Machine, held: Wanted): Promise<Observation> {
  const { input } = held;
  const marker = await readMarker(machine, held);
  const list = async (kind: 'map' | 'set', name: string) =>
    readCounters((await nft(machine, held, ['-j', 'list', kind, 'inet', table, name])).stdout);
  const egress = await list('map', 'verdict_egress');
  const ingress = await list('map', 'verdict_ingress');
  const denied = await list('set', 'denied_to');
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
  const ready = marker?.settled === true && marker.digest === compiled(input).digest;
  const detail = marker === undefined ? 'no rules of ours are loaded' : 'the loaded rules are not the wanted ones';
  return { artifact: held.id, state: ready ? 'ready' : 'failed', ...(ready ? {} : { detail }), values };
}

/**
 * The rules of one network, in the nftables of its namespace. Hits count new connections (denied ones: packets) and
 * belong to the rule's number: they outlive changes of the rule set as long as the rule keeps id, priority and action,
 * and start at zero when it is logged or not logged from now on, or when the table had to be replaced as a whole.
 */
export const firewallEngine = defineEngine<FirewallInput>({
  name: 'firewall',
  input: FirewallInput,
  async check(machine, wanted) {
    const place = await scratchUnless(machine, wanted.input.namespace);
    const { transactions } = await planFirewall(place, wanted);
    const text = transactions.map((it) => it.text).join('');
    if (text !== '') await transact(place, wanted, text, true);
  },
  async apply(machine, wanted, held) {
    const { transactions } = await planFirewall(machine, wanted, held);
    for (const { text } of transactions) await transact(machine, wanted, text);
    // After the rules, because only they load connection tracking.
    if (held === undefined || transactions[0]?.phase === 'replace') await refuseMidStream(machine, wanted);
    await cutFlows(machine, wanted);
  },
  async remove(machine, held) {
    const { code, stdout } = await nft(machine, held, ['list', 'tables']);
    // A namespace that is gone has taken its tables along.
    if (code === 0 && /\bfw(_lock|_state)?\b/.test(stdout)) await transact(machine, held, renderRemoval());
  },
  fingerprint: (machine, { input }) =>
    tablesText(machine, input.namespace, [`inet ${table}`, `ip6 ${lockTable}`, `inet ${stateTable}`]),
  /** Whatever stands there is replaced as a whole, in one transaction. */
  async repair(machine, held) {
    await transact(machine, held, renderWhole(compiled(held.input)));
    await refuseMidStream(machine, held);
    await cutFlows(machine, held);
  },
  observe,
});
