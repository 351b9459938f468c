import { firstOf, lastOf, prefix } from '#lib/ip.ts';
import { merged } from '../packets/flatten.ts';
import { hex, pathMask } from '../routing/marks.ts';
import { implicitKeys } from './implicit.ts';
import type { FilterGuard, FilterInput, FilterInterface, FilterRule } from './input.ts';
import {
  copiedMark,
  countedByConnection,
  formatMark,
  inspectedMark,
  loggedMark,
  proxiedMark,
  ruleMask,
  settingProxied,
  showingRule,
  showingTranslated,
} from './marks.ts';
import { type Memory, verdictOf } from './memory.ts';
import { type Made, make, setOf } from './objects.ts';
import { canaryText } from './queue.ts';
import type { Sets } from './sets.ts';
import { rangesText } from './text.ts';
import { untrackedOf } from './untracked.ts';
import { droppedLines, type Ends, logLines } from './verdicts.ts';

/** A chain that the kernel calls by itself. */
export interface Hook {
  readonly name: string;
  readonly hook: string;
  readonly lines: readonly string[];
}

export interface Roots {
  readonly forward: Made | undefined;
  readonly local: Made | undefined;
  readonly own: Made | undefined;
  readonly divert: Made | undefined;
  readonly route: Made | undefined;
  readonly destination: Made | undefined;
  readonly source: Made | undefined;
}

/** What is asked before and after the lists: states, marks, forged senders, what must not leave in the clear. */
export interface Base {
  readonly hooks: readonly Hook[];
  /** What the hooks name. */
  readonly needs: readonly Made[];
}

export interface BaseContext {
  readonly input: FilterInput;
  readonly sets: Sets;
  readonly memory: Memory;
  readonly ends: Ends;
  /** Ports that local proxies take over. */
  readonly diverted: readonly number[];
}

const states = (invalid: Made): string => {
  const gone = `goto ${invalid.object.name}`;
  return `ct state vmap { established : accept, related : accept, invalid : ${gone}, untracked : ${gone} }`;
};

export function baseOf(roots: Roots, context: BaseContext): Base {
  const { input, diverted } = context;
  const keys = implicitKeys(input.owner);
  const [forward, local, invalid] = [keys.forward, keys.local, keys.invalid].map((key) => silence(key, context)) as [
    Made,
    Made,
    Made,
  ];
  const arrival = arrivalOf(context);
  const untracked = untrackedOf(context);
  const guards = input.guards.map((it) => guardLine(it, context));
  const every = guards.flatMap((it) => it.lines);
  const jump = (root: Made | undefined): readonly string[] => (root === undefined ? [] : [`jump ${root.object.name}`]);
  const proxied = `meta mark & ${formatMark(proxiedMark)} != 0x00000000 accept`;
  const counted = roots.own === undefined ? [] : [countedByConnection('passed')];
  const hooks: readonly Hook[] = [
    { name: 'arrive', hook: 'type filter hook prerouting priority raw; policy accept;', lines: arrival.lines },
    ...untracked.hooks,
    ...(roots.divert === undefined ? [] : [divertHook(roots.divert, diverted)]),
    ...(roots.route === undefined ? [] : [routeHook(roots.route)]),
    {
      name: 'forward',
      hook: 'type filter hook forward priority filter; policy drop;',
      lines: [
        ...foreign(input, ['iifname', 'oifname']),
        ...every,
        countedByConnection('passed'),
        states(invalid),
        ...(input.nat.some((it) => 'told' in it && it.told !== undefined) ? [showingTranslated] : []),
        ...jump(roots.forward),
        `goto ${forward.object.name}`,
      ],
    },
    {
      name: 'input',
      hook: 'type filter hook input priority filter; policy drop;',
      lines: [
        'iifname "lo" accept',
        ...foreign(input, ['iifname']),
        ...counted,
        ...untracked.accepting,
        states(invalid),
        ...(roots.divert === undefined ? [] : [proxied]),
        ...jump(roots.local),
        ...(roots.own === undefined ? [] : [`fib daddr type != local goto ${local.object.name}`]),
        ...jump(roots.own),
        `goto ${local.object.name}`,
      ],
    },
    ...(every.length + counted.length === 0
      ? []
      : [
          {
            name: 'output',
            hook: 'type filter hook output priority filter; policy accept;',
            lines: [...every, ...counted],
          },
        ]),
    ...translationHooks(roots),
    ...clampHook(input),
    ...inspectionHook(context),
  ];
  const made = Object.values(roots).filter((it) => it !== undefined);
  return {
    hooks,
    needs: [
      ...made,
      forward,
      local,
      invalid,
      ...arrival.needs,
      ...untracked.needs,
      ...guards.flatMap((it) => it.needs),
    ],
  };
}

