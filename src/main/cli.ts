import { readFileSync } from 'node:fs';
import { run } from '@stricli/core';
import { cliApp } from '#cli/app.ts';
import type { Cli } from '#cli/context.ts';
import { styleFor } from '#cli/style.ts';
import { doctor, down, setup, up } from '#lab/verbs.ts';

/** The command line. */

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// stricli writes numbers only; Node's own type admits more.
const context: Cli = {
  process: process as Cli['process'],
  stdin: process.stdin,
  stdout: process.stdout,
  env: process.env,
  style: styleFor(process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined),
  print: (text) => {
    process.stdout.write(`${text}\n`);
  },
  note: (text) => {
    process.stderr.write(`${text}\n`);
  },
};

// A reader who has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

await run(cliApp({ up, down, doctor, setup }, version), process.argv.slice(2), context);
