import { spawnSync } from 'node:child_process';
import { buildCommand } from '@stricli/core';
import type { ResourceDocument } from '#api/resources.ts';
import type { Client } from '#client/client.ts';
import type { Operation } from '#control/operations.ts';
import { encodeFrame, encodeJsonFrame, FRAME_LIMIT, FrameReader } from '#lib/frames.ts';
import { type Cli, clientOf, projectOf, proposedNames, type Target } from '../context.ts';
import { targetAliases, targetFlags } from '../flags.ts';
import { follow } from '../progress.ts';

export interface Wanted {
  readonly project: string;
  readonly instance: string;
  readonly argv: readonly string[];
  readonly user: string;
  readonly tty: boolean;
}

/** Runs a command in an instance with our own input and output; its exit code becomes ours. */
export async function runSession(cli: Cli, client: Client, wanted: Wanted): Promise<void> {
  const socket = await client.session(
    `/v1/projects/${wanted.project}/instances/${encodeURIComponent(wanted.instance)}/session`,
  );
  const { stdin, stdout } = cli;
  const size = () => ({ rows: stdout.rows || 24, columns: stdout.columns || 80 });
  socket.write(
    encodeJsonFrame('input', {
      artifact: 'instance',
      argv: wanted.argv,
      user: wanted.user,
      ...(wanted.tty ? { tty: { ...size(), term: cli.env['TERM'] ?? 'xterm-256color' } } : {}),
    }),
  );
  const resized = (): void => {
    socket.write(encodeJsonFrame('resize', size()));
  };
  const typed = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length; at += FRAME_LIMIT) {
      if (socket.write(encodeFrame('input', chunk.subarray(at, at + FRAME_LIMIT)))) continue;
      // Whoever takes slowly is fed slowly: what was read and not sent would pile up here.
      stdin.pause();
      socket.once('drain', () => stdin.resume());
    }
  };
  const show = (to: NodeJS.WritableStream, bytes: Buffer): void => {
    if (to.write(bytes)) return;
    socket.pause();
    to.once('drain', () => socket.resume());
  };
  if (wanted.tty) {
    stdin.setRawMode(true);
    // Node's raw mode still turns a line feed into two characters, which full-screen programs do not want.
    spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
    stdout.on('resize', resized);
  }
  stdin.on('data', typed);
  stdin.on('end', () => socket.write(encodeFrame('end')));
  const reader = new FrameReader();
  let code = 255;
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const { type, payload } of reader.push(chunk)) {
        if (type === 'output') show(stdout, payload);
        if (type === 'error') show(process.stderr, payload);
        if (type === 'exit') {
          const end = JSON.parse(payload.toString()) as { code: number; message?: string };
          if (end.message !== undefined) cli.note(end.message);
          code = end.code;
        }
      }
    });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
  if (wanted.tty) {
    stdin.setRawMode(false);
    stdout.off('resize', resized);
  }
  stdin.off('data', typed);
  // A file or a terminal that is still open must not keep us: whoever ran us waits for our end.
  stdin.destroy();
  cli.process.exitCode = code;
}

export const userFlag = {
  kind: 'parsed',
  parse: String,
  optional: true,
  brief: 'User inside the instance',
  placeholder: 'name',
} as const;
export const instanceParameter = {
  brief: 'Instance',
  parse: String,
  placeholder: 'instance',
  proposeCompletions(this: Cli, _partial: string) {
    return proposedNames(this, 'instances');
  },
} as const;

export const exec = buildCommand({
  docs: { brief: 'Run a command in an instance: `vauban exec attacker -- curl http://192.168.10.20/`' },
  parameters: {
    flags: { ...targetFlags, user: userFlag },
    aliases: { ...targetAliases, u: 'user' },
    positional: {
      kind: 'array',
      parameter: { ...instanceParameter, brief: 'Instance, then the command and its arguments', placeholder: 'word' },
      minimum: 2,
    },
  },
  async func(this: Cli, flags: Target & { readonly user?: string }, instance: string, ...argv: string[]) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const tty = this.stdin.isTTY === true && this.stdout.isTTY === true;
    await runSession(this, client, { project, instance, argv, user: flags.user ?? 'root', tty });
  },
});

export const restart = buildCommand({
  docs: { brief: 'Restart an instance' },
  parameters: {
    flags: targetFlags,
    aliases: targetAliases,
    positional: { kind: 'tuple', parameters: [instanceParameter] },
  },
  async func(this: Cli, flags: Target, instance: string) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    await client.post(`/v1/projects/${project}/instances/${encodeURIComponent(instance)}/reset`);
    this.print(`Restarted ${instance}.`);
  },
});

function powerCommand(brief: string, status: 'running' | 'terminated', past: string) {
  return buildCommand({
    docs: { brief },
    parameters: {
      flags: targetFlags,
      aliases: targetAliases,
      positional: { kind: 'tuple', parameters: [instanceParameter] },
    },
    async func(this: Cli, flags: Target, instance: string) {
      const client = clientOf(this, flags);
      const project = await projectOf(this, client, flags);
      const path = `/v1/projects/${project}/instances/${encodeURIComponent(instance)}`;
      const now = await client.get<ResourceDocument>(path);
      const { desiredStatus } = now.spec as { readonly desiredStatus?: string };
      // It shall run, but has switched itself off: nothing of what is declared changes.
      if (status === 'running' && desiredStatus === 'running' && now.status.state === 'TERMINATED') {
        await client.post(`${path}/reset`);
        return this.print(`${past} ${instance}.`);
      }
      const { operation } = await client.put<{ operation: Operation }>(
        path,
        { ...(now.spec as object), desiredStatus: status },
        { 'if-match': `"${now.etag}"` },
      );
      await follow(this, client, operation);
      this.print(`${past} ${instance}.`);
    },
  });
}

export const start = powerCommand('Start an instance', 'running', 'Started');
export const stop = powerCommand('Stop an instance; its files are kept', 'terminated', 'Stopped');
