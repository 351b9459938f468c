import { readFileSync, statSync } from 'node:fs';
import type { Deployment } from '#core/deployment.ts';
import { addressesFile, parseSpans, personAt, type Span } from '#engines/filter/addresses.ts';
import { grantSources } from '#engines/filter/grants.ts';
import { gatewayNamespace } from '#kinds/network/fabric.ts';

interface AtGateway {
  readonly project: string;
  readonly name: string;
}

/** Who had an address at a gateway, by the SSL VPN or the captive portal, as their services have written it down. */
export interface VpnNames {
  /** At an instant (RFC 3339); undefined: it was nobody's. */
  personAt(gateway: AtGateway, address: string, at: string): string | undefined;
  /** Addresses that somebody has now. */
  addressesOf(gateway: AtGateway, email: string): readonly string[];
}

export function vpnNames({ run }: Pick<Deployment, 'run'>): VpnNames {
  const known = new Map<string, { readonly mark: string; readonly spans: readonly Span[] }>();
  const spansOf = ({ project, name }: AtGateway): readonly Span[] => {
    const all = grantSources.map((it) => spansIn(addressesFile({ run }, gatewayNamespace(project, name), it)));
    const [only = [], ...others] = all.filter((it) => it.length > 0);
    return others.length === 0 ? only : all.flat();
  };
  const spansIn = (path: string): readonly Span[] => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() !== true) return [];
    const mark = `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
    const before = known.get(path);
    if (before?.mark === mark) return before.spans;
    const spans = parseSpans(readOf(path));
    known.set(path, { mark, spans });
    return spans;
  };
  return {
    personAt: (gateway, address, at) => personAt(spansOf(gateway), address, at),
    addressesOf: (gateway, email) => [
      ...new Set(
        spansOf(gateway)
          .filter((it) => it.until === undefined && it.person === email.toLowerCase())
          .map((it) => it.address),
      ),
    ],
  };
}

function readOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Replaced, or gone with its gateway, in this moment.
    return undefined;
  }
}
