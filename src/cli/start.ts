import type { Cli } from './context.ts';
import { exitCodeFrom } from './exit.ts';
import { overview } from './help.ts';
import { styleFor } from './style.ts';
import { type MachineVerbs, verbGroups } from './verbs.ts';

export interface StartParts {
  readonly version: string;
  readonly inputs: readonly string[];
  readonly machine: MachineVerbs;
}

/** Runs what was typed in this process, and sets its exit code. */
export async function start({ version, inputs, machine }: StartParts): Promise<void> {
  // A reader who has seen enough (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const cli = processCli(inputs);
  const groups = verbGroups(machine);
  const [first] = inputs;
  if (first === undefined || (inputs.length === 1 && ['help', '-h', '--help'].includes(first)))
    return cli.print(overview(groups, cli.style));
  if (inputs.length === 1 && (first === '--version' || first === '-v')) return cli.print(version);
  if (first === 'complete') {
    const { complete } = await import('./complete.ts');
    for (const it of await complete(cli, { groups, version }, inputs.slice(1))) cli.print(it);
    return;
  }
  const [{ run }, { cliApp }] = await Promise.all([import('@stricli/core'), import('./app.ts')]);
  await run(await cliApp({ groups, version, inputs }), inputs, cli);
  process.exitCode = exitCodeFrom(process.exitCode);
}

const processCli = (words: readonly string[]): Cli => ({
  // stricli writes numbers only; Node's own type admits more.
  process: process as Cli['process'],
  stdin: process.stdin,
  stdout: process.stdout,
  env: process.env,
  words,
  style: styleFor(process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined),
  print: (text) => {
    process.stdout.write(`${text}\n`);
  },
  note: (text) => {
    process.stderr.write(`${text}\n`);
  },
});
