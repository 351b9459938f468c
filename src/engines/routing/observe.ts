import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { RoutingInput, RoutingRouter } from './input.ts';
import type { RoutingStatus } from './status.ts';

type Held = Artifact<RoutingInput>;

export const failed = (held: Held, detail: string): Observation => ({
  artifact: held.id,
  state: 'failed',
  detail,
  values: {},
});

const nameOf = ({ key }: RoutingRouter): string => key.split('/').at(-1) ?? key;

/** Which routers do not answer, and what goes where instead. */
export function observation(held: Held, status: RoutingStatus): Observation {
  const { input } = held;
  const faults = [...input.routers.flatMap((it) => faultsOf(it, input, status)), ...refusedBy(status)];
  const words = input.routers.map((it) => `${usedText(it, input, status)} of ${nameOf(it)}`);
  const states = Object.values(status.hops).map((it) => it.state);
  const values = {
    up: states.filter((it) => it === 'up').length,
    down: states.filter((it) => it === 'down').length,
    onBackups: Object.values(status.routers).filter((it) => it.by === 'backups').length,
  };
  return {
    artifact: held.id,
    state: faults.length === 0 ? 'ready' : 'pending',
    ...(faults.length === 0 ? {} : { detail: faults.join('; ') }),
    values: Object.fromEntries(held.owners.map((it) => [it, values])),
    details: Object.fromEntries(held.owners.map((it) => [it, words.join('; ')])),
  };
}

function faultsOf(router: RoutingRouter, input: RoutingInput, status: RoutingStatus): string[] {
  const members = [...router.gateways, ...router.backups].flatMap(
    ({ hop }) => input.hops.find((it) => it.number === hop) ?? [],
  );
  const name = nameOf(router);
  const lost = members.flatMap((it) => {
    const seen = status.hops[it.number];
    const since =
      seen === undefined ? '' : ` since ${new Date(seen.since * 1000).toISOString().replace(/\.\d+Z$/, 'Z')}`;
    if (seen?.state === 'down') return [`router ${it.address} of ${name} does not answer${since}`];
    // What its peer has is no fault of this one.
    return seen?.state === 'away' && it.own
      ? [`router ${it.address} of ${name} is out of reach${since}: ${it.interface} has no carrier or no address`]
      : [];
  });
  const used = status.routers[router.number];
  return [
    ...lost,
    ...(used?.by === 'backups' ? [`${name} goes by backup ${usedText(router, input, status)}`] : []),
    ...(used?.by === 'none' && lost.length > 0
      ? [router.drop ? `nothing leaves by ${name}` : `${name} goes by the default route, though nothing answers`]
      : []),
  ];
}

const refusedBy = ({ refused }: RoutingStatus): string[] =>
  refused === null ? [] : [`the kernel refuses a route: ${refused}`];

function usedText({ number }: RoutingRouter, { hops }: RoutingInput, { routers }: RoutingStatus): string {
  const used = (routers[number]?.used ?? []).flatMap((it) => hops.find((hop) => hop.number === it)?.address ?? []);
  return used.length === 0 ? 'none' : used.join(' and ');
}
