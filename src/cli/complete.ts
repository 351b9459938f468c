import { proposeCompletions } from '@stricli/core';
import { cliApp } from './app.ts';
import type { Cli } from './context.ts';
import type { VerbGroups } from './verbs.ts';

/** What could stand where the last word is being typed, one proposal on a line. Never fails: a shell waits for it. */
export async function complete(
  cli: Cli,
  parts: { readonly groups: VerbGroups; readonly version: string },
  words: readonly string[],
): Promise<readonly string[]> {
  const inputs = words.length === 0 ? [''] : words;
  try {
    const app = await cliApp({ ...parts, inputs });
    const proposed = await proposeCompletions(app, inputs, { ...cli, words: inputs });
    return [...new Set(proposed.map((it) => it.completion))].filter((it) => it.startsWith(inputs.at(-1) ?? ''));
  } catch {
    return [];
  }
}
