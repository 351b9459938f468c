import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buildCommand } from '@stricli/core';
import type { ResourceDocument } from '#api/resources.ts';
import type { Client } from '#client/client.ts';
import type { Operation } from '#control/operations.ts';
import { Problem } from '#core/problem.ts';
import { count } from '#lib/text.ts';
import { type Cli, clientOf, projectOf, proposedNames, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { kindFor, kindIn, pathOf, pluralNames } from '../kinds.ts';
import { type Format, printList, printOne, toYaml } from '../output.ts';
import { follow } from '../progress.ts';

/** Every item of a list, page after page. */
export async function allOf(
  client: Client,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<ResourceDocument[]> {
  const items: ResourceDocument[] = [];
  let pageToken: string | undefined;
  do {
    const page = await client.get<{ items: ResourceDocument[]; nextPageToken?: string }>(path, {
      ...query,
      pageToken,
    });
    items.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
  return items;
}

const kindParameter = {
  brief: 'Kind, such as instances',
  parse: String,
  placeholder: 'kind',
  proposeCompletions: () => ['projects', ...pluralNames],
} as const;

const nameParameter = {
  brief: 'Name',
  parse: String,
  placeholder: 'name',
  proposeCompletions(this: Cli, _partial: string) {
    return namesOf(this);
  },
} as const;

/** Names of resources of the kind that was typed before, as far as the API tells them quickly. */
function namesOf(cli: Cli): Promise<readonly string[]> {
  const kind = cli.words.slice(1, -1).flatMap((it) => kindIn(it) ?? [])[0];
  return kind === undefined ? Promise.resolve([]) : proposedNames(cli, kind.plural);
}

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
    const query = flags.output === 'table' ? { view: 'table' } : {};
    const items =
      name === undefined
        ? (await allOf(client, pathOf(project, kind), query)).filter((it) => flags.all || it.builtIn !== true)
        : [await client.get<ResourceDocument>(pathOf(project, kind, name), query)];
    return printList(this, flags.output, items, {
      name: (it) => it.name,
      empty: `There are no ${kind.plural} in project ${project}.`,
      columns: Object.keys(items[0]?.cells ?? {}).map((title) => ({ title, value: (it) => it.cells?.[title] ?? '' })),
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

export const rename = buildCommand({
  docs: { brief: 'Give an object another name, also in every policy that uses it' },
  parameters: {
    flags: targetFlags,
    aliases: targetAliases,
    positional: {
      kind: 'tuple',
      parameters: [kindParameter, nameParameter, { brief: 'The new name', parse: String, placeholder: 'new-name' }],
    },
  },
  async func(this: Cli, flags: Target, kindText: string, name: string, to: string) {
    const client = clientOf(this, flags);
    const kind = kindFor(kindText);
    const path = pathOf(await projectOf(this, client, flags), kind, name);
    const { usedBy = [] } = await client.get<ResourceDocument>(path);
    const { operation } = await client.post<{ operation: Operation }>(`${path}/rename`, { to });
    await follow(this, client, operation);
    this.print(`Renamed ${kind.kind} ${name} to ${to}, and in ${count(usedBy.length, 'place')} that it is used in.`);
    this.note('A site file that names it must be changed as well, or the next `vauban apply` undoes this.');
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
    const folder = mkdtempSync(join(tmpdir(), 'vauban-'));
    const file = join(folder, `${name}.yaml`);
    const head = `# ${kind.kind} ${name}. Save and leave to apply; leave unchanged to do nothing.`;
    writeFileSync(file, `${head}\n${before}\n`, { mode: 0o600 });
    let kept = false;
    try {
      const value = await edited(this, file);
      if (toYaml(value) === before) this.print('Nothing was changed.');
      else {
        await put(this, client, { path, value, etag: now.etag });
        this.print(`Changed ${kind.kind} ${name}.`);
      }
    } catch (error) {
      kept = readFileSync(file, 'utf8') !== `${head}\n${before}\n`;
      if (kept) this.note(`Nothing was changed; your text is kept in ${file}.`);
      throw error;
    } finally {
      if (!kept) rmSync(folder, { recursive: true, force: true });
    }
  },
});

/** Lets the person edit a file; gives back what it says then. */
async function edited(cli: Cli, file: string): Promise<unknown> {
  const editor = cli.env['VISUAL'] ?? cli.env['EDITOR'] ?? 'vi';
  const { status } = spawnSync('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
  if (status !== 0)
    throw new Problem('INVALID_REQUEST', {
      at: editor,
      message: 'the editor ended with an error; nothing was changed',
      fix: 'Set $EDITOR to one that works.',
    });
  const { parseDocuments } = await import('#lib/document.ts');
  const { documents, mistakes } = parseDocuments(readFileSync(file, 'utf8'));
  if (mistakes.length === 0) return documents[0]?.value ?? {};
  throw Problem.all(
    mistakes.map(({ place, message, fix }) => ({
      code: 'INVALID_DOCUMENT',
      at: `${basename(file)}:${place.line}:${place.column}`,
      message,
      fix,
    })),
  );
}

async function put(
  cli: Cli,
  client: Client,
  it: { readonly path: string; readonly value: unknown; readonly etag: string },
): Promise<void> {
  const { operation } = await client.put<{ operation: Operation }>(it.path, it.value, { 'if-match': `"${it.etag}"` });
  await follow(cli, client, operation);
}
