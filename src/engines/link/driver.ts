import { defineEngine } from '#core/engine.ts';
import type { Machine, RunResult } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { canonical } from '#lib/hash.ts';
import type { LinkEnd } from './input.ts';
import { LinkInput } from './input.ts';

/** Virtual Ethernet pairs between namespaces, with their addresses, permanent neighbours and routes. */
export const linkEngine = defineEngine<LinkInput>({
  name: 'link',
  input: LinkInput,

  async apply(machine, wanted, held) {
    const { a, b } = wanted.input;
    const there = (await Promise.all([a, b].map((end) => hasInterface(machine, end)))).filter(Boolean).length;
    const sameWire = held !== undefined && wire(held.input) === wire(wanted.input);
    if (there > 0 && (there < 2 || (held !== undefined && !sameWire))) await drop(machine, held?.input ?? wanted.input);
    if (there < 2 || (held !== undefined && !sameWire)) {
      await must(machine, wanted.id, [
        ...['ip', 'link', 'add', a.name, 'netns', machine.namespace(a.namespace), 'address', a.mac],
        ...['mtu', String(a.mtu), 'type', 'veth', 'peer', 'name', b.name, 'netns', machine.namespace(b.namespace)],
        ...['address', b.mac, 'mtu', String(b.mtu)],
      ]);
    }
    // The second end comes up last: before that nothing can cross a half-configured link.
    await configure(machine, wanted.id, a, held?.input.a);
    await configure(machine, wanted.id, b, held?.input.b);
  },

  async remove(machine, held) {
    await drop(machine, held.input);
  },

  /** An end with another address is another host to the firewall: no packet crosses until that one knows. */
  between: (held, wanted) => (identity(held) === identity(wanted) ? undefined : 'nothing'),

  async fingerprint(machine, { id, input }) {
    const ends = await Promise.all([input.a, input.b].map((end) => endText(machine, id, end)));
    return ends.join('\n');
  },

  async observe(machine, held) {
    const both = [held.input.a, held.input.b];
    const found = await Promise.all(both.map(({ namespace }) => everythingIn(machine, held.id, namespace)));
    const up = both.every(({ name }, at) => found[at]?.links.has(name));
    return {
      artifact: held.id,
      state: up ? 'ready' : 'failed',
      ...(up ? {} : { detail: 'the link is gone' }),
      values: {},
    };
  },
});

/** What cannot be changed on a living pair. */
const wire = ({ a, b }: LinkInput): string =>
  canonical([a, b].map(({ namespace, name, mac, mtu }) => ({ namespace, name, mac, mtu })));

/** Who stands at the ends. */
const identity = (input: LinkInput): string =>
  canonical([wire(input), [input.a, input.b].map(({ addresses, bridge }) => [addresses, bridge ?? ''])]);

/** What an end is like, without what traffic changes. */
async function endText(machine: Machine, at: string, { namespace, name, shared, addresses }: LinkEnd): Promise<string> {
  const { links, rest } = await everythingIn(machine, at, namespace);
  const link = links.get(name);
  if (link === undefined) throw gone(at, name);
  const parts = [
    /[<,]UP[,>]/.test(link),
    /mtu \d+/.exec(link)?.[0],
    /link\/ether \S+/.exec(link)?.[0],
    / master \S+/.exec(link)?.[0],
  ];
  const own = rest.get(name) ?? [];
  // Of what others may change as well, our own addresses must be there, and nothing else is looked at.
  const ours = shared === true ? own.filter((line) => addresses.some((it) => line.includes(` inet ${it} `))) : own;
  return [...parts, ...ours.toSorted()].join('\n');
}

const gone = (at: string, name: string): Problem =>
  new Problem('ENGINE_FAILED', { at, message: `interface ${name} is gone`, fix: 'It is made anew by itself.' });

interface Everything {
  /** What `ip` says of each interface, by its name. */
  readonly links: ReadonlyMap<string, string>;
  /** Addresses, routes and permanent neighbours of each, as `ip` tells them of one device. */
  readonly rest: ReadonlyMap<string, readonly string[]>;
}

