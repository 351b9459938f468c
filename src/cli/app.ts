import { type Application, buildApplication, buildCommand, buildRouteMap, text_en } from '@stricli/core';
import { asProblem, Problem, type ProblemDocument } from '#core/problem.ts';
import type { Cli } from './context.ts';
import { exitCodeOf } from './exit.ts';
import { toYaml } from './output.ts';
import type { Target, VerbGroups } from './verbs.ts';

export interface AppParts {
  readonly groups: VerbGroups;
  readonly version: string;
  /** What was typed. */
  readonly inputs: readonly string[];
  /** True: load every verb, for documentation. */
  readonly whole?: boolean;
}

/** The command line for what was typed: the verb that it names is there in full, the others by name. */
export async function cliApp({ groups, version, inputs, whole = false }: AppParts): Promise<Application<Cli>> {
  const verbs = Object.values(groups).flatMap((it) => Object.entries(it));
  const entries = verbs.map(async ([name, { brief, load }]): Promise<[string, Target]> => {
    if (whole || name === inputs[0]) return [name, await load()];
    return [name, buildCommand<Record<never, never>, [], Cli>({ docs: { brief }, parameters: {}, func: () => {} })];
  });
  const root = buildRouteMap<string, Cli>({
    routes: Object.fromEntries(await Promise.all(entries)),
    docs: { brief: 'The network perimeter of a cloud, on your own Linux machines' },
  });
  const format = outputOf(inputs);
  return buildApplication(root, {
    name: 'vauban',
    versionInfo: { currentVersion: version },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { caseStyle: 'convert-camel-to-kebab' },
    localization: {
      text: {
        ...text_en,
        exceptionWhileRunningCommand: (error) => described(error, format),
        exceptionWhileParsingArguments(error, colour) {
          const text = text_en.exceptionWhileParsingArguments.call(this, error, colour);
          return format === 'text' ? `${text}\n  See \`vauban ${inputs[0] ?? ''} --help\`.` : usage(text, format);
        },
        noCommandRegisteredForInput(it) {
          const text = text_en.noCommandRegisteredForInput(it);
          return format === 'text' ? `${text}\n  \`vauban --help\` lists them.` : usage(text, format);
        },
      },
    },
    determineExitCode: exitCodeOf,
  });
}

export type ErrorFormat = 'text' | 'json' | 'yaml';

/** Whoever asked for JSON gets mistakes as JSON too. What comes after `--` is not ours. */
export function outputOf(inputs: readonly string[]): ErrorFormat {
  const end = inputs.indexOf('--');
  const ours = end < 0 ? inputs : inputs.slice(0, end);
  for (const [index, word] of ours.entries()) {
    const value = /^(?:--output|-o)$/.test(word) ? ours[index + 1] : /^--output=(.*)$/.exec(word)?.[1];
    if (value === 'json' || value === 'yaml') return value;
  }
  return 'text';
}

const usage = (message: string, format: ErrorFormat): string =>
  described(new Problem('INVALID_REQUEST', { at: 'command line', message, fix: 'See `vauban VERB --help`.' }), format);

/** A problem as a person reads it: where, what, what to do; each of several mistakes on lines of its own. */
export function described(error: unknown, format: ErrorFormat = 'text'): string {
  const problem = asProblem(error).toJSON();
  if (format === 'json') return JSON.stringify({ error: problem }, null, 2);
  if (format === 'yaml') return toYaml({ error: problem });
  const one = (it: ProblemDocument): string => `${it.at}: ${it.message}\n  ${it.fix}`;
  return (problem.details ?? []).length > 0
    ? `${(problem.details ?? []).map(one).join('\n')}\n${problem.message}. ${problem.fix}`
    : one(problem);
}
