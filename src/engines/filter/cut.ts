import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { address as addressOf, contains, prefix } from '#lib/ip.ts';
import { cutLines, type Flow, isWholeListing, parseFlows } from '../firewall/flows.ts';
import type { Circumstances, Packet } from './evaluate.ts';
import { type Grants, mayOf } from './grants.ts';
import type { FilterInput } from './input.ts';
import { interpreterOf, ownInterpreterOf } from './interpret.ts';
import { formatMark, inspectedMark, inspectedOpenMark, ruleMask } from './marks.ts';
import type { FilterModel } from './model.ts';
import { compiled } from './plan.ts';

/** Milliseconds that cutting may take. */
const timeout = 300_000;

/** The interfaces that an address can be behind. */
export function interfacesOf({ interfaces }: Pick<FilterInput, 'interfaces'>): (address: string) => readonly string[] {
  const inner = interfaces
    .filter((it) => !it.external)
    .map((it) => ({ name: it.name, networks: it.networks.map(prefix) }));
  const outer = interfaces.filter((it) => it.external).map((it) => it.name);
  return (address) => {
    const value = addressOf(address);
    const found = inner.filter((it) => it.networks.some((network) => contains(network, value))).map((it) => it.name);
    return found.length > 0 ? found : outer;
  };
}

export interface Judging {
  readonly input: FilterInput;
  readonly model: FilterModel;
  readonly circumstances: Circumstances;
  /** Addresses of the gateway itself. */
  readonly own: ReadonlySet<string>;
}

/**
 * Flows that the rules would not let start now, or not without an inspection that they began without, by whatever
 * interfaces they may have come and gone. What the gateway itself began is no business of the rules.
 */
export function forbiddenFlows(
  flows: readonly Flow[],
  { input, model, circumstances, own: addresses }: Judging,
): readonly Flow[] {
  const [forward, own] = [interpreterOf(model, 'forward'), ownInterpreterOf(model)];
  const passing = new Set([...model.counts.passed.values(), ...input.local.map((it) => it.id)]);
  const inspected = new Set(input.rules.flatMap((it) => (it.inspection === 'ips' ? [it.id] : [])));
  const behind = interfacesOf(input);
  return flows.filter(({ packet, ends, mark }) => {
    const unseen = (mark & (inspectedMark | inspectedOpenMark)) === 0;
    if (addresses.has(ends.source)) return false;
    const inward = behind(ends.source);
    const first = (rest: Pick<Packet, 'in' | 'out'>): Packet => ({ ...ends, protocol: packet.protocol, ...rest });
    if (addresses.has(packet.destination))
      return !inward.some((name) => passing.has(own(first({ in: name }), circumstances) ?? ''));
    const outward = behind(packet.destination);
    return !inward.some((from) =>
      outward.some((to) => {
        const rule = forward(first({ in: from, out: to }), circumstances) ?? '';
        return passing.has(rule) && !(unseen && inspected.has(rule));
      }),
    );
  });
}

/** Ends the connections that are chosen from all there are. */
async function cutChosen(
  machine: Machine,
  namespace: string,
  choose: (flows: readonly Flow[], own: ReadonlySet<string>) => readonly Flow[],
): Promise<void> {
  const at = { namespace };
  const list = ['conntrack', '-L', '-f', 'ipv4', '-o', 'extended,id'];
  // Its end, too, waits until the kernel has freed what the change before has deleted.
  const { code, stdout } = await machine.exec(list, { ...at, done: isWholeListing });
  if (code !== 0 || stdout === '') return;
  const addresses = await must(machine, namespace, ['ip', '-j', '-4', 'address', 'show'], at);
  const own = new Set([...addresses.stdout.matchAll(/"local":"([0-9.]+)"/g)].map(([, it]) => it ?? ''));
  const flows = parseFlows(stdout);
  const lines = cutLines(choose(flows, own), flows);
  if (lines.length === 0) return;
  // A file, because conntrack opens /dev/stdin by name, which fails for a socket.
  const file = `${machine.run}/gateway/${namespace}/filter/cut`;
  await machine.writeFile(file, lines.join(''));
  await must(machine, namespace, ['conntrack', '--load-file', file], { ...at, timeout });
}

/** Ends what the rules, and what people may reach now, would not let start at this moment. */
export async function cutForbidden(machine: Machine, input: FilterInput, grants: Grants): Promise<void> {
  const now = new Date();
  const at = { day: (now.getUTCDay() + 6) % 7, minute: now.getUTCHours() * 60 + now.getUTCMinutes() };
  const judging = { input, model: compiled(input), circumstances: { at, may: mayOf(grants) } };
  await cutChosen(machine, input.namespace, (flows, own) => forbiddenFlows(flows, { ...judging, own }));
}

/** Ends everything that one rule let in. */
export async function cutRule(machine: Machine, namespace: string, number: number): Promise<void> {
  const mark = `${number}/${formatMark(ruleMask)}`;
  // It fails when there was nothing to end.
  await machine.exec(['conntrack', '-D', '-f', 'ipv4', '-m', mark], { namespace, timeout });
}

/** One connection, or some, by what its sender wrote. */
export interface Tuple {
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
  readonly protocol?: number | undefined;
  readonly port?: number | undefined;
}

export const cutTuple = (machine: Machine, namespace: string, tuple: Tuple): Promise<void> =>
  cutChosen(machine, namespace, (flows) =>
    flows.filter(
      ({ ends, packet }) =>
        (tuple.source === undefined || tuple.source === ends.source) &&
        (tuple.destination === undefined || tuple.destination === ends.destination) &&
        (tuple.protocol === undefined || tuple.protocol === packet.protocol) &&
        (tuple.port === undefined || tuple.port === ends.port),
    ),
  );
