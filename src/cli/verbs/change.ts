import { createInterface } from 'node:readline/promises';
import { buildCommand } from '@stricli/core';
import type { Operation } from '#control/operations.ts';
import type { Revision } from '#control/store/store.ts';
import { Problem } from '#core/problem.ts';
import type { Difference } from '#plan/difference.ts';
import { type Cli, clientOf, type Target } from '../context.ts';
import { printDifference } from '../difference.ts';
import { formatFlag, seconds, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, printOne } from '../output.ts';
import { follow } from '../progress.ts';
import { readSite } from '../site.ts';

const fileParameter = {
  kind: 'tuple',
  parameters: [{ brief: 'Site file, or folder of them', parse: String, placeholder: 'file' }],
} as const;

const confirmFlag = {
  kind: 'parsed',
  parse: seconds,
  optional: true,
  brief: 'Take the change back after this time unless `vauban confirm` comes',
  placeholder: '2m',
} as const;

export const plan = buildCommand({
  docs: {
    brief: 'Show what a site file would change, and what that means; exit code 3 when it would change something',
  },
  parameters: {
    flags: { ...targetFlags, output: formatFlag },
    aliases: { ...targetAliases, o: 'output' },
    positional: fileParameter,
  },
  async func(this: Cli, flags: Target & { readonly output: Format }, file: string) {
    const difference = await clientOf(this, flags).post<Difference>('/v1/plan', { files: readSite(file) });
    if (flags.output === 'table') printDifference(this, difference);
    else printOne(this, flags.output, difference);
    if (difference.resources.length + difference.artifacts.length > 0) this.process.exitCode = 3;
  },
});

interface ApplyFlags extends Target {
  readonly confirmWithin?: number;
  readonly message?: string;
  readonly yes: boolean;
}

export const apply = buildCommand({
  docs: { brief: 'Make a project exactly what its site file says' },
  parameters: {
    flags: {
      ...targetFlags,
      confirmWithin: confirmFlag,
      message: { kind: 'parsed', parse: String, optional: true, brief: 'Why, for the history', placeholder: 'text' },
      yes: { kind: 'boolean', default: false, brief: 'Do not ask' },
    },
    aliases: { ...targetAliases, m: 'message', y: 'yes' },
    positional: fileParameter,
  },
  async func(this: Cli, flags: ApplyFlags, file: string) {
    const client = clientOf(this, flags);
    const files = readSite(file);
    const difference = await client.post<Difference>('/v1/plan', { files });
    printDifference(this, difference);
    if (difference.resources.length + difference.artifacts.length === 0) return;
    await agreed(this, flags.yes);
    const { operation } = await client.post<{ operation: Operation }>('/v1/apply', {
      files,
      ...(flags.message === undefined ? {} : { message: flags.message }),
      ...(flags.confirmWithin === undefined ? {} : { confirmSeconds: flags.confirmWithin }),
    });
    const done = await follow(this, client, operation);
    this.print(`Revision ${done.revision} is in force.`);
    if (flags.confirmWithin !== undefined)
      this.print(`It is taken back in ${flags.confirmWithin} s unless you run \`vauban confirm\`.`);
  },
});

/** Asks on a terminal; elsewhere whoever wrote the script has thought about it. */
export async function agreed(cli: Cli, yes: boolean): Promise<void> {
  if (yes || cli.stdin.isTTY !== true) return;
  const question = createInterface({ input: cli.stdin, output: process.stderr });
  const answer = await question.question('Apply this? [y/N] ');
  question.close();
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new Problem('INVALID_REQUEST', { at: 'apply', message: 'not applied', fix: 'Answer y, or use --yes.' });
}

export const confirm = buildCommand({
  docs: { brief: 'Keep the change that waits for it' },
  parameters: { flags: targetFlags, aliases: targetAliases },
  async func(this: Cli, flags: Target) {
    const { revision } = await clientOf(this, flags).post<{ revision: number }>('/v1/confirm');
    this.print(`Revision ${revision} is kept.`);
  },
});

export const history = buildCommand({
  docs: { brief: 'List revisions: who changed what, and what came of it' },
  parameters: {
    flags: {
      ...targetFlags,
      output: formatFlag,
      limit: { kind: 'parsed', parse: Number, default: '20', brief: 'How many' },
    },
    aliases: { ...targetAliases, o: 'output' },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'One revision, with its difference', parse: String, optional: true, placeholder: 'revision' },
      ],
    },
  },
  async func(this: Cli, flags: Target & { readonly output: Format; readonly limit: number }, number?: string) {
    const client = clientOf(this, flags);
    if (number !== undefined) {
      const revision = await client.get<Revision>(`/v1/revisions/${encodeURIComponent(number)}`);
      if (flags.output !== 'table') return printOne(this, flags.output, revision);
      this.print(
        this.style.bold(`Revision ${revision.number}  ${revision.state}  ${revision.time}  ${revision.author}`),
      );
      this.print(`${revision.message}\n`);
      printDifference(this, { resources: revision.changes, artifacts: [] });
      if (revision.problem !== undefined)
        this.print(`\n${this.style.red(revision.problem.message)} (${revision.problem.at})`);
      return undefined;
    }
    const { revisions } = await client.get<{ revisions: Revision[] }>('/v1/revisions', { limit: String(flags.limit) });
    printList(this, flags.output, revisions, {
      name: (it) => String(it.number),
      empty: 'Nothing has been applied yet.',
      columns: [
        { title: 'REVISION', value: (it) => String(it.number) },
        { title: 'STATE', value: (it) => it.state },
        { title: 'TIME', value: (it) => it.time },
        { title: 'AUTHOR', value: (it) => it.author },
        { title: 'CHANGES', value: (it) => String(it.changes.length) },
        { title: 'MESSAGE', value: (it) => it.problem?.message.split('\n')[0]?.slice(0, 80) ?? it.message },
      ],
    });
    return undefined;
  },
});

export const rollback = buildCommand({
  docs: { brief: 'Bring everything back to how it was at a revision; without one, take the pending change back' },
  parameters: {
    flags: {
      ...targetFlags,
      confirmWithin: confirmFlag,
      yes: { kind: 'boolean', default: false, brief: 'Do not ask' },
    },
    aliases: { ...targetAliases, y: 'yes' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Revision', parse: String, optional: true, placeholder: 'revision' }],
    },
  },
  async func(this: Cli, flags: Target & { readonly confirmWithin?: number; readonly yes: boolean }, number?: string) {
    const client = clientOf(this, flags);
    if (number === undefined) {
      const { revision } = await client.post<{ revision: number }>('/v1/revert');
      return this.print(`Revision ${revision} was taken back.`);
    }
    const path = `/v1/revisions/${encodeURIComponent(number)}/rollback`;
    const difference = await client.post<Difference>(`${path}?dryRun=true`);
    printDifference(this, difference);
    if (difference.resources.length + difference.artifacts.length === 0) return undefined;
    await agreed(this, flags.yes);
    const { operation } = await client.post<{ operation: Operation }>(
      path,
      flags.confirmWithin === undefined ? {} : { confirmSeconds: flags.confirmWithin },
    );
    const done = await follow(this, client, operation);
    return this.print(`Revision ${done.revision} is in force; it is as revision ${number} was.`);
  },
});
