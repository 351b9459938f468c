import { buildCommand, buildRouteMap } from '@stricli/core';
import { type Role, roles } from '#access/roles.ts';
import type { HealthItem } from '#control/health.ts';
import type { TokenEntry } from '#control/tokens.ts';
import { type Cli, clientOf, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { aligned, type Format, printList, printOne } from '../output.ts';

export const checks = buildCommand({
  docs: { brief: 'Health of every part; exit code 1 when something failed' },
  parameters: { flags: { ...targetFlags, output: formatFlag }, aliases: { ...targetAliases, o: 'output' } },
  async func(this: Cli, flags: Target & { readonly output: Format }) {
    const health = await clientOf(this, flags).get<{ state: string; items: HealthItem[] }>('/v1/health');
    if (health.state === 'failed') this.process.exitCode = 1;
    if (flags.output !== 'table') return printOne(this, flags.output, health);
    const paint = { ok: this.style.green, warning: this.style.yellow, failed: this.style.red };
    const lines = aligned(health.items.map((it) => [it.state.toUpperCase(), it.part, it.text]));
    for (const [index, line] of lines.entries()) this.print(paint[health.items[index]?.state ?? 'ok'](line));
    return undefined;
  },
});

const create = buildCommand({
  docs: { brief: 'Make a token; it is shown once' },
  parameters: {
    flags: {
      ...targetFlags,
      role: { kind: 'enum', values: roles, default: 'viewer', brief: 'What it may do' },
      expires: { kind: 'parsed', parse: String, optional: true, brief: 'When it ends (RFC 3339)', placeholder: 'time' },
    },
    aliases: targetAliases,
    positional: { kind: 'tuple', parameters: [{ brief: 'Name', parse: String, placeholder: 'name' }] },
  },
  async func(this: Cli, flags: Target & { readonly role: Role; readonly expires?: string }, name: string) {
    const { role } = flags;
    const { token } = await clientOf(this, flags).post<{ token: string }>('/v1/tokens', {
      name,
      role,
      ...(flags.expires === undefined ? {} : { expireTime: flags.expires }),
    });
    this.print(token);
  },
});

const list = buildCommand({
  docs: { brief: 'List tokens' },
  parameters: { flags: { ...targetFlags, output: formatFlag }, aliases: { ...targetAliases, o: 'output' } },
  async func(this: Cli, flags: Target & { readonly output: Format }) {
    const { items } = await clientOf(this, flags).get<{ items: TokenEntry[] }>('/v1/tokens');
    printList(this, flags.output, items, {
      name: (it) => it.name,
      empty: 'There is no token.',
      columns: [
        { title: 'NAME', value: (it) => it.name },
        { title: 'ROLE', value: (it) => it.role },
        { title: 'CREATED', value: (it) => it.createTime },
        { title: 'EXPIRES', value: (it) => it.expireTime ?? 'never' },
      ],
    });
  },
});

const remove = buildCommand({
  docs: { brief: 'Delete a token; it ends at once' },
  parameters: {
    flags: targetFlags,
    aliases: targetAliases,
    positional: { kind: 'tuple', parameters: [{ brief: 'Name', parse: String, placeholder: 'name' }] },
  },
  async func(this: Cli, flags: Target, name: string) {
    await clientOf(this, flags).delete(`/v1/tokens/${encodeURIComponent(name)}`);
    this.print(`Deleted token ${name}.`);
  },
});

export const token = buildRouteMap({ routes: { create, list, delete: remove }, docs: { brief: 'API tokens' } });
