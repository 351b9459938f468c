/**
 * How long a pair of gateways is silent when one fails, and which connections live on: power loss, a switch by hand, each
 * cable pulled and each network silent, many times each, beside the same pair with the defaults of keepalived (an
 * advertisement a second, no arbitration) in the same run, so that the ratio means something. Needs root; makes namespaces of
 * its own and takes them away.
 *
 *   node bench/gateway-failover.ts [runs] [runs with defaults] [part of the name of a case]
 *
 * `node bench/gateway-failover.ts 30 0` is the distribution of all cases: 30 runs each, and 10 of those in which nothing moves. It says
 * at its end how long it took.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FlowReport } from '../test/cluster-flow.ts';
import { type Cable, type ClusterLabSetting, cables, type Node } from '../test/cluster-inputs.ts';
import { ClusterLab } from '../test/cluster-lab.ts';
import { eventually } from '../test/deployment.ts';

const runs = Number(process.argv[2] ?? 30);
const runsOfDefaults = Number(process.argv[3] ?? 10);
const only = process.argv[4] ?? '';

/** Milliseconds that a failure is watched. Whoever is silent for longer is reported as such. */
const WATCHED = 1200;
/** With an advertisement a second a takeover takes more than three. */
const WATCHED_DEFAULTS = 6000;

interface Case {
  readonly name: string;
  /** Part of the runs that it is worth; default: all. */
  readonly part?: number;
  strike(lab: ClusterLab, active: Node): Promise<void>;
  mend?(lab: ClusterLab, active: Node): Promise<void>;
}

/** Nothing moves when the link is cut. */
const partOf = (cable: Cable) => (cable === 'ha' ? { part: 1 / 3 } : {});

const powerLoss: Case = {
  name: 'power loss',
  strike: (lab, active) => lab.powerLoss(active),
  mend: (lab, active) => lab.powerOn(active),
};

const cases: readonly Case[] = [
  powerLoss,
  { name: 'switched by hand', strike: (lab, active) => lab.steer(active, 'role', 'switch') },
  ...cables.map(
    (it): Case => ({
      ...partOf(it),
      name: `cable ${it} pulled`,
      strike: (lab, active) => lab.cable(active, it, 'down'),
    }),
  ),
  ...cables.map(
    (it): Case => ({
      ...partOf(it),
      name: `network ${it} silent`,
      strike: (lab, active) => lab.silence(active, it, 'cut'),
    }),
  ),
];

interface Row {
  readonly name: string;
  readonly gaps: number[];
  readonly tcpGaps: number[];
  readonly doubles: number[];
  deaths: number;
  flows: number;
}

async function once(lab: ClusterLab, it: Case, row: Row, watched: number): Promise<void> {
  const active = await lab.settled();
  await lab.synced();
  await established(lab, active);
  const { out, in: published } = lab.traffic;
  const since = Date.now();
  out.mark();
  published.mark();
  await it.strike(lab, active);
  await sleep(watched);
  const seen: FlowReport[] = [await out.report(), await published.report()];
  await it.mend?.(lab, active);
  await lab.heal();
  const later = await lab.flowing();
  if (only !== '') await back(lab, active);
  row.gaps.push(Math.max(...seen.map((one) => one.gap)));
  row.tcpGaps.push(Math.max(...seen.map((one) => one.tcpGap)));
  row.doubles.push(lab.owners.longestDouble(since));
  row.deaths += seen.reduce((sum, one) => sum + one.deaths, later.out + later.in);
  row.flows += seen.length;
}

/** Milliseconds after a takeover in which no node is blamed for an interface, and a little more. */
const GRACE = 1300;

/** What is struck is a pair that has run for a while, not one that has just switched. */
async function established(lab: ClusterLab, active: Node): Promise<void> {
  const role = await lab.status(active).catch(() => undefined);
  // It says whole seconds.
  if (role !== undefined) await sleep(Math.max(0, 1000 * (role.since + 1) + GRACE - Date.now()));
}

/**
 * The same node is struck every time: of one that was struck on an interface it is remembered for a minute, and nobody gives way to
 * it. All cases together change the role an even number of times, so there it is so by itself.
 */
async function back(lab: ClusterLab, active: Node): Promise<void> {
  const now = await lab.settled();
  if (now === active) return;
  await lab.steer(now, 'role', 'switch');
  await eventually(
    () => lab.active(),
    (them) => them.length === 1 && them[0] === active,
    30,
  );
}

async function measure(setting: ClusterLabSetting, list: readonly Case[], times: number): Promise<Row[]> {
  const watched = setting.arbitrated === false ? WATCHED_DEFAULTS : WATCHED;
  const lab = await ClusterLab.start(setting);
  const rows = list.map(({ name }): Row => ({ name, gaps: [], tcpGaps: [], doubles: [], deaths: 0, flows: 0 }));
  try {
    await lab.flows();
    for (let n = 0; n < times; n++) {
      for (const [index, it] of list.entries()) {
        const row = rows[index];
        if (row !== undefined && n < Math.ceil((it.part ?? 1) * times)) await once(lab, it, row, watched);
      }
    }
  } finally {
    await lab.stop();
  }
  return rows;
}

const at = (list: readonly number[], part: number): number =>
  list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(part * list.length))] ?? Number.NaN;

function print(title: string, rows: readonly Row[], watched: number): void {
  console.log(`\n${title}`);
  console.log(
    'case                 runs   gap ms: min  median  p90  max   TCP gap: median  max   connections kept   two owners, ms',
  );
  for (const { name, gaps, tcpGaps, doubles, deaths, flows } of rows) {
    const numbers = [at(gaps, 0), at(gaps, 0.5), at(gaps, 0.9), Math.max(...gaps)].map((it) => String(it).padStart(6));
    const tcp = [at(tcpGaps, 0.5), Math.max(...tcpGaps)].map((it) => String(it).padStart(6));
    const kept = `${flows - deaths} of ${flows}`;
    console.log(
      `${name.padEnd(20)} ${String(gaps.length).padStart(4)}   ${numbers.join(' ')}   ${tcp.join(' ')}   ${kept.padStart(12)}   ${Math.max(...doubles)}`,
    );
    const longer = gaps.filter((it) => it > 0.9 * watched).length;
    if (longer > 0) console.log(`  ${longer} of them may have been longer: they were watched for ${watched} ms`);
  }
}

const ours = await measure(
  {},
  cases.filter((it) => it.name.includes(only)),
  runs,
);
const theirs =
  runsOfDefaults === 0
    ? []
    : await measure({ arbitrated: false, keepalived: { advertMs: 1000 } }, [powerLoss], runsOfDefaults);
print('Advertisements of 100 ms, arbitrated', ours, WATCHED);
if (theirs.length > 0) {
  print('An advertisement a second, keepalived alone', theirs, WATCHED_DEFAULTS);
  const [a, b] = [at(ours[0]?.gaps ?? [], 0.5), at(theirs[0]?.gaps ?? [], 0.5)];
  console.log(`\n${ours[0]?.name}, median: ${a} ms beside ${b} ms: ${(a / b).toFixed(2)} of the defaults`);
}
console.log(`\nTook ${Math.round(process.uptime())} s.`);
