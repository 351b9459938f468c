import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import { parse as parseYaml } from 'yaml';
import * as z from 'zod';
import type { ResourceDocument } from '#api/resources.ts';
import type { Client } from '#client/client.ts';
import type { Operation } from '#control/operations.ts';
import { Problem } from '#core/problem.ts';
import type { Resource } from '#core/resource.ts';
import { type AnyKind, kindNamed, kinds } from '#kinds/index.ts';
import { didYouMean, inSentence } from '#lib/text.ts';
import { unwrapped } from '#plan/issues.ts';
import { type Cli, clientOf, projectOf, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, printOne, toYaml } from '../output.ts';
import { follow } from '../progress.ts';

const snake = (text: string): string => text.replace(/[A-Z]/g, (it) => `-${it.toLowerCase()}`);

/** `firewallRule`, `firewallRules`, `firewall-rules`: all mean the kind. */
export function kindFor(text: string): AnyKind {
  const wanted = text.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const kind =
    kindNamed(wanted) ??
    kinds.find(
      (it) => it.kind.toLowerCase() === wanted.toLowerCase() || it.plural.toLowerCase() === wanted.toLowerCase(),
    );
  if (kind !== undefined) return kind;
  const near = didYouMean(
    wanted,
    kinds.flatMap((it) => [it.kind, it.plural]),
  );
  throw new Problem('NOT_FOUND', {
    at: text,
    message: `there is no kind ${text}`,
    fix: near === undefined ? `Kinds are ${kinds.map((it) => it.plural).join(', ')}.` : `Did you mean ${near}?`,
  });
}

const kindParameter = { brief: 'Kind, such as instances', parse: String, placeholder: 'kind' } as const;
const nameParameter = { brief: 'Name', parse: String, placeholder: 'name' } as const;

const pathOf = (project: string, kind: AnyKind, name?: string): string =>
  `/v1/projects/${project}/${kind.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;

const asResource = (it: ResourceDocument): Resource => ({
  project: it.project,
  kind: it.kind,
  name: it.name,
  spec: it.spec,
  assigned: it.assigned,
});

export const get = buildCommand({
  docs: { brief: 'List resources of a kind, or `projects`' },
  parameters: {
    flags: { ...targetFlags, output: formatFlag, all: { kind: 'boolean', default: false, brief: 'Built-in ones too' } },
    aliases: { ...targetAliases, o: 'output', a: 'all' },
    positional: { kind: 'tuple', parameters: [kindParameter, { ...nameParameter, optional: true }] },
  },
  async func(
    this: Cli,
    flags: Target & { readonly output: Format; readonly all: boolean },
    kindText: string,
    name?: string,
  ) {
    const client = clientOf(this, flags);
    if (kindText === 'projects') {
      const { projects } = await client.get<{ projects: string[] }>('/v1/projects');
      return printList(
        this,
        flags.output,
        projects.map((it) => ({ name: it })),
        { name: (it) => it.name, empty: 'No project yet.', columns: [{ title: 'NAME', value: (it) => it.name }] },
      );
    }
    const kind = kindFor(kindText);
    const project = await projectOf(this, client, flags);
    const items =
      name === undefined
        ? (await client.get<{ items: ResourceDocument[] }>(pathOf(project, kind))).items.filter(
            (it) => flags.all || it.builtIn !== true,
          )
        : [await client.get<ResourceDocument>(pathOf(project, kind, name))];
    return printList(this, flags.output, items, {
      name: (it) => it.name,
      empty: `There are no ${kind.plural} in project ${project}.`,
      columns: [
        { title: 'NAME', value: (it) => it.name },
        ...kind.columns.map(({ title, value }) => ({
          title,
          value: (it: ResourceDocument) =>
            it.builtIn === true && title.includes('_IP') ? '' : value(asResource(it) as never),
        })),
        { title: 'STATE', value: (it) => it.status.state },
      ],
    });
  },
});

export const describe = buildCommand({
  docs: { brief: 'Show everything about one resource' },
  parameters: {
    flags: { ...targetFlags, output: formatFlag },
    aliases: { ...targetAliases, o: 'output' },
    positional: { kind: 'tuple', parameters: [kindParameter, nameParameter] },
  },
  async func(this: Cli, flags: Target & { readonly output: Format }, kindText: string, name: string) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    printOne(this, flags.output, await client.get<ResourceDocument>(pathOf(project, kindFor(kindText), name)));
  },
});

export const remove = buildCommand({
  docs: { brief: 'Delete a resource' },
  parameters: {
    flags: targetFlags,
    aliases: targetAliases,
    positional: { kind: 'tuple', parameters: [kindParameter, nameParameter] },
  },
  async func(this: Cli, flags: Target, kindText: string, name: string) {
    const client = clientOf(this, flags);
    const kind = kindFor(kindText);
    const project = await projectOf(this, client, flags);
    const { operation } = await client.delete<{ operation: Operation }>(pathOf(project, kind, name));
    await follow(this, client, operation);
    this.print(`Deleted ${kind.kind} ${name}.`);
  },
});

export const edit = buildCommand({
  docs: { brief: 'Change a resource in your editor ($EDITOR)' },
  parameters: {
    flags: targetFlags,
    aliases: targetAliases,
    positional: { kind: 'tuple', parameters: [kindParameter, nameParameter] },
  },
  async func(this: Cli, flags: Target, kindText: string, name: string) {
    const client = clientOf(this, flags);
    const kind = kindFor(kindText);
    const path = pathOf(await projectOf(this, client, flags), kind, name);
    const now = await client.get<ResourceDocument>(path);
    const before = toYaml(now.spec);
    const after = edited(
      this,
      `# ${kind.kind} ${name}. Save and leave to apply; leave unchanged to do nothing.\n${before}\n`,
    );
    const value: unknown = parseYaml(after);
    if (toYaml(value) === before) return this.print('Nothing was changed.');
    await put(this, client, { path, value, etag: now.etag });
    return this.print(`Changed ${kind.kind} ${name}.`);
  },
});

