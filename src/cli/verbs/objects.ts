import { readFileSync, writeFileSync } from 'node:fs';
import { buildCommand, buildRouteMap } from '@stricli/core';
import type { ResourceDocument } from '#api/resources.ts';
import type { Operation } from '#control/operations.ts';
import { Problem } from '#core/problem.ts';
import { count } from '#lib/text.ts';
import type { Difference } from '#plan/difference.ts';
import { type Cli, clientOf, projectOf, type Target } from '../context.ts';
import { printDifference } from '../difference.ts';
import { fileFlag, targetAliases, targetFlags } from '../flags.ts';
import { allMistakes } from '../objects/mistakes.ts';
import { type Reading, readObjects } from '../objects/read.ts';
import { writeObjects } from '../objects/write.ts';
import { follow } from '../progress.ts';
import { agreed } from './change.ts';
import { allOf } from './resource.ts';

/** Bytes of a file that is imported. */
const LIMIT = 8 * 1024 * 1024;

const exportObjects = buildCommand({
  docs: { brief: 'Write the objects of a project as CSV, in the structure that Stormshield firewalls read' },
  parameters: {
    flags: {
      ...targetFlags,
      output: fileFlag,
    },
    aliases: { ...targetAliases, o: 'output' },
  },
  async func(this: Cli, flags: Target & { readonly output?: string }) {
    const client = clientOf(this, flags);
    const base = `/v1/projects/${await projectOf(this, client, flags)}`;
    const declared = async (plural: string): Promise<ResourceDocument[]> =>
      (await allOf(client, `${base}/${plural}`)).filter((it) => it.builtIn !== true);
    const all = [
      ...(await declared('networkObjects')).map((it) => ({ ...it, kind: 'networkObject' as const })),
      ...(await declared('serviceObjects')).map((it) => ({ ...it, kind: 'serviceObject' as const })),
      ...(await declared('routerObjects')).map((it) => ({ ...it, kind: 'routerObject' as const })),
      ...(await declared('schedules')).map((it) => ({ ...it, kind: 'schedule' as const })),
    ];
    const { text, leftOut } = writeObjects(all);
    if (flags.output === undefined) this.stdout.write(text);
    else {
      writeFileSync(flags.output, text);
      this.note(`${count(all.length - leftOut.length, 'object')} written to ${flags.output}.`);
    }
    if (leftOut.length > 0) this.note(`Left out, for no row can say them: ${leftOut.join(', ')}.`);
  },
});

interface ImportFlags extends Target {
  readonly dryRun: boolean;
  readonly yes: boolean;
}

const importObjects = buildCommand({
  docs: { brief: 'Make or replace objects from a CSV file as Stormshield firewalls write it, all of them or none' },
  parameters: {
    flags: {
      ...targetFlags,
      dryRun: { kind: 'boolean', default: false, brief: 'Only say what would change' },
      yes: { kind: 'boolean', default: false, brief: 'Do not ask' },
    },
    aliases: { ...targetAliases, y: 'yes' },
    positional: { kind: 'tuple', parameters: [{ brief: 'CSV file', parse: String, placeholder: 'file' }] },
  },
  async func(this: Cli, flags: ImportFlags, file: string) {
    const reading = readObjects(textOf(file), file);
    tell(this, reading);
    if (reading.objects.length + reading.problems.length === 0)
      return this.print('The file has no object that would be imported.');
    const client = clientOf(this, flags);
    const path = `/v1/projects/${await projectOf(this, client, flags)}/objects:import`;
    const request = { resources: reading.objects, message: `import ${file}` };
    const plan = () => client.post<Difference>(`${path}?dryRun=true`, request);
    if (reading.problems.length > 0) throw Problem.all(await allMistakes(reading.problems, file, plan));
    const difference = await plan();
    printDifference(this, difference);
    if (flags.dryRun || difference.resources.length + difference.artifacts.length === 0) return undefined;
    await agreed(this, flags.yes);
    const { operation } = await client.post<{ operation: Operation }>(path, request);
    const done = await follow(this, client, operation);
    return this.print(`Revision ${done.revision} is in force.`);
  },
});

/** Other names, and all that is not as it was: before anything is asked or done. */
function tell(cli: Cli, { renamed, notes }: Reading): void {
  for (const { from, to } of renamed) cli.note(`${from} becomes ${to}`);
  for (const { place, name, text } of notes) cli.note(`${place} ${name}: ${text}`);
}

function textOf(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (bytes.length > LIMIT)
      throw new Problem('BODY_TOO_LARGE', {
        at: file,
        message: `larger than ${LIMIT} bytes`,
        fix: 'Split it into several files; groups come last.',
      });
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem('INVALID_REQUEST', { at: file, message: why(cause), fix: 'Name a CSV file in UTF-8.', cause });
  }
}

function why(cause: unknown): string {
  if (cause instanceof TypeError) return 'it is not UTF-8';
  if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 'there is no such file';
  return cause instanceof Error ? cause.message : 'unreadable';
}

export const objects = buildRouteMap<string, Cli>({
  routes: { export: exportObjects, import: importObjects },
  docs: { brief: 'Objects, services, routers and schedules as a CSV file: export, import' },
});