/** On a machine that has more than a gateway's interfaces: what touches none of those is somebody else's. */
function foreign({ others, interfaces }: FilterInput, fields: readonly string[]): readonly string[] {
  if (others === undefined) return [];
  const names = interfaces.map((it) => `"${it.name}"`).join(', ');
  return [`${fields.map((it) => `${it} != { ${names} }`).join(' ')} accept`];
}

const silence = (key: string, { input, memory, ends }: BaseContext): Made =>
  verdictOf(memory, droppedLines(key, ends, input.logImplicit));

/** A packet is dropped that came in where its sender cannot be, before its connection is looked for. */
function arrivalOf(context: BaseContext): { readonly lines: readonly string[]; readonly needs: readonly Made[] } {
  const { input } = context;
  const chains = input.interfaces.map((it) => ({ name: it.name, made: senderChain(it, context) }));
  const strange = silence(implicitKeys(input.owner).interface, context);
  if (chains.length === 0) return { lines: [`goto ${strange.object.name}`], needs: [strange] };
  const entries = chains.map(({ name, made }) => ({ name, chain: made.object.name }));
  const needs = chains.map((it) => it.made);
  const map = make({ kind: 'map', dimension: 'in', icmp: false, entries }, needs);
  return {
    lines: [
      'iifname "lo" accept',
      `iifname vmap @${map.object.name}`,
      input.others === undefined ? `goto ${strange.object.name}` : 'accept',
    ],
    needs: [map, strange],
  };
}

/** Who may be the sender of what comes in by an interface. */
function senderChain(
  { networks, external, antispoofing }: FilterInterface,
  { input, memory, ends }: BaseContext,
): Made {
  if (!antispoofing) return verdictOf(memory, ['accept']);
  const dropped = droppedLines(implicitKeys(input.owner).spoofed, ends, input.logImplicit);
  const inner = external ? input.interfaces.filter((it) => !it.external).flatMap((it) => it.networks) : networks;
  const ranges = merged(inner.map(prefix).map((it) => ({ from: firstOf(it), to: lastOf(it) })));
  const is = (not: string): readonly string[] =>
    ranges.length === 0 ? [] : [`ip saddr ${not}${rangesText('ipv4_addr', ranges)} accept`];
  // Who asks for an address has none.
  const lines = external
    ? ranges.length === 0
      ? ['accept']
      : [...is('!= '), ...dropped]
    : [...is(''), 'ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept', ...dropped];
  return verdictOf(memory, lines, setOf('ipv4_addr', ranges));
}

/** What must only leave in a tunnel is looked at packet by packet: a connection may begin in one and lose it. */
function guardLine({ id, outInterfaces, source, destination }: FilterGuard, context: BaseContext) {
  const { sets } = context;
  const made = silence(id, context);
  const out = `oifname { ${outInterfaces.map((it) => `"${it}"`).join(', ')} }`;
  const ends = { saddr: sets.side(source), daddr: sets.side(destination) };
  const compared = (['saddr', 'daddr'] as const).flatMap((field) => {
    const ranges = ends[field];
    return ranges === undefined ? [] : [`ip ${field} ${rangesText('ipv4_addr', ranges)}`];
  });
  const needs = [made, ...setOf('ipv4_addr', ends.saddr), ...setOf('ipv4_addr', ends.daddr)];
  // What names nothing guards nothing.
  const idle = ends.saddr?.length === 0 || ends.daddr?.length === 0;
  return { needs, lines: idle ? [] : [[out, ...compared, `rt ipsec missing goto ${made.object.name}`].join(' ')] };
}

