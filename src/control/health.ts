import type { Observation } from '#core/engine.ts';
import { count } from '#lib/text.ts';
import type { Control } from './control.ts';
import type { LineLogHealth } from './logs/lines/collector.ts';
import type { MachineSeen } from './machines/door.ts';
import type { Observer } from './observations.ts';
import type { FeedHealth } from './threats/feed.ts';

export interface HealthItem {
  readonly part: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly text: string;
  readonly values?: Readonly<Record<string, number>>;
}

export interface HealthSources {
  readonly control: Pick<Control, 'artifacts' | 'head' | 'machine' | 'trouble'>;
  readonly observer: Pick<Observer, 'latest'>;
  readonly feeds: () => readonly FeedHealth[];
  readonly logs: () => readonly LineLogHealth[];
  /** Machines that have joined; default: none. */
  readonly machines?: () => readonly MachineSeen[];
  /** What came of bringing one to what is in force. */
  readonly courseOf?: (machine: string) => { readonly revision?: number; readonly trouble?: string };
}

/** The health of every part, in words. */
export async function healthOf(sources: HealthSources): Promise<readonly HealthItem[]> {
  const { control, observer, feeds, logs } = sources;
  const all = logs();
  const of = (prefix: string): readonly LineLogHealth[] => all.filter((it) => it.name.startsWith(`${prefix}/`));
  const { list } = await observer.latest();
  return [
    await hostItem(sources),
    ...driftItems(control),
    ...(sources.machines?.() ?? []).map((it) => machineItem(it, sources.courseOf?.(it.name) ?? {})),
    ...feeds().map(feedItem),
    ...packetItems(of('firewall'), { part: 'firewall log', kind: 'network', seen: list }),
    ...packetItems(of('filter'), { part: 'filter log', kind: 'gateway', seen: list }),
    ...(of('serial').length === 0 ? [] : [lineItem('serial logs', of('serial'))]),
  ];
}

async function hostItem({ control, observer }: HealthSources): Promise<HealthItem> {
  const seen = await observer.latest();
  const failed = seen.list.filter((it) => it.state === 'failed');
  if (seen.problem !== undefined) return { part: 'host', state: 'failed', text: seen.problem };
  if (control.machine === undefined || control.machine.busy) {
    return { part: 'host', state: 'warning', text: 'a change or a recovery is under way', values: { busy: 1 } };
  }
  if (failed.length > 0) {
    const text = failed.map((it) => `${it.artifact}: ${it.detail ?? 'failed'}`).join('; ');
    return { part: 'host', state: 'failed', text };
  }
  const text = `${count(control.artifacts.length, 'artifact')} held, revision ${control.head}`;
  return { part: 'host', state: 'ok', text };
}

/** What drifted away in the last hour, and what the machine has not managed to bring about. */
function driftItems({ machine, trouble }: HealthSources['control']): HealthItem[] {
  const items: HealthItem[] = trouble === undefined ? [] : [{ part: 'agreement', state: 'failed', text: trouble }];
  if (machine === undefined) return items;
  if (machine.unsettled.length > 0) {
    const text = `not restored or removed yet, tried again and again: ${machine.unsettled.join(', ')}`;
    items.push({ part: 'recovery', state: 'failed', text });
  }
  const started = machine.mended.filter((it) => it.atStart === true && it.failure === undefined);
  if (started.length > 0) {
    const text = `${count(started.length, 'thing')} brought back when the host agent started`;
    items.push({ part: 'start', state: 'ok', text });
  }
  const drifted = machine.mended.filter((it) => !started.includes(it));
  const told = drifted.map(
    ({ artifact, reason, failure, at }) =>
      `${artifact} at ${new Date(at).toISOString()}: ${reason}; ${failure === undefined ? 'mended' : `not mended: ${failure}`}`,
  );
  const state = drifted.some((it) => it.failure !== undefined) ? 'failed' : 'warning';
  if (told.length > 0) items.push({ part: 'drift', state, text: told.join('; ') });
  return items;
}

/** A machine that is away goes on as it is: nothing failed yet, and somebody should look. */
function machineItem(it: MachineSeen, course: { readonly revision?: number; readonly trouble?: string }): HealthItem {
  const part = `machine ${it.name}`;
  if (it.trouble !== undefined) return { part, state: 'warning', text: it.trouble };
  if (course.trouble !== undefined) return { part, state: 'failed', text: course.trouble };
  const { revision } = course;
  return {
    part,
    state: 'ok',
    text: `connected since ${it.since ?? '-'}${revision === undefined ? '' : `, revision ${revision}`}`,
  };
}

function feedItem(it: FeedHealth): HealthItem {
  const lost = it.gaps > 0 ? `, ${count(it.gaps, 'gap')}` : '';
  return {
    part: `detection ${it.project}/${it.endpoint}`,
    state: it.state === 'failing' ? 'failed' : it.malformed > 0 || it.gaps > 0 ? 'warning' : 'ok',
    text:
      it.trouble ?? `${count(it.lines, 'event')} read, ${it.malformed} malformed, ${it.lagBytes} bytes waiting${lost}`,
    values: { lines: it.lines, malformed: it.malformed, lagBytes: it.lagBytes, linesPerSecond: it.linesPerSecond },
  };
}

interface PacketLogs {
  readonly part: string;
  /** Of what the packets cross. */
  readonly kind: 'network' | 'gateway';
  readonly seen: readonly Observation[];
}

/** A flood may come faster than lines are written; what rules count is not counted by lines. */
function packetItems(files: readonly LineLogHealth[], { part, kind, seen }: PacketLogs): HealthItem[] {
  return files.map((file) => {
    const [, project = '', name = ''] = file.name.split('/');
    const owner = `${project}/${kind}/${name}`;
    const values = seen.filter((it) => it.artifact.startsWith('ulogd/')).map((it) => it.values[owner]);
    const lost = values.reduce((sum, it) => sum + (it?.['lostMessages'] ?? 0), 0);
    const item = lineItem(`${part} ${project}/${name}`, [file]);
    if (lost === 0) return item;
    return {
      ...item,
      state: item.state === 'ok' ? 'warning' : item.state,
      text: `${item.text}, ${count(lost, 'message')} of up to 32 packets each lost in a flood; counters of rules are exact`,
      values: { ...item.values, lostMessages: lost },
    };
  });
}

/** One item for all files of a sort: a thousand consoles are one line. */
function lineItem(part: string, files: readonly LineLogHealth[]): HealthItem {
  const sum = (of: (it: LineLogHealth) => number): number => files.reduce((total, it) => total + of(it), 0);
  const values = {
    lines: sum((it) => it.lines),
    malformed: sum((it) => it.malformed),
    lagBytes: sum((it) => it.lagBytes),
    linesPerSecond: sum((it) => it.linesPerSecond),
  };
  const gaps = sum((it) => it.gaps);
  const failing = files.find((it) => it.state === 'failing');
  const wrong = files.findLast((it) => it.lastMalformed !== undefined)?.lastMalformed;
  const text = [
    `${count(values.lines, 'line')} read`,
    `${values.malformed} malformed${wrong === undefined ? '' : ` (last: ${wrong})`}`,
    `${values.lagBytes} bytes waiting`,
    ...(gaps > 0 ? [count(gaps, 'gap')] : []),
  ].join(', ');
  return {
    part,
    state: failing !== undefined ? 'failed' : values.malformed > 0 || gaps > 0 ? 'warning' : 'ok',
    text: failing?.trouble === undefined ? text : `${failing.name}: ${failing.trouble}`,
    values,
  };
}
