import { count } from '#lib/text.ts';
import type { Difference, ResourceChange } from '#plan/difference.ts';
import type { Cli } from './context.ts';

const signs = { create: '+', update: '~', delete: '-' } as const;

/** Prints a difference as a person reads it: what changes, what it means, what the machine does about it. */
export function printDifference(cli: Cli, difference: Difference): void {
  const { resources, artifacts } = difference;
  if (resources.length + artifacts.length === 0) cli.print('Nothing would change.');
  else printChanges(cli, difference);
}

function printChanges(cli: Cli, { resources, artifacts }: Difference): void {
  const meanings = resources.flatMap((it) => it.meaning);
  for (const change of resources) printChange(cli, change);
  if (meanings.length > 0) {
    cli.print('');
    cli.print(cli.style.bold('What it means'));
    for (const it of meanings) cli.print(`  ${it}`);
  }
  cli.print('');
  cli.print(summary({ resources, artifacts }));
}

const doings = { hold: 'takes up', change: 'changes', release: 'lets go of' } as const;

/** One sentence, without what does not happen. */
function summary({ resources, artifacts }: Difference): string {
  const parts = (['hold', 'change', 'release'] as const).flatMap((action) => {
    const size = artifacts.filter((it) => it.action === action).length;
    return size === 0 ? [] : [`${doings[action]} ${count(size, 'thing')}`];
  });
  const last = parts.pop();
  const changed = `${count(resources.length, 'resource')} ${resources.length === 1 ? 'changes' : 'change'}`;
  if (last === undefined) return `${changed}; the machine has nothing to do.`;
  return `${changed}; the machine ${parts.length === 0 ? last : `${parts.join(', ')} and ${last}`}.`;
}

function printChange(cli: Cli, { action, project, kind, name, fields }: ResourceChange): void {
  const paint = { create: cli.style.green, update: cli.style.yellow, delete: cli.style.red }[action];
  cli.print(paint(`${signs[action]} ${kind} ${name}`) + cli.style.dim(`  (${project})`));
  if (action === 'delete') return;
  for (const { field, before, after } of fields) {
    if (action === 'create') {
      if (isPlain(after)) cli.print(`    ${field}: ${shown(after)}`);
    } else cli.print(`    ${field}: ${shown(before)} ${cli.style.dim('->')} ${shown(after)}`);
  }
}

const isPlain = (value: unknown): boolean =>
  value !== '' &&
  value !== false &&
  !(Array.isArray(value) && value.length === 0) &&
  !(typeof value === 'object' && value !== null && Object.keys(value).length === 0);

function shown(value: unknown): string {
  if (value === undefined) return '(none)';
  const text = JSON.stringify(value);
  return text.length <= 100 ? text : `${text.slice(0, 97)}...`;
}
