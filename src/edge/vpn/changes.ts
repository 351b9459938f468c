import type { ServerResponse } from 'node:http';

/** Milliseconds between two signs of life. */
const BEAT = 5000;
/** Listeners at once; there is one for each gateway. */
const MOST = 200;

/**
 * Tells VPN services whose rights may have changed, one JSON object a line: `{"email":…}`, `{}` for anybody, and
 * `{"heartbeat":true}` when there is nothing to tell.
 */
export class VpnChanges {
  readonly #listeners = new Set<ServerResponse>();
  /** Milliseconds since 1970 at which time alone may change what somebody may. */
  readonly #due = new Map<string, number>();
  readonly #now: () => number;
  readonly #beat: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;

  constructor(now: () => number) {
    this.#now = now;
    this.#beat = setInterval(() => this.#write({ heartbeat: true }), BEAT).unref();
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  listen(response: ServerResponse): void {
    if (this.#listeners.size >= MOST) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    this.#listeners.add(response);
    response.on('close', () => this.#listeners.delete(response));
    // The first line says that it begins: what was missed before, nobody knows.
    response.write('{}\n');
  }

  tell(email?: string): void {
    this.#write(email === undefined ? {} : { email });
  }

  /** Tells it when that time has come. */
  due(email: string, at: number): void {
    this.#due.set(email, Math.min(at, this.#due.get(email) ?? Number.POSITIVE_INFINITY));
    this.#arm();
  }

  stop(): void {
    clearInterval(this.#beat);
    clearTimeout(this.#timer);
    for (const it of this.#listeners) it.destroy();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = Math.min(...this.#due.values());
    if (!Number.isFinite(next)) return;
    // A clock that is put forward must not be missed for long.
    const wait = Math.min(Math.max(next - this.#now(), 1000), 30_000);
    this.#timer = setTimeout(() => this.#ring(), wait).unref();
  }

  #ring(): void {
    const now = this.#now();
    for (const [email, at] of this.#due) {
      if (at > now) continue;
      this.#due.delete(email);
      this.tell(email);
    }
    this.#arm();
  }

  #write(line: object): void {
    const text = `${JSON.stringify(line)}\n`;
    for (const it of this.#listeners) {
      // Who does not read is cut off, and begins anew.
      if (it.writableLength > 1_000_000) it.destroy();
      else it.write(text);
    }
  }
}