/** The verdict comes first, the proxy second: what is taken over never meets the forward hook. */
const divertHook = (root: Made, ports: readonly number[]): Hook => ({
  name: 'divert',
  hook: 'type filter hook prerouting priority mangle; policy accept;',
  lines: [
    'meta l4proto != tcp accept',
    `socket transparent 1 ${settingProxied} accept`,
    'ct state != new accept',
    `th dport != { ${ports.join(', ')} } accept`,
    'fib daddr type local accept',
    `jump ${root.object.name}`,
  ],
});

/** Connections that have a path keep it, so only those are asked about that have none yet. */
const routeHook = (root: Made): Hook => ({
  name: 'lead',
  hook: 'type filter hook prerouting priority -149; policy accept;',
  lines: [
    'ct direction reply accept',
    `ct mark & ${hex(pathMask)} != 0x00000000 accept`,
    'fib daddr type local accept',
    `jump ${root.object.name}`,
  ],
});

function translationHooks({ destination, source }: Roots): readonly Hook[] {
  const one = (name: string, hook: string, root: Made | undefined): readonly Hook[] =>
    root === undefined
      ? []
      : [{ name, hook: `type nat hook ${hook}; policy accept;`, lines: [`jump ${root.object.name}`] }];
  return [
    ...one('destination', 'prerouting priority dstnat', destination),
    ...one('source', 'postrouting priority srcnat', source),
  ];
}

/** What tunnels add to packets must still fit. The kernel only ever lowers what both ends agree on. */
const clampHook = ({ clamps = [] }: FilterInput): readonly Hook[] =>
  clamps.length === 0
    ? []
    : [
        {
          name: 'clamp',
          hook: 'type filter hook forward priority mangle; policy accept;',
          lines: clamps.flatMap((it) =>
            (['iifname', 'oifname'] as const).map(
              (way) =>
                `${way} "${it.interface}" tcp flags & (syn | rst) == syn tcp option maxseg size set ${it.maxSegmentSize}`,
            ),
          ),
        },
      ];

/** What happens to every packet of some connections, after all verdicts and before the sender is translated. */
function inspectionHook({ input }: BaseContext): readonly Hook[] {
  const rules = input.rules.filter((it) => it.enabled && it.action === 'pass');
  const marked = (mark: number): string => `ct mark & ${formatMark(mark)} != 0x00000000`;
  const lines = [
    ...rules.filter((it) => it.log === 'packets').flatMap((it) => packetLines(it, input)),
    ...(input.ids !== undefined && rules.some((it) => it.inspection === 'ids')
      ? [`${marked(copiedMark)} fib saddr type != local ${copying(input.ids)}`]
      : []),
    // Nobody is there to say that they may pass.
    ...(input.ips === undefined && rules.some((it) => it.inspection === 'ips' && !it.failOpen)
      ? [`${marked(inspectedMark)} drop`]
      : []),
  ];
  return lines.length === 0
    ? []
    : [
        {
          name: 'inspect',
          hook: 'type filter hook postrouting priority -140; policy accept;',
          lines: [
            ...(input.ids === undefined ? [] : [`${canaryText(input.ids.canary)} ${copying(input.ids)}`]),
            `ct mark & ${formatMark(inspectedMark | copiedMark | loggedMark)} == 0x00000000 accept`,
            ...lines,
          ],
        },
      ];
}

/** Whole packets, and nobody waits for who reads them. */
const copying = ({ group }: { readonly group: number }): string => `log group ${group} snaplen 65535`;

/** Every packet of the connections that a rule let in, both ways. */
function packetLines({ id, number }: FilterRule, logging: Pick<FilterInput, 'logGroup' | 'logLimit'>) {
  const condition = `ct mark & ${formatMark(ruleMask)} == ${formatMark(number)} `;
  return [`${condition}${showingRule}`, ...logLines({ prefix: `allow:${id}`, condition }, logging)];
}
