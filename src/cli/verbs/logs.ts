import { buildCommand, buildRouteMap } from '@stricli/core';
import type { LogEntry } from '#core/log.ts';
import { type Cli, clientOf, projectOf, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printable, toYaml } from '../output.ts';

const filterParameter = {
  kind: 'tuple',
  parameters: [
    { brief: 'Query in the language of Cloud Logging', parse: String, optional: true, placeholder: 'filter' },
  ],
} as const;

/** A request as one reads it: what was asked, what became of it, and why. */
function requestOf({ httpRequest: it, jsonPayload }: LogEntry): string | undefined {
  if (it === undefined) return undefined;
  const why = jsonPayload?.['statusDetails'];
  const words = [
    it['remoteIp'],
    it['requestMethod'],
    it['requestUrl'],
    it['protocol'],
    it['status'],
    it['latency'],
    why,
  ];
  return words.filter((word) => word !== undefined && word !== '').join(' ');
}

/** An entry on one line. */
function lineOf(entry: LogEntry): string {
  const log = decodeURIComponent(entry.logName.split('/logs/')[1] ?? '');
  const payload =
    entry.textPayload ?? requestOf(entry) ?? JSON.stringify(entry.jsonPayload ?? entry.protoPayload ?? {});
  return printable(`${entry.timestamp.slice(0, 23)}  ${(entry.severity ?? 'DEFAULT').padEnd(8)}  ${log}  ${payload}`);
}

function show(cli: Cli, format: Format, entry: LogEntry): void {
  if (format === 'json') cli.print(JSON.stringify(entry));
  else if (format === 'yaml') cli.print(`---\n${toYaml(entry)}`);
  else cli.print(lineOf(entry));
}

const read = buildCommand({
  docs: {
    brief:
      'Read log entries, newest first: `vauban logs read \'log_id("ids.googleapis.com/threat") AND jsonPayload.alert_severity="CRITICAL"\'`',
  },
  parameters: {
    flags: {
      ...targetFlags,
      output: formatFlag,
      limit: { kind: 'parsed', parse: Number, default: '50', brief: 'How many' },
      order: { kind: 'enum', values: ['newest', 'oldest'], default: 'newest', brief: 'Which come first' },
    },
    aliases: { ...targetAliases, o: 'output' },
    positional: filterParameter,
  },
  async func(
    this: Cli,
    flags: Target & { readonly output: Format; readonly limit: number; readonly order: 'newest' | 'oldest' },
    filter?: string,
  ) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const entries: LogEntry[] = [];
    let pageToken: string | undefined;
    do {
      const page = await client.post<{ entries: LogEntry[]; nextPageToken?: string }>(
        `/v1/projects/${project}/logs:read`,
        {
          filter: filter ?? '',
          order: flags.order,
          pageSize: Math.max(1, Math.min(1000, flags.limit - entries.length)),
          ...(pageToken === undefined ? {} : { pageToken }),
        },
      );
      entries.push(...page.entries);
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined && entries.length < flags.limit);
    if (flags.output === 'json') return this.print(JSON.stringify(entries, null, 2));
    if (entries.length === 0) return this.note('No entry matches.');
    for (const entry of entries) show(this, flags.output, entry);
    return undefined;
  },
});

const tail = buildCommand({
  docs: { brief: 'Show log entries as they come, until interrupted' },
  parameters: {
    flags: { ...targetFlags, output: formatFlag },
    aliases: { ...targetAliases, o: 'output' },
    positional: filterParameter,
  },
  async func(this: Cli, flags: Target & { readonly output: Format }, filter?: string) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    for await (const { event, data } of client.events(
      `/v1/projects/${project}/logs:tail?filter=${encodeURIComponent(filter ?? '')}`,
    )) {
      if (event === 'entry') show(this, flags.output, JSON.parse(data) as LogEntry);
      if (event === 'suppressed') this.note(`(${data} entries were left out: they came too fast)`);
    }
  },
});

const serial = buildCommand({
  docs: { brief: 'What an instance said on its serial console, its startup script included' },
  parameters: {
    flags: {
      ...targetFlags,
      limit: { kind: 'parsed', parse: Number, default: '1000', brief: 'How many lines at most' },
    },
    aliases: targetAliases,
    positional: { kind: 'tuple', parameters: [{ brief: 'Instance', parse: String, placeholder: 'instance' }] },
  },
  async func(this: Cli, flags: Target & { readonly limit: number }, instance: string) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const { text } = await client.get<{ text: string }>(
      `/v1/projects/${project}/instances/${encodeURIComponent(instance)}/serial`,
      { lines: String(flags.limit) },
    );
    this.stdout.write(printable(text));
  },
});

const list = buildCommand({
  docs: { brief: 'Names of the logs that have entries' },
  parameters: { flags: targetFlags, aliases: targetAliases },
  async func(this: Cli, flags: Target) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const { logNames } = await client.get<{ logNames: string[] }>(`/v1/projects/${project}/logs`);
    for (const it of logNames) this.print(it);
  },
});

export const logs = buildRouteMap({
  routes: { read, tail, serial, list },
  docs: { brief: 'Threat, traffic, firewall, audit and serial logs' },
});
