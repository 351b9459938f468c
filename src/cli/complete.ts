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
    const partial = inputs.at(-1) ?? '';
    const wanted = proposed.filter((it) => partial.startsWith('-') || !it.completion.startsWith('-'));
    return [...new Set(wanted.map((it) => it.completion))].filter((it) => it.startsWith(partial));
  } catch {
    return [];
  }
}
