import type { Resource, Snapshot } from '#core/resource.ts';
import { contains, address as parse, parseAddress, prefix } from '#lib/ip.ts';
import { didYouMean } from '#lib/text.ts';
import { chooseExternal, takenExternal } from '../address/external.ts';
import { address } from '../address/kind.ts';
import { firstFree } from '../allocation.ts';
import type { Objection } from '../define.ts';
import { EDGE_TRANSIT } from '../network/fabric.ts';

/** Where something of a project's edge is found from the internet. */
export interface Front {
  readonly address: string;
  /** Address of the project's edge towards the internet; the same for all its front ends. */
  readonly transit: string;
  /** Only when it is this resource's own. */
  readonly externalAddresses: readonly string[];
}

type Fronted = Resource<{ readonly address?: string | undefined }, Partial<Front> | undefined>;

/** Chooses an address; `shared`: those that others of the project have, which this one may stand on, too. */
export function chooseFront(resource: Fronted, shared: readonly string[], snapshot: Snapshot): Front | Objection {
  const chosen = chooseAddress(resource, shared, snapshot);
  if ('message' in chosen) return chosen;
  const transit = chooseTransit(resource.project, snapshot);
  return transit === undefined
    ? { code: 'UNMET', path: [], message: 'there are too many load balancers', fix: 'Delete one.' }
    : { ...chosen, transit };
}

type Chosen = Omit<Front, 'transit'>;

function chooseAddress(resource: Fronted, shared: readonly string[], snapshot: Snapshot): Chosen | Objection {
  const wanted = resource.spec.address;
  if (wanted !== undefined && parseAddress(wanted) === undefined) return reserved(resource, wanted, snapshot);
  const taken = takenExternal(snapshot, resource);
  if (wanted === undefined) {
    const chosen = chooseExternal(resource.assigned?.externalAddresses?.[0], taken);
    if (chosen !== undefined) return { address: chosen, externalAddresses: [chosen] };
    return { code: 'UNMET', path: [], message: 'no external address is left', fix: 'Name one in `address`.' };
  }
  if (shared.includes(wanted) || isReserved(resource, wanted, snapshot))
    return { address: wanted, externalAddresses: [] };
  if (taken.has(wanted)) {
    const message = `${wanted} is held by another resource`;
    return { path: ['address'], message, fix: 'Choose another address, or leave it out.' };
  }
  if (!isOnInternet(wanted)) {
    const message = `${wanted} is not an address of the internet`;
    return { path: ['address'], message, fix: 'Leave `address` out to have one chosen, or name a public one.' };
  }
  return { address: wanted, externalAddresses: [wanted] };
}

const unusable = [
  ...['0.0.0.0/8', '10.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.2.0/24', '192.168.0.0/16'],
  ...['198.18.0.0/15', '224.0.0.0/3', '130.211.0.0/22', '35.191.0.0/16', '35.235.240.0/20', '199.36.153.8/30'],
].map(prefix);

/** Not private, not this machine's, not of the fabric itself. */
export const isOnInternet = (text: string): boolean => !unusable.some((it) => contains(it, parse(text)));

const isReserved = ({ project }: Fronted, wanted: string, snapshot: Snapshot): boolean =>
  snapshot.all(address, project).some((it) => it.spec.type === 'external' && it.assigned?.address === wanted);

function reserved({ project }: Fronted, name: string, snapshot: Snapshot): Chosen | Objection {
  const found = snapshot.find(address, project, name);
  if (found?.spec.type === 'external') return { address: found.assigned.address, externalAddresses: [] };
  const names = snapshot.all(address, project).flatMap((it) => (it.spec.type === 'external' ? [it.name] : []));
  const near = didYouMean(name, names);
  return {
    code: 'REFERENCE_DANGLING',
    path: ['address'],
    message: `there is no external address named ${name}`,
    fix: near === undefined ? 'Reserve it under addresses, or leave `address` out.' : `Did you mean ${near}?`,
  };
}

const transits = prefix(EDGE_TRANSIT);

/** One for the whole project, kept as long as something of its edge is there. Networks have some of another range. */
export function chooseTransit(project: string, snapshot: Snapshot): string | undefined {
  const held = snapshot.resources.flatMap((it) => {
    const transit = (it.assigned as Partial<Front> | undefined)?.transit;
    return transit !== undefined && contains(transits, parse(transit)) ? [{ project: it.project, transit }] : [];
  });
  const others = held.filter((it) => it.project !== project).map((it) => it.transit);
  const own = held.filter((it) => it.project === project).map((it) => it.transit);
  return own.sort().find((it) => !others.includes(it)) ?? firstFree(transits, new Set(others), { first: 1, last: 1 });
}
