import { type EveAlert, parseEve } from '#engines/suricata/eve.ts';
import { isCanary } from '#engines/suricata/render.ts';
import type { Crossed } from './threat.ts';

/** Sessions whose rule is remembered. */
const most = 10_000;
/** Sessions that are asked about at once. */
const together = 100;

/**
 * Which filter rules let in the sessions that a gateway's inspection reports. The engine does not know; the gateway does, as
 * long as it tracks the connection, so each is asked about once, as soon as its first alert is read.
 */
export class Crossings {
  readonly #gateway: string;
  readonly #ask: (alerts: readonly EveAlert[]) => Promise<readonly (string | undefined)[]>;
  readonly #rules = new Map<string, string | undefined>();

  constructor(gateway: string, ask: (alerts: readonly EveAlert[]) => Promise<readonly (string | undefined)[]>) {
    this.#gateway = gateway;
    this.#ask = ask;
  }

  /** Learns what is new in some lines, and answers for their alerts. */
  async of(lines: readonly string[]): Promise<(alert: EveAlert) => Crossed> {
    const fresh = new Map<string, EveAlert>();
    for (const line of lines) {
      const event = parseEve(line, { flows: false });
      if (event.kind !== 'alert' || isCanary(event.signatureId)) continue;
      const key = keyOf(event);
      if (!this.#rules.has(key)) fresh.set(key, event);
    }
    const asked = [...fresh].slice(0, together);
    const found = asked.length === 0 ? [] : await this.#ask(asked.map(([, alert]) => alert));
    if (this.#rules.size + asked.length > most) this.#rules.clear();
    for (const [index, [key]] of asked.entries()) this.#rules.set(key, found[index]);
    return (alert) => {
      const rule = this.#rules.get(keyOf(alert));
      return rule === undefined ? { gateway: this.#gateway } : { gateway: this.#gateway, rule };
    };
  }
}

const keyOf = ({ flowId, protocol, client, server }: EveAlert): string =>
  `${flowId ?? ''} ${protocol} ${client.address} ${client.port} ${server.address} ${server.port}`;
