import { readdir } from 'node:fs/promises';
import * as z from 'zod';
import type { Deployment } from '#core/deployment.ts';
import type { HostLink } from '#core/host.ts';
import type { Snapshot } from '#core/resource.ts';
import { filterId } from '#engines/filter/assemble.ts';
import type { InspectedTuple } from '#engines/filter/connections.ts';
import { openRegular } from '#engines/regular.ts';
import type { EveAlert } from '#engines/suricata/eve.ts';
import { pathsOf } from '#engines/suricata/paths.ts';
import { packetFiles } from '#engines/suricata/render.ts';
import { inspectionName, inspectionsOf } from '#kinds/gateway/inspection.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { idsEndpoint } from '#kinds/ids-endpoint/kind.ts';
import { instance } from '#kinds/instance/kind.ts';
import { FRONT_END } from '#kinds/network/edge.ts';
import { gatewayNamespace } from '#kinds/network/fabric.ts';
import { parseAddress } from '#lib/ip.ts';
import { packetsIn, sessionPcap } from '#lib/pcap.ts';
import { pack } from '../../rules/index.ts';
import { catalogueOf } from './threats/catalogue.ts';
import type { EndpointSettings } from './threats/enrich.ts';
import type { FeedSettings } from './threats/feed.ts';
import { startPipeline, type ThreatPipeline } from './threats/pipeline.ts';
import { crossingSettingsOf, feedSettingsOf } from './threats/settings.ts';
import type { ThreatStore } from './threats/store.ts';
import type { Threat } from './threats/threat.ts';
import { vpnNames } from './vpn/names.ts';

/** Keeps the pipeline in step with the endpoints that are in force, and joins names in. */
export class Detection {
  readonly pipeline: ThreatPipeline;
  readonly #deployment: Deployment;
  readonly #host: Pick<HostLink, 'ask'>;
  /** Feeds that are followed, with the name of their engine. */
  #feeds: readonly Fed[] = [];
  /** Instance by project, network and address. */
  #instances: ReadonlyMap<string, string> = new Map();

  constructor(parts: DetectionParts) {
    this.#deployment = parts.deployment;
    this.#host = parts.host;
    const names = vpnNames(parts.deployment);
    const definitionOf = catalogueOf(pack.threats, pack.meanings);
    this.pipeline = startPipeline({
      store: parts.store,
      contextFor: ({ project, network, name, isGateway }) => ({
        definitionOf,
        isProxy: (address) => address === FRONT_END,
        ...(isGateway === true
          ? { personAt: (address, at) => names.personAt({ project, name }, address, new Date(at / 1000).toISOString()) }
          : {}),
        instanceAt: (address) => this.#instances.get(`${project}/${network}/${address}`),
      }),
      rulesOf: (endpoint, alerts) => this.#rulesOf(endpoint, alerts),
      retention: () => ({
        before: Date.now() - parts.retentionDays * 86_400_000,
        threats: 10_000_000,
        sessions: 10_000_000,
      }),
    });
  }

  async follow(snapshot: Snapshot): Promise<void> {
    this.#instances = new Map(
      snapshot
        .all(instance)
        .flatMap((it) =>
          it.assigned.interfaces.map((leg) => [`${it.project}/${leg.network ?? ''}/${leg.address}`, it.name] as const),
        ),
    );
    const feeds = [
      ...snapshot.all(idsEndpoint).map((it): Fed => {
        const engine = `${it.project}/idsEndpoint/${it.name}`;
        return { engine, settings: feedSettingsOf(it, this.#paths(engine).eve) };
      }),
      ...snapshot.all(gateway).flatMap((it) =>
        inspectionsOf(it, snapshot).map((inspection): Fed => {
          const engine = inspectionName(it, inspection);
          return {
            engine,
            settings: crossingSettingsOf(it, inspection, { snapshot, file: this.#paths(engine).eve }),
          };
        }),
      ),
    ];
    const kept = new Set(feeds.map((it) => it.engine));
    for (const gone of this.#feeds.filter((it) => !kept.has(it.engine))) {
      await this.pipeline.remove(gone.settings.endpoint);
    }
    for (const it of feeds) await this.pipeline.put(it.settings);
    this.#feeds = feeds;
  }

  /** Packets of a threat's session, out of what its engine kept of sessions that raised an alert. */
  async packetsOf(threat: Threat): Promise<Uint8Array | undefined> {
    const engines = this.#feeds.filter(
      ({ settings: { endpoint } }) =>
        endpoint.project === threat.project &&
        endpoint.name === threat.endpoint &&
        (endpoint.isGateway === true) === (threat.gateway !== undefined),
    );
    for (const { engine } of engines) {
      const folder = this.#paths(engine).packets;
      const names = (await readdir(folder).catch(() => [])).sort().toReversed();
      for (const name of names) {
        const file = await contentOf(`${folder}/${name}`);
        const found = file === undefined ? undefined : sessionPcap(file, sessionOf(threat));
        if (found !== undefined && packetsIn(found) > 0) return found;
      }
    }
    return undefined;
  }

  /** While the gateway tracks their connections; otherwise, or while nobody answers, they are not known. */
  async #rulesOf({ project, name }: EndpointSettings, alerts: readonly EveAlert[]) {
    const tuples = alerts.map(({ protocol, client, server }): InspectedTuple => {
      const ends = { client: client.address, clientPort: client.port, server: server.address, serverPort: server.port };
      return { protocol, ...ends };
    });
    const artifact = filterId(gatewayNamespace(project, name));
    const answer = await this.#host
      .ask({ artifact, question: 'inspected', detail: JSON.stringify(tuples) })
      .catch(() => []);
    const keys = z.array(z.string().nullable()).catch([]).parse(answer);
    return alerts.map((_, index) => keys[index]?.split('/').slice(2).join('/'));
  }

  #paths(engine: string) {
    const places = { run: this.#deployment.run, state: this.#deployment.hostState };
    return pathsOf(places, { name: engine });
  }
}

interface DetectionParts {
  readonly deployment: Deployment;
  readonly host: Pick<HostLink, 'ask'>;
  readonly store: ThreatStore;
  readonly retentionDays: number;
}

/** An engine whose events are followed. */
interface Fed {
  /** As its artifact calls it. */
  readonly engine: string;
  readonly settings: FeedSettings;
}

/** Some times what the engine is told to write into one file. */
const LARGEST = 16 * packetFiles.megabytes * 1024 * 1024;

async function contentOf(path: string): Promise<Buffer | undefined> {
  const file = await openRegular(path);
  if (file === undefined) return undefined;
  try {
    return (await file.stat()).size > LARGEST ? undefined : await file.readFile();
  } catch {
    return undefined;
  } finally {
    await file.close();
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