/** One question for all links that end in a namespace. The links come last: after them `ip` lists no addresses any more. */
async function everythingIn(machine: Machine, at: string, namespace: string): Promise<Everything> {
  const stdin = 'addr show\nroute show\nneigh show nud permanent\nlink show\n';
  const answer = await must(machine, at, ['ip', '-4', '-o', '-batch', '-'], { namespace, stdin });
  // In one look all get the same answer, and there may be a thousand.
  const found = understood.get(answer) ?? everythingOf(answer.stdout);
  understood.set(answer, found);
  return found;
}

const understood = new WeakMap<RunResult, Everything>();

/** Pure: what `ip` printed, by device. */
export function everythingOf(text: string): Everything {
  const links = new Map<string, string>();
  const rest = new Map<string, string[]>();
  for (const line of text.replace(/ (linkdown|dead)\b/g, '').split('\n')) {
    const [, index = '', device = ''] = /^(\d+: )([^\s:@]+)/.exec(line) ?? [];
    if (device !== '' && line.includes(' link/')) {
      links.set(device, line);
      continue;
    }
    const [told = '', other = ''] = / dev (\S+)/.exec(line) ?? [];
    const of = device === '' ? other : device;
    const list = rest.get(of);
    const own = device === '' ? line.replace(told, '') : line.slice(index.length);
    if (list === undefined) rest.set(of, [own]);
    else list.push(own);
  }
  return { links, rest };
}

async function configure(machine: Machine, at: string, end: LinkEnd, before: LinkEnd | undefined): Promise<void> {
  const inside = { namespace: end.namespace };
  const settings = Object.entries(end.sysctls).map(([key, value]) => `${key.replace('*', end.name)}=${value}`);
  if (settings.length > 0) await must(machine, at, ['sysctl', '-q', '-w', ...settings], inside);
  const route = (it: LinkEnd['routes'][number]) =>
    it.via === undefined
      ? `${it.destination} dev ${end.name} scope link`
      : `${it.destination} via ${it.via} dev ${end.name} onlink`;
  const gone = (before?.routes ?? []).filter((old) => !end.routes.some((it) => it.destination === old.destination));
  const stale = (before?.addresses ?? []).filter((old) => !end.addresses.includes(old));
  const strangers = (before?.neighbours ?? []).filter(
    (old) => !end.neighbours.some((it) => it.address === old.address),
  );
  const away = [
    ...gone.map((it) => `route del ${it.destination} dev ${end.name}`),
    ...stale.map((it) => `addr del ${it} dev ${end.name}`),
    ...strangers.map((it) => `neigh del ${it.address} dev ${end.name}`),
  ];
  // What somebody else took away already is away as well.
  if (away.length > 0)
    await machine.exec(['ip', '-force', '-batch', '-'], { ...inside, stdin: `${away.join('\n')}\n` });
  // `dev`, because an interface may have a name that `ip` takes for a word of its own, such as `up`.
  const batch = [
    `link set dev ${end.name} mtu ${end.mtu} arp ${end.arp ? 'on' : 'off'}`,
    ...(end.alias === '' ? [] : [`link set dev ${end.name} alias ${end.alias}`]),
    ...mastered(end, before),
    `link set dev ${end.name} up`,
    ...end.addresses.map((it) => `addr replace ${it} dev ${end.name}`),
    ...end.neighbours.map((it) => `neigh replace ${it.address} lladdr ${it.mac} dev ${end.name} nud permanent`),
    ...end.routes.map((it) => `route replace ${route(it)}`),
  ];
  await must(machine, at, ['ip', '-batch', '-'], { ...inside, stdin: `${batch.join('\n')}\n` });
}

/** Nobody else gives our ends a master, so one that never had one is left as it is. */
const mastered = ({ name, bridge }: LinkEnd, before: LinkEnd | undefined): string[] => {
  if (bridge !== undefined) return [`link set dev ${name} master ${bridge}`];
  return before?.bridge === undefined ? [] : [`link set dev ${name} nomaster`];
};

async function drop(machine: Machine, input: LinkInput): Promise<void> {
  for (const end of [input.a, input.b]) {
    if (await hasInterface(machine, end)) {
      await machine.exec(['ip', 'link', 'delete', 'dev', end.name], { namespace: end.namespace });
    }
  }
}

const hasInterface = async (machine: Machine, end: LinkEnd): Promise<boolean> =>
  (await machine.exec(['ip', '-o', 'link', 'show', 'dev', end.name], { namespace: end.namespace })).code === 0;
