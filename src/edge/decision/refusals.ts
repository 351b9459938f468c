/** How many refusals can be looked up. */
const KEPT = 10_000;

/** The last refusals by request id: "why was I refused" is one look-up. */
export class Refusals {
  readonly #entries = new Map<string, object>();

  add(requestId: string, entry: object): void {
    this.#entries.set(requestId, { time: new Date().toISOString(), ...entry });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= KEPT) break;
      this.#entries.delete(oldest);
    }
  }

  find(requestId: string): object | undefined {
    return this.#entries.get(requestId);
  }
}
