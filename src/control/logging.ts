import type { Deployment } from '#core/deployment.ts';
import { asProblem } from '#core/problem.ts';
import type { Snapshot } from '#core/resource.ts';
import { projectNumber } from '#kinds/instance/fabric.ts';
import { instance } from '#kinds/instance/kind.ts';
import { accessLogs } from './logs/lines/access.ts';
import { type LineLogHealth, LogCollector } from './logs/lines/collector.ts';
import { filterLogs } from './logs/lines/filter.ts';
import { firewallLogs } from './logs/lines/firewall.ts';
import { ipsecLogs } from './logs/lines/ipsec.ts';
import { type Places, placesIn, placesOf } from './logs/lines/places.ts';
import { requestLogs } from './logs/lines/requests.ts';
import { serialLogs, serialText } from './logs/lines/serial.ts';
import { urlFilterLogs } from './logs/lines/url-filter.ts';
import { vpnLogs } from './logs/lines/vpn.ts';
import { keepWithin, type LogRetention } from './logs/retention.ts';
import { openLogStore } from './logs/sqlite.ts';
import type { LogStore } from './logs/store.ts';
import { threatLog, threatLogFields, trafficLog } from './logs/threats.ts';
import type { ThreatPipeline } from './threats/pipeline.ts';
import type { ThreatStore } from './threats/store.ts';

export interface LoggingParts {
  readonly deployment: Deployment;
  readonly threats: ThreatStore;
  readonly pipeline: Pick<ThreatPipeline, 'listen' | 'listenSessions'>;
  readonly retention: LogRetention;
  readonly now: () => Date;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/** Every log of a deployment in one place: what is stored here, what is read from files, what the threat store has. */
export class Logging {
  readonly store: LogStore;
  readonly #parts: LoggingParts;
  readonly #collector: LogCollector;
  readonly #stopRetention: () => Promise<void>;
  #snapshot: Snapshot | undefined;
  #inForce: readonly Places[] = [];
  #expected: readonly Places[] = [];
  #places: Places = placesIn([]);

  constructor(parts: LoggingParts) {
    const { deployment, threats, pipeline, retention, now, log } = parts;
    this.#parts = parts;
    this.store = openLogStore({
      path: `${deployment.controlState}/logs.db`,
      sources: [
        threatLog({ store: threats, listen: pipeline.listen, projectNumber }),
        trafficLog({ store: threats, listen: pipeline.listenSessions, projectNumber }),
      ],
      indexed: threatLogFields,
    });
    this.#collector = new LogCollector({ store: this.store, now: () => now().getTime() });
    this.#stopRetention = keepWithin(this.store, retention, (error) =>
      log('old log entries stay', { problem: asProblem(error) }),
    );
  }

  /** A change to this is being applied: the machine may already log by its rules. */
  expect(snapshot: Snapshot): void {
    this.#look([placesOf(snapshot)], this.#inForce);
  }

  /** This is in force now. Lines that were logged under the state before it are still understood. */
  async follow(snapshot: Snapshot): Promise<void> {
    this.#snapshot = snapshot;
    this.#look([], [placesOf(snapshot), ...this.#inForce.slice(0, 1)]);
    const { deployment, now } = this.#parts;
    const surroundings = { deployment, places: () => this.#places, now };
    await this.#collector.follow([
      ...firewallLogs(snapshot, surroundings),
      ...filterLogs(snapshot, surroundings),
      ...serialLogs(snapshot, surroundings),
      ...requestLogs(snapshot, surroundings),
      ...accessLogs(snapshot, surroundings),
      ...urlFilterLogs(snapshot, surroundings),
      ...vpnLogs(snapshot, surroundings),
      ...ipsecLogs(snapshot, surroundings),
    ]);
  }

  #look(expected: readonly Places[], inForce: readonly Places[]): void {
    this.#expected = expected;
    this.#inForce = inForce;
    this.#places = placesIn([...this.#inForce.slice(0, 1), ...this.#expected, ...this.#inForce.slice(1)]);
  }

  /** The last lines of an instance's console; undefined when there is no such instance. */
  async serialText(project: string, name: string, lines: number): Promise<string | undefined> {
    const found = this.#snapshot?.find(instance, project, name);
    return found === undefined ? undefined : serialText(this.#parts.deployment, found, lines);
  }

  health(): readonly LineLogHealth[] {
    return this.#collector.health();
  }

  async stop(): Promise<void> {
    await this.#stopRetention();
    await this.#collector.stop();
    await this.store.close();
  }
}
