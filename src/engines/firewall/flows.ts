import type { Written } from '#core/machine.ts';
import { address as addressOf, formatPrefix, type Prefix } from '#lib/ip.ts';
import type { Packet } from './evaluate.ts';

/** A connection that the kernel tracks, by both of its tuples. */
export interface Flow {
  /** The first packet, judged as the rules saw it: receiver after destination NAT, sender before source NAT. */
  readonly packet: Packet;
  /** Number of the rule that let it in; 0 when none of ours did. */
  readonly mark: number;
  /** Sender and receiver as the sender wrote them; the port is the receiver's, or the message type of ICMP. */
  readonly ends: { readonly source: string; readonly destination: string; readonly port?: number };
  /** Arguments that name exactly this flow to `conntrack -D`. */
  readonly selector: readonly string[];
}

const quad = /^\d+\.\d+\.\d+\.\d+$/;

/** Reads `conntrack -L -o extended`; lines of other families or of a form we do not know are passed over. */
export function parseFlows(text: string): readonly Flow[] {
  return text.split('\n').flatMap((line) => {
    const flow = parseFlow(line);
    return flow === undefined ? [] : [flow];
  });
}

/** Whether conntrack has written all flows: it says on standard error how many they are, and ends some time later. */
export function isWholeListing({ stdout, stderr }: Written): boolean {
  const [, size] = /(\d+) flow entries have been shown/.exec(stderr) ?? [];
  return size !== undefined && (stdout.match(/\n/g)?.length ?? 0) >= Number(size);
}

function parseFlow(line: string): Flow | undefined {
  const words = line.trim().split(/\s+/);
  if (words[0] !== 'ipv4') return undefined;
  const protocol = Number(words[3]);
  const all = (key: string) =>
    words.filter((word) => word.startsWith(`${key}=`)).map((word) => word.slice(key.length + 1));
  const [source = '', answerer = ''] = all('src');
  const [target = ''] = all('dst');
  if (!Number.isInteger(protocol) || ![source, answerer, target].every((it) => quad.test(it))) return undefined;
  const [sport, answering] = all('sport');
  const [dport] = all('dport');
  const packet = {
    source,
    destination: answerer,
    protocol,
    ...(answering === undefined ? {} : { port: Number(answering) }),
    translated: answerer !== target || answering !== dport,
  };
  const ports = sport === undefined || dport === undefined ? [] : ['--orig-port-src', sport, '--orig-port-dst', dport];
  const [id] = all('id');
  const icmp = protocol === 1 && id !== undefined ? ['--icmp-id', id] : [];
  const mark = Number(all('mark')[0] ?? 0);
  const written = protocol === 1 ? all('type')[0] : dport;
  return {
    packet,
    mark,
    ends: { source, destination: target, ...(written === undefined ? {} : { port: Number(written) }) },
    selector: ['-p', String(protocol), '--orig-src', source, '--orig-dst', target, ...ports, ...icmp],
  };
}

/** From this many flows of one rule on, they are cut by the rule's number and by prefixes instead of one by one. */
const crowd = 50;

/**
 * The lines of a file for `conntrack --load-file` that cut `forbidden`. For every line the tool goes through all
 * connections, so many of one rule are cut together: by its number, if everything it let in has to go, else by prefixes
 * in which nothing may stay. A connection that the rule lets in there at that very moment goes with them.
 */
export function cutLines(forbidden: readonly Flow[], all: readonly Flow[]): readonly string[] {
  const existing = Map.groupBy(all, (it) => it.mark);
  const condemned = new Set(forbidden);
  return [...Map.groupBy(forbidden, (it) => it.mark)].flatMap(([mark, flows]) => {
    const each = flows.map((it) => `-D ${it.selector.join(' ')}\n`);
    if (flows.length < crowd) return each;
    const together = existing.get(mark) ?? [];
    if (mark !== 0 && flows.length === together.length) return [`-D -f ipv4 -m ${mark}\n`];
    const byEnd = (['source', 'destination'] as const).map((end) => {
      const { cells, mixed } = cellsOf(together, condemned, end);
      const selected = cells.map((it) => `-D -f ipv4 -m ${mark} ${end === 'source' ? '-s' : '-d'} ${it}\n`);
      return [...selected, ...mixed.map((it) => `-D ${it.selector.join(' ')}\n`)];
    });
    return byEnd.reduce((fewest, it) => (it.length < fewest.length ? it : fewest), each);
  });
}

/**
 * Prefixes of which every flow is condemned, as few as there can be and each as narrow as that allows, and the condemned
 * flows of addresses that also keep some.
 */
function cellsOf(flows: readonly Flow[], condemned: ReadonlySet<Flow>, end: 'source' | 'destination') {
  const cells: string[] = [];
  const mixed: Flow[] = [];
  const sorted = flows.map((flow) => ({ flow, at: addressOf(flow.ends[end]) })).sort((a, b) => a.at - b.at);
  // How many of the flows before each place are condemned.
  const before = [0];
  for (const { flow } of sorted) before.push((before.at(-1) ?? 0) + (condemned.has(flow) ? 1 : 0));
  const visit = (low: number, high: number, prefix: { readonly base: number; readonly length: number }): void => {
    const doomed = (before[high] ?? 0) - (before[low] ?? 0);
    if (doomed === 0) return;
    if (doomed === high - low) cells.push(formatPrefix(spanning(sorted[low]?.at ?? 0, sorted[high - 1]?.at ?? 0)));
    else if (prefix.length === 32) {
      mixed.push(...sorted.slice(low, high).flatMap(({ flow }) => (condemned.has(flow) ? [flow] : [])));
    } else {
      const length = prefix.length + 1;
      const half = prefix.base + 2 ** (32 - length);
      let middle = low;
      while (middle < high && (sorted[middle]?.at ?? 0) < half) middle++;
      visit(low, middle, { base: prefix.base, length });
      visit(middle, high, { base: half, length });
    }
  };
  visit(0, sorted.length, { base: 0, length: 0 });
  return { cells, mixed };
}

/** The narrowest prefix that holds both addresses. */
function spanning(first: number, last: number): Prefix {
  // For equal addresses, too: nothing differs in 32 bits.
  const length = Math.clz32(first ^ last);
  const size = 2 ** (32 - length);
  return { base: Math.floor(first / size) * size, length };
}
