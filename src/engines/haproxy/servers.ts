import { isProtected } from './iap.ts';
import type { BackendService, HaproxyInput, Server } from './input.ts';
import { askingName } from './names.ts';
import { isNamed, serverName, serverNamed, serverWords } from './server.ts';

/** A server of a backend as the running process has it, from `show servers state`. */
export interface Running {
  readonly backend: string;
  /** As `serverName` makes it. */
  readonly name: string;
  /** What a name was found to be; that of all others is in their name. */
  readonly address: string;
  readonly weight: number;
  /** What it was put into: `ready` gets requests if it is well. */
  readonly admin: 'ready' | 'drain' | 'maint';
}

const FORCED_MAINT = 0x01;
const FORCED_DRAIN = 0x08;

/** Total: lines that are none of a server are left out. */
export function parseServers(text: string): readonly Running[] {
  return text.split('\n').flatMap((line): Running[] => {
    if (!/^\d+ /.test(line)) return [];
    const cells = line.split(' ');
    const [, backend = '', , name = '', address = '', , admin = '0', weight = '0'] = cells;
    if (backend === '' || name === '' || cells.length < 19) return [];
    const bits = Number(admin);
    const state = (bits & FORCED_MAINT) !== 0 ? 'maint' : (bits & FORCED_DRAIN) !== 0 ? 'drain' : 'ready';
    return [{ backend, name, address, weight: Number(weight), admin: state }];
  });
}

/** A server as it shall be in one backend. */
export interface Wanted {
  readonly service: BackendService;
  readonly backend: string;
  readonly server: Server;
}

const placeOf = ({ backend, server }: Wanted): string => `${backend}/${serverName(server)}`;

/** Servers whose address is looked up are the engine's own business. */
export const wantedServers = (input: HaproxyInput): readonly Wanted[] =>
  input.services.flatMap((service) =>
    backendsOf(service).flatMap((backend) =>
      service.servers.filter((it) => !isNamed(it)).map((server) => ({ service, backend, server })),
    ),
  );

export const backendsOf = (service: BackendService): readonly string[] =>
  isProtected(service) ? [service.name, askingName(service.name)] : [service.name];

/** Which state each server was steered into; what is not named is `ready`. Keys are `SERVICE/SERVER`. */
export type Steered = Readonly<Record<string, 'drain' | 'maint'>>;

export interface Steps {
  /** Commands for the runtime interface, in order. */
  readonly commands: readonly string[];
  /** `BACKEND/SERVER` of those that nobody wants any more: they finish what they have. */
  readonly leaving: readonly string[];
}

/**
 * From what runs to what is wanted, without touching a connection. A new server gets requests once its check has found it
 * well. Pure.
 */
export function serverSteps(
  input: HaproxyInput,
  running: readonly Running[],
  { steered, leaving }: { readonly steered: Steered; readonly leaving: ReadonlySet<string> },
): Steps {
  const there = new Map(running.map((it) => [`${it.backend}/${it.name}`, it]));
  const wanted = wantedServers(input);
  const kept = new Set(wanted.map(placeOf));
  const named = new Set(
    input.services.flatMap((service) =>
      backendsOf(service).flatMap((it) => service.servers.filter(isNamed).map((server) => `${it}/${server.name}`)),
    ),
  );
  const ours = new Set(input.services.flatMap(backendsOf));
  const gone = running.filter(
    (it) => ours.has(it.backend) && !kept.has(`${it.backend}/${it.name}`) && !named.has(`${it.backend}/${it.name}`),
  );
  return {
    commands: [
      ...wanted.flatMap((it) => {
        const place = placeOf(it);
        const state = steered[`${it.service.name}/${it.server.name}`] ?? 'ready';
        const found = there.get(place);
        if (found === undefined) {
          const moves = gone.some((had) => had.backend === it.backend && serverNamed(had.name).name === it.server.name);
          return additions(it, { state, moves, input });
        }
        return changes(it, found, { state, returns: leaving.has(place) });
      }),
      ...gone.filter((it) => it.admin === 'ready').map((it) => `set server ${it.backend}/${it.name} state drain`),
    ],
    leaving: gone.map((it) => `${it.backend}/${it.name}`),
  };
}

type State = 'ready' | 'drain' | 'maint';

/** `moves`: it was somewhere else until now, and counts for as well as it did there until its first check. */
function additions(
  it: Wanted,
  { state, moves, input }: { readonly state: State; readonly moves: boolean; readonly input: HaproxyInput },
): readonly string[] {
  const { service, backend, server } = it;
  const place = placeOf(it);
  const { check } = service;
  const atOnce = check === undefined || moves;
  const words = serverWords(atOnce ? server : { ...server, weight: 0 }, { service, from: input });
  return [
    `add server ${place} ${words.join(' ')}`,
    // Cookies of servers that came later are not made by themselves.
    ...(service.affinity.by === 'generated' ? [`enable dynamic-cookie backend ${backend}`] : []),
    ...(check === undefined ? [] : [`enable health ${place}`]),
    `set server ${place} state ${state}`,
    // It would count as well until its first check; until it is known to be ill it has no weight.
    ...(atOnce ? [] : [`set server ${place} health down`, `set server ${place} weight ${server.weight}`]),
  ];
}

function changes(
  it: Wanted,
  found: Running,
  { state, returns }: { readonly state: State; readonly returns: boolean },
): readonly string[] {
  const place = placeOf(it);
  return [
    ...(found.weight === it.server.weight ? [] : [`set server ${place} weight ${it.server.weight}`]),
    ...(found.admin === state && !returns ? [] : [`set server ${place} state ${state}`]),
  ];
}

/** What is still not as it should be, in words; empty when all is. */
export function differences(
  input: HaproxyInput,
  running: readonly Running[],
  { steered, leaving }: { readonly steered: Steered; readonly leaving: ReadonlySet<string> },
): readonly string[] {
  const { commands, leaving: left } = serverSteps(input, running, { steered, leaving: new Set() });
  return [...commands, ...left.filter((it) => !leaving.has(it)).map((it) => `${it} is still there`)];
}
