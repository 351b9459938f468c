import { buildCommand } from '@stricli/core';
import { Problem } from '#core/problem.ts';
import { type Cli, personalClientOf, projectOf, type Target } from '../context.ts';
import { targetAliases, targetFlags } from '../flags.ts';
import { runProgram, sshWay } from '../ssh.ts';
import { instanceParameter, runSession, userFlag } from './session.ts';

interface SshFlags extends Target {
  readonly user?: string;
  readonly tunnel: boolean;
}

/** `alice@server` names both. */
function named(
  text: string,
  user: string | undefined,
): { readonly instance: string; readonly user: string | undefined } {
  const at = text.lastIndexOf('@');
  return at < 0 ? { instance: text, user } : { instance: text.slice(at + 1), user: text.slice(0, at) };
}

export const ssh = buildCommand({
  docs: {
    brief: 'A shell in an instance',
    fullDescription: [
      'A shell in an instance, or a command there: `vauban ssh server -- uname -a`. With --tunnel it is the real ssh, to the',
      'host’s own SSH server, through the edge of the project: a key is made once, and given to the host for an hour.',
    ].join('\n'),
  },
  parameters: {
    flags: {
      ...targetFlags,
      user: userFlag,
      tunnel: { kind: 'boolean', default: false, brief: 'SSH through the identity-aware TCP tunnel' },
    },
    aliases: { ...targetAliases, u: 'user', t: 'tunnel' },
    positional: {
      kind: 'array',
      parameter: { ...instanceParameter, brief: 'Instance, then a command and its arguments', placeholder: 'word' },
      minimum: 1,
    },
  },
  async func(this: Cli, flags: SshFlags, first: string, ...command: string[]) {
    const client = await personalClientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const { instance, user } = named(first, flags.user);
    if (flags.tunnel) {
      const { options, destination } = await sshWay(this, client, flags, { project, instance, user });
      return runProgram(this, 'ssh', [...options, destination, ...(command.length > 0 ? ['--', ...command] : [])]);
    }
    const tty = this.stdin.isTTY === true && this.stdout.isTTY === true;
    // An empty first word asks for the user's login shell.
    const argv = command.length > 0 ? command : [''];
    await runSession(this, client, { project, instance, argv, user: user ?? 'debian', tty });
  },
});

interface ScpFlags extends Target {
  readonly recurse: boolean;
}

export const scp = buildCommand({
  docs: {
    brief: 'Copy files to and from an instance',
    fullDescription:
      'Copies with scp through the TCP tunnel: `vauban scp notes.txt server:/tmp/`. See `vauban ssh --tunnel`.',
  },
  parameters: {
    flags: {
      ...targetFlags,
      recurse: { kind: 'boolean', default: false, brief: 'Folders with everything in them' },
    },
    aliases: { ...targetAliases, r: 'recurse' },
    positional: {
      kind: 'array',
      parameter: { brief: 'Files; HOST:PATH is one of an instance', parse: String, placeholder: 'file' },
      minimum: 2,
    },
  },
  async func(this: Cli, flags: ScpFlags, ...files: string[]) {
    const client = await personalClientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const parsed = files.map(remoteOf);
    const [remote, ...others] = [...new Set(parsed.flatMap((it) => it?.host ?? []))];
    if (remote === undefined || others.length > 0)
      throw new Problem('INVALID_REQUEST', {
        at: files.join(' '),
        message: remote === undefined ? 'none of the files is one of an instance' : 'there are several instances',
        fix: 'Write the files of one instance as HOST:PATH.',
      });
    const { options, destination } = await sshWay(this, client, flags, { project, ...named(remote, undefined) });
    const words = files.map((file, index) =>
      parsed[index] === undefined ? file : `${destination}:${parsed[index].path}`,
    );
    runProgram(this, 'scp', [...options, ...(flags.recurse ? ['-r'] : []), '--', ...words]);
  },
});

/** `server:/tmp/a`, `alice@server:a`; a path with a slash before the colon is a file here. */
function remoteOf(text: string): { readonly host: string; readonly path: string } | undefined {
  const [, host, path = ''] = /^([^/:]+):(.*)$/s.exec(text) ?? [];
  return host === undefined ? undefined : { host, path };
}
