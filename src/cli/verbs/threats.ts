import { writeFileSync } from 'node:fs';
import { buildCommand, buildRouteMap } from '@stricli/core';
import { numberOf, type Severity, severities, type Threat, timeText } from '#control/threats/threat.ts';
import { logIds } from '#core/log.ts';
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

/** Who really asked, when it came over the load balancer. */
const sourceOf = ({ source, client }: Pick<Threat, 'source' | 'client'>): string =>
  client === undefined
    ? end(source)
    : `${client.principal ?? client.address} (${client.address === source.address ? 'VPN' : 'load balancer'})`;
const end = (it: Threat['source']): string => `${it.instance ?? it.address}${it.port > 0 ? `:${it.port}` : ''}`;

/** "east", or "office everyday/web-in, dropped" of what crosses a gateway. */
const seenBy = ({ endpoint, gateway, rule, action }: Threat): string =>
  gateway === undefined ? endpoint : `${gateway} ${rule ?? '?'}${action === 'blocked' ? ', dropped' : ''}`;

const table: TableOf<Threat> = {
  name: (it) => it.id,
  empty: 'No threat has been seen.',
  columns: [
    { title: 'ID', value: (it) => it.id },
    { title: 'TIME', value: (it) => it.alertTime.slice(0, 19) },
    { title: 'SEVERITY', value: (it) => it.severity },
    { title: 'NAME', value: (it) => it.name },
    { title: 'SOURCE', value: (it) => sourceOf(it) },
    { title: 'DESTINATION', value: (it) => end(it.destination) },
    { title: 'COUNT', value: (it) => String(it.repeatCount) },
    { title: 'SESSION', value: (it) => it.sessionId },
    { title: 'SEEN_BY', value: seenBy },
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
      endpoint: text('Only of this IDS endpoint, or of this gateway'),
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
    const shown = new Map<string, number>();
    for await (const { event, data } of client.events(`/v1/projects/${project}/threats:stream?${query}`)) {
      if (event !== 'threat' && event !== 'update') continue;
      const threat = JSON.parse(data) as Threat;
      // Of updates only those that say something new to a person: it was seen again.
      const before = shown.get(threat.id) ?? (event === 'update' ? 1 : 0);
      if (threat.repeatCount <= before) continue;
      remember(shown, threat);
      if (flags.output === 'json') this.print(JSON.stringify(threat));
      else if (flags.output === 'yaml') this.print(`---\n${toYaml(threat)}`);
      else this.print(lineOf(threat));
    }
  },
});

/** A threat grows for a few seconds only, so the counts of the last ones are enough. */
function remember(shown: Map<string, number>, { id, repeatCount }: Threat): void {
  shown.set(id, repeatCount);
  if (shown.size <= 1000) return;
  for (const oldest of shown.keys()) {
    shown.delete(oldest);
    if (shown.size <= 500) break;
  }
}

function lineOf(threat: Threat): string {
  const { alertTime, severity, name, destination, repeatCount } = threat;
  const times = repeatCount > 1 ? `  x${repeatCount}` : '';
  const crossed = threat.gateway === undefined ? '' : `  (${seenBy(threat)})`;
  return `${alertTime.slice(0, 19)}  ${severity.padEnd(13)}  ${name}  ${sourceOf(threat)} -> ${end(destination)}${times}${crossed}`;
}

/** The command that shows the log entries of a threat: its own and, where it was seen twice, that of the other copy. */
export function logCommand({ id, twin }: Pick<Threat, 'id' | 'twin'>, project?: string): string {
  const ids = [id, ...(twin === undefined ? [] : [twin])].sort();
  const [first = '', last = first] = ids.map((it) => timeText(numberOf(it) ?? 0));
  const when = twin === undefined ? `timestamp="${first}"` : `timestamp>="${first}" AND timestamp<="${last}"`;
  const which = twin === undefined ? `"${id}"` : `(${ids.map((it) => `"${it}"`).join(' OR ')})`;
  const filter = `log_id("${logIds.threat}") AND ${when} AND insertId=${which}`;
  return `vauban logs read ${project === undefined ? '' : `--project ${project} `}'${filter}'`;
}

/** The command that shows the request of a threat in the load balancer's log. */
export function requestCommand({ client }: Pick<Threat, 'client'>, project?: string): string | undefined {
  if (client?.requestId === undefined) return undefined;
  const filter = `log_id("${logIds.requests}") AND jsonPayload.requestId="${client.requestId}"`;
  return `vauban logs read ${project === undefined ? '' : `--project ${project} `}'${filter}'`;
}

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
    this.print(`log: ${logCommand(threat, flags.project)}`);
    const request = requestCommand(threat, flags.project);
    if (request !== undefined) this.print(`request: ${request}`);
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
  docs: { brief: 'Threats that IDS endpoints and gateways have seen' },
});
