import { firstOf, lastOf, prefix } from '#lib/ip.ts';
import { type Interval, merged } from '../packets/flatten.ts';
import type { Hook } from './base.ts';
import type { FilterInput, FilterLocal } from './input.ts';
import type { Services } from './match.ts';
import { type Memory, verdictOf } from './memory.ts';
import { type Made, setOf } from './objects.ts';
import { servicesMeet } from './published.ts';
import { hasPorts, protocolNumbers } from './service.ts';
import type { Sets } from './sets.ts';
import { rangesText } from './text.ts';
import { acceptedLines, type Ends } from './verdicts.ts';

interface Context {
  readonly input: FilterInput;
  readonly sets: Sets;
  readonly memory: Memory;
  readonly ends: Ends;
}

interface Untracked {
  readonly hooks: readonly Hook[];
  /** For the input hook, before connections are asked for their state. */
  readonly accepting: readonly string[];
  readonly needs: readonly Made[];
}

const nothing: Untracked = { hooks: [], accepting: [], needs: [] };

/**
 * What must get through while the connection table is full goes by it, both ways: the kernel drops the first packet of
 * whatever it has no place for. Judged packet by packet instead.
 */
export function untrackedOf(context: Context): Untracked {
  const parts = context.input.local.flatMap((it) => partsOf(it, context));
  if (parts.length === 0) return nothing;
  const chain = (name: string, hook: string, lines: readonly string[]): Hook => ({
    name,
    hook: `type filter hook ${hook} priority -299; policy accept;`,
    lines: [...new Set(lines)],
  });
  return {
    hooks: [
      chain('direct', 'prerouting', [
        'fib daddr type != local accept',
        ...parts.flatMap((it) => it.coming.map((one) => `${one}${it.elsewhere} notrack accept`)),
      ]),
      chain(
        'direct_out',
        'output',
        parts.flatMap((it) => it.leaving.map((one) => `${one} notrack accept`)),
      ),
    ],
    accepting: [
      ...parts.flatMap((it) => it.accepting),
      // Of a packet that was too large for some network no connection is known; whose it was, the protocol itself judges.
      'ct state invalid icmp type destination-unreachable icmp code frag-needed limit rate 50/second accept',
    ],
    needs: parts.flatMap((it) => it.needs),
  };
}

/** One for each protocol. What does not name who may ask for what is left to the table. */
function partsOf(it: FilterLocal, { input, sets, memory, ends }: Context) {
  const [source, services] = [sets.side(it.source), sets.services(it.services)];
  if (it.untracked === undefined || source === undefined || source.length === 0 || services === undefined) return [];
  const accept = verdictOf(memory, acceptedLines(it.id, ends));
  const inside = it.inInterfaces.map((one) => `"${one}"`).join(', ');
  const from = `${inside === '' ? '' : `iifname { ${inside} } `}ip saddr ${rangesText('ipv4_addr', source)} `;
  const to = `ip daddr ${rangesText('ipv4_addr', source)} `;
  const led = publishedWith(services, { input, sets });
  return [...services].flatMap(([protocol, ports]) => {
    const is = wordsOf(protocol, ports, it.untracked === 'both');
    if (is === undefined) return [];
    const coming = is.coming.map((one) => `${from}${one}`);
    // As for other connections, what begins one is counted.
    const first = protocol === protocolNumbers.tcp ? ' tcp flags & (fin | syn | rst | ack) == syn' : '';
    return [
      {
        coming,
        leaving: is.leaving.map((one) => `${to}${one}`),
        elsewhere: led.length === 0 ? '' : ` ip daddr != ${rangesText('ipv4_addr', led)}`,
        accepting: coming.flatMap((one) => [
          `ct state untracked ${one}${first} goto ${accept.object.name}`,
          ...(first === '' ? [] : [`ct state untracked ${one} accept`]),
        ]),
        needs: [accept, ...setOf('ipv4_addr', source), ...setOf('ipv4_addr', led), ...setOf('inet_service', ports)],
      },
    ];
  });
}

interface Words {
  readonly coming: readonly string[];
  readonly leaving: readonly string[];
}

function wordsOf(protocol: number, ports: readonly Interval[] | undefined, both: boolean): Words | undefined {
  const of = `meta l4proto ${protocol}`;
  if (!hasPorts(protocol))
    return both && protocol !== protocolNumbers.icmp ? { coming: [of], leaving: [of] } : undefined;
  if (ports === undefined || ports.length === 0) return undefined;
  const text = rangesText('inet_service', ports);
  const [asking, answering] = [`${of} th dport ${text}`, `${of} th sport ${text}`];
  if (!both) return { coming: [asking], leaving: [answering] };
  // Where both ends know each other's port, nothing need come to another one. An answer opens no connection.
  if (protocol !== protocolNumbers.tcp) return { coming: [asking], leaving: [asking] };
  return { coming: [asking, `${answering} tcp flags & (syn | ack) != syn`], leaving: [asking, answering] };
}

/** Addresses where the same services lead to somebody else: those need the table. */
function publishedWith(services: Services, { input, sets }: Pick<Context, 'input' | 'sets'>): readonly Interval[] {
  const led = input.nat.flatMap((it) => {
    if (it.kind === 'bidirectional') return [prefix(it.outside)];
    const meets = it.kind === 'publish' && servicesMeet(services, sets.services(it.services));
    return meets ? [prefix(`${it.address}/32`)] : [];
  });
  return merged(led.map((it) => ({ from: firstOf(it), to: lastOf(it) })));
}