function edited(cli: Cli, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'vauban-'));
  const file = join(folder, 'resource.yaml');
  try {
    writeFileSync(file, text, { mode: 0o600 });
    const editor = cli.env['VISUAL'] ?? cli.env['EDITOR'] ?? 'vi';
    const { status } = spawnSync('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
    if (status !== 0)
      throw new Problem('INVALID_REQUEST', {
        at: editor,
        message: 'the editor ended with an error; nothing was changed',
        fix: 'Set $EDITOR to one that works.',
      });
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function put(
  cli: Cli,
  client: Client,
  it: { readonly path: string; readonly value: unknown; readonly etag: string },
): Promise<void> {
  const { operation } = await client.put<{ operation: Operation }>(it.path, it.value, { 'if-match': `"${it.etag}"` });
  await follow(cli, client, operation);
}

/** `vauban create KIND NAME --field value`, from the kind's schema. Lists and mappings are written as YAML. */
export function createRoutes(): RouteMap<Cli> {
  const routes: Record<string, Command<Cli>> = {};
  for (const kind of kinds) routes[snake(kind.kind)] = createCommand(kind);
  return buildRouteMap({ routes, docs: { brief: 'Create a resource from flags' } });
}

function createCommand(kind: AnyKind): Command<Cli> {
  const shape = unwrapped(kind.spec);
  const fields = shape instanceof z.ZodObject ? Object.entries(shape.shape) : [];
  const flags = Object.fromEntries(
    fields.map(([name, schema]) => [
      name,
      {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: (schema as z.ZodType).description ?? name,
        placeholder: placeholderOf(unwrapped(schema)),
      } as const,
    ]),
  );
  return buildCommand({
    docs: { brief: `Create: ${inSentence(kind.title)}` },
    parameters: {
      flags: { ...flags, state: targetFlags.state, project: targetFlags.project },
      aliases: targetAliases,
      positional: { kind: 'tuple', parameters: [nameParameter] },
    },
    async func(this: Cli, given: Target & Readonly<Record<string, string | undefined>>, name: string) {
      const client = clientOf(this, given);
      const project = await projectOf(this, client, given);
      const value = Object.fromEntries(
        fields.flatMap(([field, schema]) =>
          given[field] === undefined ? [] : [[field, valueFrom(unwrapped(schema), given[field])]],
        ),
      );
      const { operation } = await client.post<{ operation: Operation }>(pathOf(project, kind, name), value);
      await follow(this, client, operation);
      this.print(`Created ${kind.kind} ${name}.`);
    },
  }) as Command<Cli>;
}

const placeholderOf = (schema: unknown): string =>
  schema instanceof z.ZodArray
    ? 'a,b'
    : schema instanceof z.ZodBoolean
      ? 'true|false'
      : schema instanceof z.ZodNumber
        ? 'number'
        : schema instanceof z.ZodEnum
          ? schema.options.join('|')
          : schema instanceof z.ZodString
            ? 'text'
            : 'yaml';

/** Texts stay texts; a list may be written with commas; everything else is YAML. */
function valueFrom(schema: unknown, text: string): unknown {
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return text;
  if (
    schema instanceof z.ZodArray &&
    unwrapped(schema.element) instanceof z.ZodString &&
    !text.trimStart().startsWith('[')
  )
    return text.split(',').map((it) => it.trim());
  return parseYaml(text) as unknown;
}
