import { readdir, readFile } from 'node:fs/promises';
import type { Deployment } from '#core/deployment.ts';
import type { Snapshot } from '#core/resource.ts';
import { pathsOf } from '#engines/suricata/paths.ts';
import type { Endpoint } from '#kinds/ids-endpoint/fabric.ts';
import { idsEndpoint } from '#kinds/ids-endpoint/kind.ts';
import { instance } from '#kinds/instance/kind.ts';
import { FRONT_END } from '#kinds/network/edge.ts';
import { parseAddress } from '#lib/ip.ts';
import { packetsIn, sessionPcap } from '#lib/pcap.ts';
import { pack } from '../../rules/index.ts';
import { catalogueOf } from './threats/catalogue.ts';
import { startPipeline, type ThreatPipeline } from './threats/pipeline.ts';
import { feedSettingsOf } from './threats/settings.ts';
import type { ThreatStore } from './threats/store.ts';
import type { Threat } from './threats/threat.ts';

/** Keeps the pipeline in step with the endpoints that are in force, and joins names in. */
export class Detection {
  readonly pipeline: ThreatPipeline;
  readonly #deployment: Deployment;
  #endpoints: readonly Endpoint[] = [];
  /** Instance by project, network and address. */
  #instances: ReadonlyMap<string, string> = new Map();

  constructor(parts: { readonly deployment: Deployment; readonly store: ThreatStore; readonly retentionDays: number }) {
    this.#deployment = parts.deployment;
    const definitionOf = catalogueOf(pack.threats, pack.meanings);
    this.pipeline = startPipeline({
      store: parts.store,
      contextFor: ({ project, network }) => ({
        definitionOf,
        isProxy: (address) => address === FRONT_END,
        instanceAt: (address) => this.#instances.get(`${project}/${network}/${address}`),
      }),
      retention: () => ({
        before: Date.now() - parts.retentionDays * 86_400_000,
        threats: 10_000_000,
        sessions: 10_000_000,
      }),
    });
  }

  async follow(snapshot: Snapshot): Promise<void> {
    const endpoints = snapshot.all(idsEndpoint);
    this.#instances = new Map(
      snapshot
        .all(instance)
        .flatMap((it) =>
          it.assigned.interfaces.map((leg) => [`${it.project}/${leg.network}/${leg.address}`, it.name] as const),
        ),
    );
    const kept = new Set(endpoints.map((it) => `${it.project}/${it.name}`));
    for (const gone of this.#endpoints.filter((it) => !kept.has(`${it.project}/${it.name}`))) {
      await this.pipeline.remove(feedSettingsOf(gone, '').endpoint);
    }
    for (const it of endpoints) await this.pipeline.put(feedSettingsOf(it, this.#paths(it).eve));
    this.#endpoints = endpoints;
  }

  /** Packets of a threat's session, out of what its endpoint kept of sessions that raised an alert. */
  async packetsOf(threat: Threat): Promise<Uint8Array | undefined> {
    const endpoint = this.#endpoints.find((it) => it.project === threat.project && it.name === threat.endpoint);
    if (endpoint === undefined) return undefined;
    const folder = this.#paths(endpoint).packets;
    const names = (await readdir(folder).catch(() => [])).sort().toReversed();
    for (const name of names) {
      const file = await readFile(`${folder}/${name}`).catch(() => undefined);
      const found = file === undefined ? undefined : sessionPcap(file, sessionOf(threat));
      if (found !== undefined && packetsIn(found) > 0) return found;
    }
    return undefined;
  }

  #paths({ project, name }: Endpoint) {
    const places = { run: this.#deployment.run, state: this.#deployment.hostState };
    return pathsOf(places, { name: `${project}/idsEndpoint/${name}` });
  }
}

const protocols: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17 };

const sessionOf = ({ ipProtocol, source, destination }: Threat) => ({
  protocol: protocols[ipProtocol.toLowerCase()] ?? 0,
  source: parseAddress(source.address) ?? 0,
  sourcePort: source.port,
  destination: parseAddress(destination.address) ?? 0,
  destinationPort: destination.port,
});
