import { writeFileSync } from 'node:fs';
import { buildCommand, buildRouteMap } from '@stricli/core';
import { type Severity, severities, type Threat } from '#control/threats/threat.ts';
import { type Cli, clientOf, projectOf, type Target } from '../context.ts';
import { formatFlag, targetAliases, targetFlags } from '../flags.ts';
import { type Format, printList, printOne, type TableOf, toYaml } from '../output.ts';

const floors = ['informational', 'low', 'medium', 'high', 'critical'] as const;
type Floor = (typeof floors)[number];

const severityFlag = {
  kind: 'enum',
  values: floors,
  optional: true,
  brief: 'This severity and graver ones',
} as const;

const foldFlag = { kind: 'boolean', default: true, brief: 'Show both mirrored copies of a session as one' } as const;

const upper = (text: string | undefined): Severity | undefined => severities.find((it) => it === text?.toUpperCase());

const end = (it: Threat['source']): string => `${it.instance ?? it.address}${it.port > 0 ? `:${it.port}` : ''}`;

const table: TableOf<Threat> = {
  name: (it) => it.id,
  empty: 'No threat has been seen.',
  columns: [
    { title: 'ID', value: (it) => it.id },
    { title: 'TIME', value: (it) => it.alertTime.slice(0, 19) },
    { title: 'SEVERITY', value: (it) => it.severity },
    { title: 'NAME', value: (it) => it.name },
    { title: 'SOURCE', value: (it) => end(it.source) },
    { title: 'DESTINATION', value: (it) => end(it.destination) },
    { title: 'COUNT', value: (it) => String(it.repeatCount) },
    { title: 'SESSION', value: (it) => it.sessionId },
  ],
};

interface ListFlags extends Target {
  readonly output: Format;
  readonly severity?: Floor;
  readonly fold: boolean;
  readonly limit: number;
  readonly endpoint?: string;
  readonly source?: string;
  readonly destination?: string;
  readonly instance?: string;
  readonly name?: string;
  readonly from?: string;
  readonly to?: string;
}

const text = (brief: string) =>
  ({ kind: 'parsed', parse: String, optional: true, brief, placeholder: 'text' }) as const;

const list = buildCommand({
  docs: { brief: 'List threats, newest first' },
  parameters: {
    flags: {
      ...targetFlags,
      output: formatFlag,
      severity: severityFlag,
      fold: foldFlag,
      limit: { kind: 'parsed', parse: Number, default: '50', brief: 'How many' },
      endpoint: text('Only of this IDS endpoint'),
      source: text('Only from this client address'),
      destination: text('Only to this server address'),
      instance: text('Only with this instance at either end'),
      name: text('Only with this in their name'),
      from: text('Seen at this time or later (RFC 3339)'),
      to: text('Seen before this time'),
    },
    aliases: { ...targetAliases, o: 'output' },
  },
  async func(this: Cli, flags: ListFlags) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const { items } = await client.get<{ items: Threat[] }>(`/v1/projects/${project}/threats`, {
      minimumSeverity: upper(flags.severity),
      fold: String(flags.fold),
      limit: String(flags.limit),
      endpoint: flags.endpoint,
      source: flags.source,
      destination: flags.destination,
      instance: flags.instance,
      name: flags.name,
      from: flags.from,
      to: flags.to,
    });
    printList(this, flags.output, items, table);
  },
});

const tail = buildCommand({
  docs: { brief: 'Show threats as they come, until interrupted' },
  parameters: {
    flags: { ...targetFlags, output: formatFlag, severity: severityFlag, fold: foldFlag },
    aliases: { ...targetAliases, o: 'output' },
  },
  async func(
    this: Cli,
    flags: Target & { readonly output: Format; readonly severity?: Floor; readonly fold: boolean },
  ) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const query = new URLSearchParams({ fold: String(flags.fold) });
    const severity = upper(flags.severity);
    if (severity !== undefined) query.set('minimumSeverity', severity);
    for await (const { event, data } of client.events(`/v1/projects/${project}/threats:stream?${query}`)) {
      if (event !== 'threat') continue;
      const threat = JSON.parse(data) as Threat;
      if (flags.output === 'json') this.print(JSON.stringify(threat));
      else if (flags.output === 'yaml') this.print(`---\n${toYaml(threat)}`);
      else
        this.print(
          `${threat.alertTime.slice(0, 19)}  ${threat.severity.padEnd(13)}  ${threat.name}  ${end(threat.source)} -> ${end(threat.destination)}${threat.repeatCount > 1 ? `  x${threat.repeatCount}` : ''}`,
        );
    }
  },
});

const describe = buildCommand({
  docs: { brief: 'Show everything about one threat; with --pcap the packets of its session' },
  parameters: {
    flags: {
      ...targetFlags,
      output: formatFlag,
      pcap: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Write the packets of the session to this file',
        placeholder: 'file',
      },
    },
    aliases: { ...targetAliases, o: 'output' },
    positional: { kind: 'tuple', parameters: [{ brief: 'Id of the threat', parse: String, placeholder: 'id' }] },
  },
  async func(this: Cli, flags: Target & { readonly output: Format; readonly pcap?: string }, id: string) {
    const client = clientOf(this, flags);
    const project = await projectOf(this, client, flags);
    const path = `/v1/projects/${project}/threats/${encodeURIComponent(id)}`;
    if (flags.pcap !== undefined) {
      const bytes = await client.bytes(`${path}/pcap`);
      writeFileSync(flags.pcap, bytes);
      return this.print(`Wrote ${bytes.length} bytes to ${flags.pcap}.`);
    }
    const threat = await client.get<Threat>(path);
    if (flags.output !== 'table') return printOne(this, flags.output, threat);
    const { payload, packet, ...rest } = threat;
    this.print(toYaml(rest));
    if (payload !== undefined) {
      this.print(`payload${payload.truncated ? ' (cut)' : ''}: |`);
      for (const line of printable(Buffer.from(payload.base64, 'base64'))) this.print(`  ${line}`);
    }
    if (packet !== undefined)
      this.print(
        `packet: ${Buffer.from(packet.base64, 'base64').length} bytes (\`-o json\` shows them; \`--pcap FILE\` writes the session)`,
      );
    return undefined;
  },
});

/** Bytes as lines that are safe on a terminal. */
const printable = (bytes: Buffer): string[] =>
  bytes
    .toString('latin1')
    .replace(/\r\n/g, '\n')
    .replace(/[^\n\x20-\x7e]/g, (it) => `\\x${it.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .split('\n');

export const threats = buildRouteMap({
  routes: { list, tail, describe },
  docs: { brief: 'Threats that IDS endpoints have seen' },
});
