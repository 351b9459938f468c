import type { Choices, States } from './choice.ts';
import type { RoutingHop, RoutingInput, RoutingRouter } from './input.ts';
import { cameMark, hex, markOf, noPath, pathMask, tableOf } from './marks.ts';

export const pathTable = 'ip gw_paths';

/** What marks our routes in the kernel (`ip route ... proto 86`), and the place of our rules. */
export const PROTOCOL = 86;
const FIRST_RULE = 500;

export const hasPaths = ({ routers }: Pick<RoutingInput, 'routers'>): boolean => routers.length > 0;

/** Rules of `ip rule`: what carries a path is led by the table of the path. Tunnels come before, the main table after. */
export const rulesOf = ({ hops, routers }: RoutingInput): readonly string[] =>
  [...hops, ...routers.filter((it) => it.byRule)]
    .map((it) => it.number)
    .sort((a, b) => a - b)
    .map((it) => `pref ${FIRST_RULE + it} fwmark ${hex(it * 0x0100_0000)}/${hex(pathMask)} lookup ${tableOf(it)}`);

const path = `ct mark & ${hex(pathMask)}`;
const follow = `meta mark set ct mark & ${hex(pathMask)}`;
const keep = (mark: string): string => `ct mark set ct mark & ${hex(~(pathMask | cameMark))} | ${mark}`;

/** Of connections that have a path: answers follow it when the question came by it, everything else when it did not. */
const following = [
  `ct direction reply ct mark & ${hex(cameMark)} != 0x00000000 ${follow}`,
  'ct direction reply accept',
  `ct mark & ${hex(cameMark)} != 0x00000000 accept`,
  `${path} == ${markOf(noPath)} accept`,
  `${path} != 0x00000000 ${follow} accept`,
];

const chain = (name: string, body: readonly string[]): string =>
  `  chain ${name} {\n${body.map((it) => `    ${it}\n`).join('')}  }\n`;

/**
 * Connections keep to the router that their first packet left by, and answers leave where the question came in. Loaded
 * beside the filter, which knows nothing of it but the mark of a packet that a rule sends by a router.
 */
export function renderPaths({ hops, connected }: RoutingInput): string {
  const outside = new Set(connected.filter((it) => it.external).map((it) => it.interface));
  const ways = firstOf(hops, (it) => `${it.interface} ${it.address}`);
  const doors = firstOf(
    hops.filter((it) => outside.has(it.interface)),
    (it) => it.interface,
  );
  const entries = (list: readonly string[]): string => `vmap { ${list.join(', ')} }`;
  const arriving = doors.map((it) => `"${it.interface}" : goto from_${it.number}`);
  const leaving = ways.map((it) => `"${it.interface}" . ${it.address} : goto by_${it.number}`);
  return [
    `table ${pathTable}\ndelete table ${pathTable}\ntable ${pathTable} {\n`,
    ...doors.map((it) => chain(`from_${it.number}`, [keep(hex(cameMark + it.number * 0x0100_0000))])),
    ...ways.map((it) => chain(`by_${it.number}`, [keep(markOf(it.number))])),
    chain('arrive', [
      'type filter hook prerouting priority -151; policy accept;',
      ...following,
      ...(arriving.length === 0 ? [] : [`iifname ${entries(arriving)}`]),
    ]),
    chain('own', ['type route hook output priority -151; policy accept;', ...following]),
    chain('leave', [
      'type filter hook postrouting priority -151; policy accept;',
      'ct direction reply accept',
      `${path} != 0x00000000 accept`,
      ...(leaving.length === 0 ? [] : [`oifname . rt ip nexthop ${entries(leaving)}`]),
      keep(markOf(noPath)),
    ]),
    '}\n',
  ].join('');
}

const firstOf = (hops: readonly RoutingHop[], key: (it: RoutingHop) => string): readonly RoutingHop[] => [
  ...new Map(hops.toReversed().map((it) => [key(it), it])).values(),
];

/** What `ip -batch` is told so that the kernel routes as chosen. Removals come apart: what is gone already is no fault. */
export interface Batch {
  readonly set: readonly string[];
  readonly away: readonly string[];
}

interface Standing {
  readonly input: RoutingInput;
  readonly states: States;
  readonly choices: Choices;
}

