import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { KeepalivedInput } from './input.ts';

export const roles = ['active', 'standby', 'fault', 'stopped'] as const;
export type Role = (typeof roles)[number];

export interface RoleSince {
  readonly role: Role;
  /** Seconds since 1970. */
  readonly since: number;
}

/** Reads the file of the role; anything else counts as stopped. */
export function roleOf(text: string): RoleSince {
  const [word = '', seconds = ''] = text.trim().split(' ');
  const role = roles.find((it) => it === word) ?? 'stopped';
  return { role, since: Number.isFinite(Number(seconds)) ? Number(seconds) : 0 };
}

export interface Seen {
  readonly up: boolean;
  readonly rolesUp: boolean;
  readonly role: RoleSince;
  /** What `ip -j addr show` printed. */
  readonly addresses: string;
}

interface Listed {
  readonly ifname: string;
  readonly operstate?: string;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly { readonly local: string }[];
}

/** How many of the shared addresses are here, and which tracked interfaces lack carrier. */
export function observation(held: Artifact<KeepalivedInput>, seen: Seen): Observation {
  const { input } = held;
  const links = parsed(seen.addresses);
  const here = new Set(links.flatMap((it) => (it.addr_info ?? []).map((one) => `${it.ifname} ${one.local}`)));
  const owned = input.shared.filter((it) => here.has(`${it.interface} ${it.prefix.split('/')[0]}`)).length;
  const names = [input.interface, ...input.tracked.map((it) => it.interface)];
  const dark = [...new Set(names)].filter(
    (name) => links.find((it) => it.ifname === name)?.flags?.includes('LOWER_UP') !== true,
  );
  const { role, since } = seen.role;
  const faults = [
    ...(seen.up ? [] : ['keepalived is down']),
    ...(seen.rolesUp ? [] : ['the reader of roles is down']),
    ...dark.map((it) => `interface ${it} has no carrier`),
    ...(role === 'active' && owned < input.shared.length ? ['shared addresses are missing'] : []),
    ...(role !== 'active' && owned > 0 ? ['it has shared addresses and is not active'] : []),
  ];
  const state = !seen.up || !seen.rolesUp ? 'failed' : faults.length > 0 ? 'pending' : 'ready';
  const values = { active: role === 'active' ? 1 : 0, since, addresses: owned, dark: dark.length };
  return {
    artifact: held.id,
    state,
    ...(faults.length === 0 ? {} : { detail: faults.join('; ') }),
    values: Object.fromEntries(held.owners.map((owner) => [owner, values])),
    details: Object.fromEntries(held.owners.map((owner) => [owner, [role, ...faults].join('; ')])),
  };
}

function parsed(text: string): readonly Listed[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? (value as Listed[]) : [];
  } catch {
    return [];
  }
}
