import * as z from 'zod';
import type { Artifact } from '#core/artifact.ts';
import type { Question } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { Address } from '../schemas.ts';
import type { FilterInput } from './input.ts';
import { copiedMark, inspectedMark, inspectedOpenMark, ruleMask } from './marks.ts';

/** Which connections; what is left out is not asked. */
export const ConnectionQuery = z.strictObject({
  source: Address.optional(),
  destination: Address.optional(),
  protocol: z.int().min(0).max(255).optional(),
  port: z.int().min(0).max(65_535).optional(),
  /** Key of the rule that let it in. */
  rule: z.string().max(200).optional(),
  limit: z.int().min(1).max(10_000).default(1000),
});
export type ConnectionQuery = z.infer<typeof ConnectionQuery>;

/** One connection that a gateway tracks, as its sender wrote it. */
export interface Connection {
  readonly protocol: string;
  readonly source: string;
  readonly sourcePort?: number;
  readonly destination: string;
  readonly destinationPort?: number;
  /** Who answers, after address translation. */
  readonly server: string;
  readonly serverPort?: number;
  /** What the server sees as the sender, after address translation. */
  readonly seenAs: string;
  /** Of TCP: `ESTABLISHED`. */
  readonly state?: string;
  /** Key of the rule that let it in. */
  readonly rule?: string;
  /** Both ways. */
  readonly bytes: number;
  readonly packets: number;
  /** Seconds since it began, where the kernel keeps that. */
  readonly age?: number;
  /** Seconds until it is forgotten unless something comes. */
  readonly expires: number;
}

export interface Connections {
  readonly items: readonly Connection[];
  /** How many there are that fit; more than `items` when the limit was reached. */
  readonly total: number;
}

/** A connection as an inspection sees it: the client before, the server after address translation. */
export const InspectedTuple = z.strictObject({
  protocol: z.string().max(20),
  client: z.string().max(40),
  clientPort: z.int().min(0).max(65_535),
  server: z.string().max(40),
  serverPort: z.int().min(0).max(65_535),
});
export type InspectedTuple = z.infer<typeof InspectedTuple>;

const tupleText = (it: InspectedTuple): string =>
  `${it.protocol} ${it.client} ${it.clientPort} ${it.server} ${it.serverPort}`;

/** `inspected`: keys of the rules that let some connections in, in their order; null for what is gone. */
async function askInspected(
  machine: Machine,
  { id, input }: Artifact<FilterInput>,
  detail: string,
): Promise<readonly (string | null)[]> {
  const tuples = z.array(InspectedTuple).max(500).parse(JSON.parse(detail));
  const names = new Map(input.rules.map((it) => [it.number, it.id]));
  const rules = new Map<string, string>();
  for (const mark of [inspectedMark, inspectedOpenMark, copiedMark]) {
    const lines = await listed(machine, { id, input }, ['-m', `${mark}/${mark}`]);
    for (const it of lines.flatMap((line) => parseConnection(line, names) ?? [])) {
      const { protocol, source: client, sourcePort: clientPort = 0, server, serverPort = 0 } = it;
      if (it.rule !== undefined) rules.set(tupleText({ protocol, client, clientPort, server, serverPort }), it.rule);
    }
  }
  return tuples.map((it) => rules.get(tupleText(it)) ?? null);
}

async function listed(
  machine: Machine,
  { id, input }: Pick<Artifact<FilterInput>, 'id' | 'input'>,
  which: readonly string[],
): Promise<readonly string[]> {
  const argv = ['conntrack', '-L', '-f', 'ipv4', '-o', 'extended,id,ktimestamp', ...which];
  const { code, stdout, stderr } = await machine.exec(argv, { namespace: input.namespace, timeout: 60_000 });
  // With nothing tracked it ends with an error and says nothing else.
  if (code !== 0 && !/0 flow entries/.test(stderr)) {
    throw new Problem('ENGINE_FAILED', { at: id, message: `conntrack: ${stderr.trim()}`, fix: 'Try again.' });
  }
  return stdout.split('\n');
}

/** `connections`: those that a {@link ConnectionQuery} asks for, those with most bytes first. */
export async function askConnections(
  machine: Machine,
  held: Artifact<FilterInput>,
  { question, detail = '{}' }: Question,
): Promise<Connections | readonly (string | null)[]> {
  const { id, input } = held;
  if (question === 'inspected') return askInspected(machine, held, detail);
  if (question !== 'connections') {
    throw new Problem('INVALID_REQUEST', {
      at: id,
      message: `a filter knows no ${question}`,
      fix: 'Ask for connections.',
    });
  }
  const query = ConnectionQuery.parse(JSON.parse(detail));
  const lines = await listed(machine, held, selectors(query, input));
  const names = new Map(input.rules.map((it) => [it.number, it.id]));
  const all = lines.flatMap((line) => parseConnection(line, names) ?? []);
  const items = all.toSorted((a, b) => b.bytes - a.bytes).slice(0, query.limit);
  return { items, total: all.length };
}

function selectors({ source, destination, protocol, port, rule }: ConnectionQuery, input: FilterInput): string[] {
  const number = input.rules.find((it) => it.id === rule)?.number;
  return [
    ...(source === undefined ? [] : ['--orig-src', source]),
    ...(destination === undefined ? [] : ['--orig-dst', destination]),
    ...(protocol === undefined ? (port === undefined ? [] : ['-p', 'tcp']) : ['-p', String(protocol)]),
    ...(port === undefined ? [] : ['--orig-port-dst', String(port)]),
    // A number that no rule has shows nothing, and not everything.
    ...(rule === undefined ? [] : ['-m', `${number ?? ruleMask}/${ruleMask}`]),
  ];
}

/** Reads a line of `conntrack -L -o extended,id,ktimestamp`; undefined when it is none. */
export function parseConnection(line: string, rules: ReadonlyMap<number, string>): Connection | undefined {
  const words = line.trim().split(/\s+/);
  if (words[0] !== 'ipv4') return undefined;
  const all = (key: string) => words.filter((it) => it.startsWith(`${key}=`)).map((it) => it.slice(key.length + 1));
  const sum = (key: string) => all(key).reduce((total, it) => total + Number(it), 0);
  const [[source, server], [destination, seenAs]] = [all('src'), all('dst')];
  if (source === undefined || destination === undefined || server === undefined || seenAs === undefined)
    return undefined;
  const [sourcePort, serverPort] = all('sport').map(Number);
  const [destinationPort] = all('dport').map(Number);
  const rule = rules.get(Number(all('mark')[0] ?? 0) & ruleMask);
  const state = words[5] !== undefined && /^[A-Z_]+$/.test(words[5]) ? words[5] : undefined;
  const age = Number(all('delta-time')[0]);
  return {
    protocol: words[2] === 'unknown' ? (words[3] ?? '') : (words[2] ?? ''),
    source,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    destination,
    ...(destinationPort === undefined ? {} : { destinationPort }),
    server,
    ...(serverPort === undefined ? {} : { serverPort }),
    seenAs,
    ...(state === undefined ? {} : { state }),
    ...(rule === undefined ? {} : { rule }),
    bytes: sum('bytes'),
    packets: sum('packets'),
    ...(Number.isFinite(age) ? { age } : {}),
    expires: Number(words[4]),
  };
}