export function routesFor(standing: Standing): Batch {
  const { input, states } = standing;
  const routers = new Map(input.routers.map((it) => [it.number, it]));
  const hops = new Map(input.hops.map((it) => [it.number, it]));
  const lines: Line[] = input.routes.flatMap(({ destination, router }) => {
    const found = routers.get(router);
    return found === undefined ? [] : [led({ destination, table: 'main' }, found, { ...standing, hops })];
  });
  for (const router of input.routers) {
    const members = [...router.gateways, ...router.backups].flatMap(({ hop }) => hops.get(hop) ?? []);
    const tables = [
      ...(router.byRule ? [{ number: router.number }] : []),
      ...members.map((own) => ({ number: own.number, own })),
    ];
    for (const { number, ...of } of tables) {
      const table = String(tableOf(number));
      lines.push(...connectedLines(input, states, table));
      lines.push(led({ destination: 'default', table, ...of }, router, { ...standing, hops }));
    }
    for (const own of members.filter((it) => states.get(it.number) !== 'away'))
      for (const it of own.targets)
        for (const table of [String(tableOf(own.number)), 'main']) lines.push({ set: line(it, table, wayText(own)) });
  }
  return { set: lines.flatMap((it) => it.set ?? []), away: lines.flatMap((it) => it.away ?? []) };
}

interface Line {
  readonly set?: string;
  readonly away?: string;
}

const line = (destination: string, table: string, way: string): string =>
  `route replace ${destination} table ${table} proto ${PROTOCOL} ${way}`;

interface Leading {
  readonly destination: string;
  readonly table: string;
  /** The router whose connections have this table. */
  readonly own?: RoutingHop;
}

/** Where a router object leads in one table: by those in use; by the own router of a table, or one on its interface, first. */
function led(
  { destination, table, own }: Leading,
  router: RoutingRouter,
  { states, choices, hops }: Standing & { readonly hops: ReadonlyMap<number, RoutingHop> },
): Line {
  const chosen = choices.get(router.number)?.used ?? [];
  const beside = own === undefined ? [] : chosen.filter((it) => hops.get(it.hop)?.interface === own.interface);
  const used =
    own !== undefined && (states.get(own.number) ?? 'up') === 'up'
      ? [{ hop: own.number, weight: 1 }]
      : beside.length > 0
        ? beside
        : chosen;
  const here = [...router.gateways, ...router.backups].filter(({ hop }) => states.get(hop) !== 'away');
  // The main table has no other to fall back to, so what does not answer is used as if it did.
  const last = table === 'main' && !router.drop ? here.slice(0, router.balanced ? router.gateways.length : 1) : [];
  const ways = used.length > 0 ? used : last;
  if (ways.length > 0) return { set: line(destination, table, waysText(ways, hops)) };
  if (router.drop && here.length > 0)
    return { set: `route replace unreachable ${destination} table ${table} proto ${PROTOCOL}` };
  return { away: `route del ${destination} table ${table} proto ${PROTOCOL}` };
}

/** What is on the gateway's own interfaces is reached directly, whatever router a connection belongs to. */
const connectedLines = (input: RoutingInput, states: States, table: string): Line[] =>
  input.connected
    .filter((it) => isUp(input, states, it.interface))
    .map((it) => ({ set: line(it.network, table, `dev ${it.interface} scope link`) }));

/** Only interfaces with routers are looked at; the others are there. */
const isUp = ({ hops }: RoutingInput, states: States, port: string): boolean =>
  !hops.some((it) => it.interface === port && states.get(it.number) === 'away');

const wayText = (it: RoutingHop): string => `via ${it.address} dev ${it.interface} onlink`;

function waysText(
  ways: readonly { readonly hop: number; readonly weight: number }[],
  hops: ReadonlyMap<number, RoutingHop>,
): string {
  const known = ways.flatMap((it) => {
    const hop = hops.get(it.hop);
    return hop === undefined ? [] : [{ hop, weight: it.weight }];
  });
  const [first] = known;
  if (known.length === 1 && first !== undefined) return wayText(first.hop);
  return known
    .map(({ hop, weight }) => `nexthop via ${hop.address} dev ${hop.interface} weight ${weight} onlink`)
    .join(' ');
}
