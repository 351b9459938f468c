import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Problem } from '#core/problem.ts';
import type { Cli } from './context.ts';

/** Characters at least: a file that somebody takes away can be tried for years. */
const LEAST = 12;

export const passphraseFlag = {
  kind: 'parsed',
  parse: String,
  optional: true,
  brief: 'File whose first line is the passphrase (default: VAUBAN_PASSPHRASE, or you are asked)',
  placeholder: 'file',
} as const;

/** The passphrase, from where it was put. `chosen`: it is a new one, which must be long enough and is asked for twice. */
export async function passphraseOf(cli: Cli, file: string | undefined, chosen: boolean): Promise<string> {
  const given = file === undefined ? cli.env['VAUBAN_PASSPHRASE'] : firstLineOf(file);
  const passphrase = given ?? (await asked(cli, 'Passphrase: '));
  if (!chosen) return passphrase;
  if (passphrase.length < LEAST)
    throw refused(
      `it has fewer than ${LEAST} characters`,
      'Choose a longer one: some words that nobody would put together.',
    );
  if (given === undefined && (await asked(cli, 'Once more: ')) !== passphrase)
    throw refused('the second one was another', 'Type the same passphrase twice.');
  return passphrase;
}

function firstLineOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0];
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), 'Name the file that has it.');
  }
}

const refused = (message: string, fix: string): Problem =>
  new Problem('INVALID_REQUEST', { at: 'passphrase', message, fix });

/** Asks on the terminal; what is typed is not shown. */
async function asked(cli: Cli, question: string): Promise<string> {
  if (cli.stdin.isTTY !== true)
    throw refused('there is none', 'Name a file with --passphrase-file, or set VAUBAN_PASSPHRASE.');
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: cli.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  try {
    return await lines.question('');
  } catch {
    throw refused('none was given', 'Run it again and type one.');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
