import { buildCommand } from '@stricli/core';
import type { Cli } from '#cli/context.ts';
import { targetFlags } from '#cli/flags.ts';
import { passphraseFlag } from '#cli/passphrase.ts';
import type { BackupFlags, RestoreFlags } from './backup.ts';

/** What they do is loaded by who runs them: they stand among the verbs of gateways, too. */

const fileParameter = {
  kind: 'tuple',
  parameters: [{ brief: 'File of the backup', parse: String, placeholder: 'file' }],
} as const;

export const backup = buildCommand<BackupFlags, [string], Cli>({
  docs: {
    brief: 'Write the whole configuration, what was chosen for it and its secrets to a file, under a passphrase',
  },
  parameters: {
    flags: { state: targetFlags.state, passphraseFile: passphraseFlag },
    positional: fileParameter,
  },
  loader: async () => (await import('./backup.ts')).backup,
});

export const restore = buildCommand<RestoreFlags, [string], Cli>({
  docs: { brief: 'Make the projects of a backup what they were, with the same addresses, numbers and secrets' },
  parameters: {
    flags: {
      state: targetFlags.state,
      passphraseFile: passphraseFlag,
      dryRun: { kind: 'boolean', default: false, brief: 'Only say what would change' },
      yes: { kind: 'boolean', default: false, brief: 'Do not ask' },
    },
    aliases: { y: 'yes' },
    positional: fileParameter,
  },
  loader: async () => (await import('./backup.ts')).restore,
});
