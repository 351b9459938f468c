import { createConnection } from 'node:net';

/** Milliseconds that one answer may take. */
const PATIENCE = 20_000;

/** Characters of an answer: some hundred for each server, and never without an end. */
const LONGEST = 64_000_000;

/** Asks HAProxy over one of its sockets; gives the whole answer. Throws when nobody answers. */
export function ask(socket: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    let answer = '';
    connection.setEncoding('utf8').setTimeout(PATIENCE, () => connection.destroy(new Error('no answer in time')));
    connection.on('data', (text: string) => {
      answer += text;
      if (answer.length > LONGEST) connection.destroy(new Error('an answer without an end'));
    });
    connection.once('error', reject);
    connection.once('close', (failed) => {
      if (!failed) resolve(answer.trim());
    });
    connection.end(`${command}\n`);
  });
}

/** Lines behind a command that takes several; none of them may be empty. */
export const withPayload = (command: string, lines: readonly string[]): string =>
  `${command} <<\n${lines.filter((it) => it !== '').join('\n')}\n`;

/** Bytes of a payload that the engine takes at once: its buffer, less the command. */
export const PAYLOAD = 15_000;

export interface Processes {
  readonly master: number;
  /** How often it has read its configuration anew, and how often in vain. */
  readonly reloads: number;
  readonly failed: number;
  readonly worker?: number;
  readonly old: readonly number[];
}

/** The answer of `show proc` on the master's socket; undefined when it is none. */
export function parseProcesses(text: string): Processes | undefined {
  const master = /^(\d+)\s+master\s+(\d+)(?:\s+\[failed: (\d+)\])?/m.exec(text);
  if (master === null) return undefined;
  const [, current = '', old = ''] = /# workers\n([^#]*)(?:# old workers\n([^#]*))?/.exec(text) ?? [];
  const workers = (lines: string) => [...lines.matchAll(/^(\d+)\s+worker/gm)].map(([, pid]) => Number(pid));
  const [worker] = workers(current);
  return {
    master: Number(master[1]),
    reloads: Number(master[2]),
    failed: Number(master[3] ?? 0),
    ...(worker === undefined ? {} : { worker }),
    old: workers(old),
  };
}

/** Rows of an answer in CSV, whose first line names the columns; only `show stat` answers so. */
export function parseRows(text: string): readonly Readonly<Record<string, string>>[] {
  const [head = '', ...lines] = text.replace(/^# /, '').split('\n');
  const names = head.split(',');
  return lines
    .filter((it) => it !== '')
    .map((line) => {
      const cells = cellsOf(line);
      return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']));
    });
}

function cellsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, text, bare]) =>
    text === undefined ? (bare ?? '') : text.replaceAll('""', '"'),
  );
}
