import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { buildCommand } from '@stricli/core';
import { type Cli, deploymentOf } from '#cli/context.ts';
import { targetFlags } from '#cli/flags.ts';
import { Problem } from '#core/problem.ts';
import { namespaceOf } from '#host/machine.ts';
import { byText } from '#lib/text.ts';
import { requireRoot } from './up.ts';

/** Where namespaces have names, as `ip netns` keeps them. */
const FOLDER = '/run/netns';

/**
 * The network namespace that a person means: `office`, `stormshield.office` or, as it stands on the machine,
 * `vm.stormshield.office`. Throws NOT_FOUND, and CONFLICTING when several go by that name.
 */
export function meantBy(what: string, names: readonly string[]): string {
  const found = names.filter((it) => it === what || it.endsWith(`.${what}`));
  const [only, ...others] = found.toSorted(byText);
  if (only === undefined) {
    throw new Problem('NOT_FOUND', {
      at: what,
      message: 'nothing of this deployment has a network of its own by that name',
      fix: 'Name an instance, a gateway, a segment or a network, such as `office` or `vm.stormshield.office`.',
    });
  }
  if (others.length === 0 || only === what) return only;
  throw new Problem('CONFLICTING', {
    at: what,
    message: `several networks go by that name: ${[only, ...others].join(', ')}`,
    fix: `Write which, such as \`${only}\`.`,
  });
}

export const netns = buildCommand({
  docs: {
    brief: 'Run a program of this machine in the network of a host, gateway or segment',
    fullDescription:
      'The program, its files and its rights are those of this machine; only the network is the other one: `vauban netns office -- tcpdump -ni eth0`. Without a program it is a shell. What runs in a host itself, `vauban exec` does.',
  },
  parameters: {
    flags: { state: targetFlags.state },
    positional: {
      kind: 'array',
      parameter: { brief: 'Whose network, then the program and its arguments', parse: String, placeholder: 'word' },
      minimum: 1,
    },
  },
  func(this: Cli, flags: { readonly state?: string }, what: string, ...argv: string[]) {
    requireRoot('netns');
    const deployment = deploymentOf(this, flags);
    const prefix = namespaceOf(deployment.id, '');
    const all = existsSync(FOLDER) ? readdirSync(FOLDER) : [];
    const names = all.flatMap((it) => (it.startsWith(prefix) ? [it.slice(prefix.length)] : []));
    const full = namespaceOf(deployment.id, meantBy(what, names));
    const program = argv.length > 0 ? argv : [process.env['SHELL'] ?? '/bin/sh'];
    // What a person types to end it is the program's, not ours.
    for (const it of ['SIGINT', 'SIGQUIT'] as const) process.on(it, () => {});
    const { status, signal } = spawnSync('nsenter', [`--net=${FOLDER}/${full}`, '--', ...program], {
      stdio: 'inherit',
    });
    this.process.exitCode = signal === null ? (status ?? 1) : 128 + (constants.signals[signal] ?? 0);
  },
});
