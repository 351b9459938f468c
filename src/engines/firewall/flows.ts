import type { Packet } from './evaluate.ts';

/** A connection that the kernel tracks, by both of its tuples. */
export interface Flow {
  /** The first packet, judged as the rules saw it: receiver after destination NAT, sender before source NAT. */
  readonly packet: Packet;
  /** Number of the rule that let it in; 0 when none of ours did. */
  readonly mark: number;
  /** Arguments that name exactly this flow to `conntrack -D`. */
  readonly selector: readonly string[];
}

const address = /^\d+\.\d+\.\d+\.\d+$/;

/** Reads `conntrack -L -o extended`; lines of other families or of a form we do not know are passed over. */
export function parseFlows(text: string): readonly Flow[] {
  return text.split('\n').flatMap((line) => {
    const flow = parseFlow(line);
    return flow === undefined ? [] : [flow];
  });
}

function parseFlow(line: string): Flow | undefined {
  const words = line.trim().split(/\s+/);
  if (words[0] !== 'ipv4') return undefined;
  const protocol = Number(words[3]);
  const all = (key: string) =>
    words.filter((word) => word.startsWith(`${key}=`)).map((word) => word.slice(key.length + 1));
  const [source = '', answerer = ''] = all('src');
  const [target = ''] = all('dst');
  if (!Number.isInteger(protocol) || ![source, answerer, target].every((it) => address.test(it))) return undefined;
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
  return {
    packet,
    mark,
    selector: ['-p', String(protocol), '--orig-src', source, '--orig-dst', target, ...ports, ...icmp],
  };
}

/** From this many flows of one rule on, they are cut by the rule's number instead of one by one. */
const crowd = 50;

/**
 * The lines of a file for `conntrack --load-file` that cut `forbidden`. For every line the tool goes through all
 * connections, so many of one rule are cut by its number, if everything it let in has to go. A connection that the rule
 * lets in at that very moment goes with them.
 */
export function cutLines(forbidden: readonly Flow[], all: readonly Flow[]): readonly string[] {
  const existing = Map.groupBy(all, (it) => it.mark);
  return [...Map.groupBy(forbidden, (it) => it.mark)].flatMap(([mark, flows]) => {
    const whole = mark !== 0 && flows.length >= crowd && flows.length === existing.get(mark)?.length;
    return whole ? [`-D -f ipv4 -m ${mark}\n`] : flows.map((it) => `-D ${it.selector.join(' ')}\n`);
  });
}
