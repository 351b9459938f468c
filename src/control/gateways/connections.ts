import type { Connection, Connections } from '#engines/filter/connections.ts';
import type { VpnNames } from '../vpn/names.ts';

/** A connection with who has signed in to the SSL VPN at its ends. */
export interface NamedConnection extends Connection {
  /** Who began it. */
  readonly user?: string;
  /** Who is reached by it. */
  readonly reached?: string;
}

export interface NamedConnections extends Connections {
  readonly items: readonly NamedConnection[];
}

interface Asking {
  /** Only connections from and to this person. */
  readonly user: string | undefined;
  /** What the gateway tells, narrowed to an address. */
  readonly ask: (more: { readonly source?: string; readonly destination?: string }) => Promise<Connections>;
}

/** Connections of a gateway under the names of people. Connections end when an address changes hands. */
export async function namedConnections(
  gateway: { readonly project: string; readonly name: string },
  names: VpnNames,
  { user, ask }: Asking,
): Promise<NamedConnections> {
  const now = new Date().toISOString();
  const named = (it: Connection): NamedConnection => {
    const [began, reached] = [it.source, it.server].map((address) => names.personAt(gateway, address, now));
    return { ...it, ...(began === undefined ? {} : { user: began }), ...(reached === undefined ? {} : { reached }) };
  };
  if (user === undefined) {
    const { items, total } = await ask({});
    return { items: items.map(named), total };
  }
  const questions = names.addressesOf(gateway, user).flatMap((it) => [{ source: it }, { destination: it }]);
  const found: Connections[] = [];
  for (const it of questions) found.push(await ask(it));
  const items = found.flatMap((it) => it.items).map(named);
  return { items: items.sort((a, b) => b.bytes - a.bytes), total: found.reduce((sum, it) => sum + it.total, 0) };
}
