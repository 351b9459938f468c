import { stringify } from 'csv-stringify/sync';
import type { NetworkObjectSpec } from '#kinds/network-object/spec.ts';
import type { RouterObjectSpec } from '#kinds/router-object/spec.ts';
import type { ScheduleSpec } from '#kinds/schedule/spec.ts';
import type { ServiceObjectSpec } from '#kinds/service-object/spec.ts';
import { canonical } from '#lib/hash.ts';
import { formatAddress, prefix } from '#lib/ip.ts';
import { byText } from '#lib/text.ts';
import { columns, guarded, protocolNumbers, type RowType } from './columns.ts';
import { type ObjectKind, readObjects } from './read.ts';
import { routerCells } from './routers.ts';
import { timeCells } from './times.ts';

export interface Exported {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly spec: unknown;
}

type Cells = Readonly<Record<string, string>>;

/** The rows of these objects, in the order of {@link columns}, and the names of those that this format cannot say. */
export function writeObjects(objects: readonly Exported[]): {
  readonly text: string;
  readonly leftOut: readonly string[];
} {
  const all = objects.toSorted((a, b) => byText(a.name, b.name));
  const rows = all.map((it) => ({ it, row: rowOf(it) }));
  const first = rendered(rows.flatMap(({ row }) => row ?? []));
  // Whatever does not read back as it was is not written: an import would change it.
  const back = new Map(readObjects(first, 'export').objects.map((it) => [`${it.kind} ${it.name}`, canonical(it.spec)]));
  const same = rows.filter(({ it }) => back.get(`${it.kind} ${it.name}`) === canonical(it.spec));
  const leftOut = rows.filter((it) => !same.includes(it)).map(({ it }) => it.name);
  return { text: leftOut.length === 0 ? first : rendered(same.flatMap(({ row }) => row ?? [])), leftOut };
}

interface Typed {
  readonly type: RowType;
  readonly cells: Cells;
}

function rendered(rows: readonly Typed[]): string {
  const lines = (Object.keys(columns) as RowType[]).flatMap((type) => {
    const these = rows.filter((it) => it.type === type);
    if (these.length === 0) return [];
    const names = ['type', 'name', ...columns[type]];
    return [names.map((it) => `#${it}`), ...these.map(({ cells }) => names.map((it) => cells[it] ?? ''))];
  });
  return stringify(lines);
}

function rowOf({ kind, name, spec }: Exported): Typed | undefined {
  const found = cellsOf(kind, spec);
  if (found === undefined) return undefined;
  const comment = guarded((spec as { readonly description: string }).description);
  return { type: found.type, cells: { ...found.cells, type: found.type, name, comment } };
}

function cellsOf(kind: ObjectKind, spec: unknown): Typed | undefined {
  switch (kind) {
    case 'networkObject':
      return networkCells(spec as NetworkObjectSpec);
    case 'serviceObject':
      return serviceCells(spec as ServiceObjectSpec);
    case 'routerObject':
      return { type: 'router', cells: routerCells(spec as RouterObjectSpec) };
    case 'schedule': {
      const cells = timeCells(spec as ScheduleSpec);
      return cells && { type: 'time', cells };
    }
  }
}

function networkCells({ host, network, range, group }: NetworkObjectSpec): Typed | undefined {
  if (host !== undefined) return { type: 'host', cells: { ip: host, resolve: 'static' } };
  if (range !== undefined) {
    const [begin = '', end = ''] = range.split('-');
    return { type: 'range', cells: { begin, end } };
  }
  if (group !== undefined) return { type: 'group', cells: { elements: group.join(',') } };
  if (network === undefined) return undefined;
  const { base, length } = prefix(network);
  const mask = formatAddress(2 ** 32 - 2 ** (32 - length));
  return { type: 'network', cells: { ip: formatAddress(base), mask, prefixlen: String(length) } };
}

function serviceCells({ match, group }: ServiceObjectSpec): Typed | undefined {
  if (group !== undefined) return { type: 'servicegroup', cells: { elements: group.join(',') } };
  const [one = '', two, ...more] = match ?? [];
  const [, proto = '', ports] = /^([a-z]+|\d+)(?::(.+))?$/.exec(one) ?? [];
  if (ports === undefined) {
    const number = protocolNumbers[proto] ?? proto;
    return two === undefined ? { type: 'protocol', cells: { protonumber: String(number) } } : undefined;
  }
  const [port = '', toport = ''] = ports.split('-');
  if (two === undefined) return { type: 'service', cells: { proto, port, toport } };
  const isBoth = proto === 'tcp' && two === `udp:${ports}` && more.length === 0;
  return isBoth ? { type: 'service', cells: { proto: 'any', port, toport } } : undefined;
}
