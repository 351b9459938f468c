import { type ChildProcess, execFileSync, spawn } from 'node:child_process';

interface Span {
  readonly from: number;
  to: number | undefined;
}

/** Who has had shared addresses, and when, as the kernel told it; nothing is sampled, so nothing is missed. */
export class Owners {
  readonly #namespaces: readonly string[];
  readonly #addresses: readonly string[];
  readonly #children: ChildProcess[] = [];
  #spans = new Map<string, Span[]>();

  constructor(namespaces: readonly string[], addresses: readonly string[]) {
    this.#namespaces = namespaces;
    this.#addresses = addresses;
  }

  async start(): Promise<void> {
    for (const namespace of this.#namespaces) {
      const argv = [`--net=/run/netns/${namespace}`, '--', 'ip', '-4', '-o', '-ts', 'monitor', 'address'];
      const child = spawn('nsenter', argv, {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, TZ: 'UTC' },
      });
      this.#children.push(child);
      let partial = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        const lines = (partial + text).split('\n');
        partial = lines.pop() ?? '';
        for (const line of lines) this.#take(namespace, line);
      });
      this.#takePresent(namespace);
    }
  }

  /** What a node has already: nobody tells that it is there, only that it goes. */
  #takePresent(namespace: string): void {
    const text = execFileSync('nsenter', [`--net=/run/netns/${namespace}`, 'ip', '-4', '-o', 'addr'], {
      encoding: 'utf8',
    });
    for (const [, address = ''] of text.matchAll(/ inet (\d+\.\d+\.\d+\.\d+)\//g)) {
      const spans = this.#spansOf(namespace, address);
      if (this.#addresses.includes(address) && spans.length === 0) spans.push({ from: Date.now(), to: undefined });
    }
  }

  #take(namespace: string, line: string): void {
    const found = /^\[(\S+)\] (Deleted )?.* inet (\d+\.\d+\.\d+\.\d+)\//.exec(line);
    const [, time = '', deleted, address = ''] = found ?? [];
    if (!this.#addresses.includes(address)) return;
    const at = Date.parse(`${time}Z`);
    const spans = this.#spansOf(namespace, address);
    const last = spans.at(-1);
    if (deleted !== undefined && last !== undefined && last.to === undefined) last.to = at;
    if (deleted === undefined && last?.to !== undefined) spans.push({ from: at, to: undefined });
    if (deleted === undefined && last === undefined) spans.push({ from: at, to: undefined });
  }

  #spansOf(namespace: string, address: string): Span[] {
    const key = `${namespace} ${address}`;
    const spans = this.#spans.get(key) ?? [];
    this.#spans.set(key, spans);
    return spans;
  }

  /** How often somebody got one of the addresses after `since`. */
  takeovers(since: number): number {
    return [...this.#spans.values()].flat().filter((it) => it.from >= since).length;
  }

  /** Longest time in milliseconds for which both had one of the addresses, of what ended after `since`. */
  longestDouble(since: number): number {
    const [a = '', b = ''] = this.#namespaces;
    const now = Date.now();
    let longest = 0;
    for (const address of this.#addresses) {
      for (const x of this.#spansOf(a, address)) {
        for (const y of this.#spansOf(b, address)) {
          const [from, to] = [Math.max(x.from, y.from), Math.min(x.to ?? now, y.to ?? now)];
          if (to > since) longest = Math.max(longest, to - from);
        }
      }
    }
    return longest;
  }

  stop(): void {
    for (const it of this.#children) it.kill('SIGKILL');
  }
}
