/** A token bucket for each key: `rate` a second on the long run, `burst` at once. Time is handed in, in milliseconds. */
export class RateLimit {
  readonly #rate: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(options: { readonly rate: number; readonly burst: number }) {
    this.#rate = options.rate;
    this.#burst = options.burst;
  }

  /** Takes one; false when there is none left. */
  take(key: string, now: number): boolean {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, at: now };
    const tokens = Math.min(this.#burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * this.#rate);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > 10_000) this.#forget(now);
    return tokens >= 1;
  }

  /** Milliseconds until there is one again. */
  wait(key: string): number {
    const tokens = this.#buckets.get(key)?.tokens ?? this.#burst;
    return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) / this.#rate) * 1000);
  }

  #forget(now: number): void {
    for (const [key, { at }] of this.#buckets) {
      if ((now - at) / 1000 > this.#burst / this.#rate) this.#buckets.delete(key);
    }
  }
}
