/**
 * What a running openvpn says on its management socket, as values (management-notes of OpenVPN 2.6). Pure: bytes in, messages
 * out, however they are cut.
 */

/** What happened to a client. `cid` names its connection, `kid` the key that is being negotiated. */
export interface ClientEvent {
  readonly kind: 'client';
  readonly event: 'CONNECT' | 'REAUTH' | 'ESTABLISHED' | 'DISCONNECT';
  readonly cid: number;
  readonly kid: number;
  readonly env: ReadonlyMap<string, string>;
}

export type Message =
  | ClientEvent
  /** It waits for permission to start. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'bytes'; readonly cid: number; readonly received: number; readonly sent: number }
  /** The end of an answer to the oldest command that has none yet. */
  | { readonly kind: 'answer'; readonly ok: boolean; readonly text: string }
  /** A line of an answer that has several; `END` is its last. */
  | { readonly kind: 'line'; readonly text: string };

/** Characters of a line, and variables of an event: whoever took openvpn over shall not fill our memory. */
const LONGEST = 64 * 1024;
const MOST_VARIABLES = 2000;

/** Puts lines together from what comes in. Throws RangeError for a line without an end. */
export class ManagementReader {
  #rest = '';
  #open: { event: ClientEvent['event']; cid: number; kid: number; env: Map<string, string> } | undefined;

  read(chunk: string): Message[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LONGEST) throw new RangeError('a line without an end');
    return lines.flatMap((it) => this.#line(it.replace(/\r$/, '')) ?? []);
  }

  #line(line: string): Message | undefined {
    if (line.startsWith('>CLIENT:')) return this.#client(line.slice('>CLIENT:'.length));
    if (line.startsWith('>HOLD:')) return { kind: 'hold' };
    if (line.startsWith('>BYTECOUNT_CLI:')) return bytesOf(line.slice('>BYTECOUNT_CLI:'.length));
    if (line.startsWith('>')) return undefined;
    const [, word, text = ''] = /^(SUCCESS|ERROR): ?(.*)$/.exec(line) ?? [];
    return word === undefined ? { kind: 'line', text: line } : { kind: 'answer', ok: word === 'SUCCESS', text };
  }

  #client(text: string): Message | undefined {
    if (text === 'ENV,END') {
      const done = this.#open;
      this.#open = undefined;
      return done === undefined ? undefined : { kind: 'client', ...done };
    }
    if (text.startsWith('ENV,')) {
      const [, name = '', value = ''] = /^ENV,([^=]+)=(.*)$/.exec(text) ?? [];
      // The first counts: what openvpn itself knows stands before what clients tell about themselves.
      const env = this.#open?.env;
      if (env !== undefined && !env.has(name) && env.size < MOST_VARIABLES) env.set(name, value);
      return undefined;
    }
    const [, word, cid, kid = '0'] = /^(CONNECT|REAUTH|ESTABLISHED|DISCONNECT),(\d+)(?:,(\d+))?/.exec(text) ?? [];
    if (word === undefined) return undefined;
    this.#open = { event: word as ClientEvent['event'], cid: Number(cid), kid: Number(kid), env: new Map() };
    return undefined;
  }
}

function bytesOf(text: string): Message | undefined {
  const [, cid, received, sent] = /^(\d+),(\d+),(\d+)$/.exec(text) ?? [];
  return cid === undefined
    ? undefined
    : { kind: 'bytes', cid: Number(cid), received: Number(received), sent: Number(sent) };
}

/** A client as `status 3` lists it. */
export interface Listed {
  readonly cid: number;
  readonly username: string;
  readonly realAddress: string;
  /** Empty while nobody has let it in. */
  readonly address: string;
  readonly received: number;
  readonly sent: number;
  /** Seconds since 1970. */
  readonly since: number;
}

/** Columns are found by their titles, because releases add some. */
export function listedIn(lines: readonly string[]): Listed[] {
  const rows = lines.map((it) => it.split('\t'));
  const titles = rows.find((it) => it[0] === 'HEADER' && it[1] === 'CLIENT_LIST')?.slice(1) ?? [];
  return rows
    .filter((it) => it[0] === 'CLIENT_LIST')
    .flatMap((row): Listed[] => {
      const text = (title: string): string => row[titles.indexOf(title)] ?? '';
      const number = (title: string): number => Number(text(title)) || 0;
      if (!/^\d+$/.test(text('Client ID'))) return [];
      return [
        {
          cid: number('Client ID'),
          username: text('Username'),
          realAddress: text('Real Address'),
          address: text('Virtual Address'),
          received: number('Bytes Received'),
          sent: number('Bytes Sent'),
          since: number('Connected Since (time_t)'),
        },
      ];
    });
}

/** A text as one word of a command: the management interface reads `\` and quotes. */
export const quoted = (text: string): string => {
  const plain = text.replaceAll('’', "'").replace(/[^\x20-\x7e]/g, '?');
  return `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
};
