import { type Application, type CommandContext, generateHelpTextForAllCommands } from '@stricli/core';
import { cliApp } from '#cli/app.ts';
import { exitCodes } from '#cli/exit.ts';
import { verbGroups } from '#cli/verbs.ts';
import { backup, restore } from '#lab/backup-verbs.ts';
import { machines } from '#lab/machine-verbs.ts';
import { netns } from '#lab/netns.ts';
import { doctor, down, setup, up } from '#lab/verbs.ts';
import { table } from './table.ts';

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: 'It is done, or there was nothing to do.',
  failed: 'It was tried and did not work.',
  usage: 'The command line is not right.',
  changes: 'Only of `plan`: the site would change something.',
  refused: 'The token is missing, not valid, or may not do this.',
};

/** Every command with its help, as it prints it. */
export async function commandPage(): Promise<string> {
  const machine = {
    up: async () => up,
    down: async () => down,
    machines: async () => machines,
    doctor: async () => doctor,
    setup: async () => setup,
    backup: async () => backup,
    restore: async () => restore,
    netns: async () => netns,
  };
  const groups = verbGroups(machine);
  const app = await cliApp({ groups, version: '0', inputs: [], whole: true });
  // Help is made without a context, whatever the commands want of one.
  const helps = generateHelpTextForAllCommands(app as unknown as Application<CommandContext>)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `## ${name}\n\n\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`);
  const codes = Object.entries(exitCodes).map(([name, code]) => [
    String(code),
    meanings[name as keyof typeof exitCodes],
  ]);
  return `# The command line

\`VAUBAN_STATE\` and \`VAUBAN_PROJECT\` stand in for \`--state\` and \`--project\`. \`VAUBAN_API\`, \`VAUBAN_TOKEN\` (or
\`VAUBAN_TOKEN_FILE\`) and \`VAUBAN_CA_FILE\` name an API elsewhere. \`eval "$(vauban completion bash)"\` completes commands,
flags, kinds and names.

${table(['Exit code', 'Meaning'], codes)}

\`exec\` and \`ssh\` end with the code of the program that they ran.

${helps.join('\n')}`;
}
