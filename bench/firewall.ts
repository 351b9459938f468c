/**
 * What the firewall costs: a connection, its first packet, loading, one changed rule, and what swaps lose.
 * Run as root: node bench/firewall.ts [rounds] [sizes] [alone]. Everything happens in namespaces of its own; firewalld and
 * ufw, which hold the same policy for comparison, are installed into a copy of the file system that goes with the run. Ratios are of one run and
 * of the same round; [a-b] are the lowest and the highest round. Machine load moves absolute figures, ratios less.
 */
import { compile } from '#engines/firewall/compile.ts';
import { firewallEngine } from '#engines/firewall/driver.ts';
import type { FirewallInput } from '#engines/firewall/input.ts';
import { renderRemoval, renderWhole } from '#engines/firewall/render.ts';
import { type FirewallLab, firewallLab, type Sent } from '../test/firewall-lab.ts';
import { conntrackOnly, sink } from './baselines.ts';
import { allowedPackets, connectionCostOf, connectionsOf, costOf, speakFromEverywhere } from './firewall-cost.ts';
import { linesOf, type Peers, peersIn } from './firewall-peers.ts';
import { estate, estateInput } from './firewall-rules.ts';
import { spread } from './spread.ts';

const rounds = Number(process.argv[2] ?? 3);
const sizes = (process.argv[3] ?? '10,1000,10000').split(',').map(Number);
const target = 'lab/instance/a';
const timeout = 300_000;

async function nft(lab: FirewallLab, text: string, namespace = 'v'): Promise<number> {
  const began = performance.now();
  const { code, stderr } = await lab.machine.exec(['nft', '-f', '-'], { namespace, stdin: text, timeout });
  if (code !== 0) throw new Error(stderr.slice(0, 1000));
  return performance.now() - began;
}

const variantsOf = (input: FirewallInput) => ({
  lookups: renderWhole(compile(input)),
  linear: renderWhole(compile(input, { group: 0, table: 0 })),
});

/** What something takes under conntrack alone, and in ratios to that under our rules, and under the same one by one. */
async function againstConntrack(lab: FirewallLab, input: FirewallInput, measure: () => Promise<number>) {
  const variants = variantsOf(input);
  const ratios = { lookups: [] as number[], linear: [] as number[] };
  const bare: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await nft(lab, conntrackOnly);
    const baseline = await measure();
    bare.push(baseline);
    await nft(lab, 'delete table inet baseline');
    for (const name of ['lookups', 'linear'] as const) {
      await nft(lab, variants[name]);
      ratios[name].push((await measure()) / baseline);
      await nft(lab, renderRemoval());
    }
  }
  return { bare, ...ratios };
}

/** The cost of a first packet, and of a TCP connection from its opening to its end. */
async function connectionCost(lab: FirewallLab, input: FirewallInput): Promise<void> {
  const packets = allowedPackets(input, 10_000, '10.0.1.1');
  const connections = connectionsOf(packets, 3000);
  const report = (what: string, { bare, lookups, linear }: Awaited<ReturnType<typeof againstConntrack>>): void => {
    console.log(`  ${what}, conntrack alone: ${spread(bare, 0)} ns of CPU`);
    console.log(`    compiled / conntrack     ${spread(lookups)}`);
    console.log(`    one by one / conntrack   ${spread(linear)}`);
  };
  report('TCP connection', await againstConntrack(lab, input, () => connectionCostOf(lab, connections)));
  // The receiver drops at once, so that only the way to it is measured.
  await nft(lab, sink, 'a');
  report('first packet', await againstConntrack(lab, input, () => costOf(lab, packets)));
  await nft(lab, 'delete table ip sink', 'a');
}

const artifact = (input: FirewallInput) => ({ id: 'firewall/v', engine: 'firewall', owners: [], needs: [], input });

/** Milliseconds of the driver, from input to enforced, with compiling; no connections are there to be cut. */
async function applyTimes(lab: FirewallLab, input: FirewallInput): Promise<void> {
  const changed = {
    ...input,
    rules: input.rules.map((rule, index) => (index === 5 ? { ...rule, sources: ['99.1.2.0/24'] } : rule)),
  };
  const times = { first: [] as number[], change: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    await nft(lab, renderRemoval());
    await lab.machine.exec(['conntrack', '-F'], { namespace: 'v' });
    const fresh = artifact({ ...input });
    let began = performance.now();
    await firewallEngine.apply(lab.machine, fresh, undefined);
    times.first.push(performance.now() - began);
    began = performance.now();
    await firewallEngine.apply(lab.machine, artifact({ ...changed }), fresh);
    times.change.push(performance.now() - began);
  }
  console.log(`  first apply              ${spread(times.first, 0)} ms`);
  console.log(`  one rule changed         ${spread(times.change, 0)} ms`);
}

/** Median and spread of what each of some peers takes, in ratios to what we take in the same run. */
async function comparePeers(lab: FirewallLab, peers: Peers, input: FirewallInput): Promise<void> {
  const packets = allowedPackets(input, 10_000, '10.0.1.1');
  const sample = allowedPackets(input, 300, '10.0.1.1').map((packet): Sent => ({ by: 'out', packet }));
  await nft(lab, renderWhole(compile(input)));
  const ours: number[] = [];
  await nft(lab, sink, 'a');
  for (let round = 0; round < rounds; round++) ours.push(await costOf(lab, packets));
  await nft(lab, `${renderRemoval()}flush ruleset`);
  await nft(lab, 'delete table ip sink', 'a');
  for (const peer of peers.list) {
    try {
      const began = performance.now();
      await peer.load(linesOf(input));
      const loaded = performance.now() - began;
      const times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const start = performance.now();
        await peer.change();
        times.push((performance.now() - start) / 2);
      }
      await lab.machine.exec(['conntrack', '-F'], { namespace: 'v' });
      const arrived = (await lab.exchange(sample)).size;
      await nft(lab, sink, 'a');
      const costs: number[] = [];
      for (let round = 0; round < rounds; round++) costs.push(await costOf(lab, packets));
      await nft(lab, 'delete table ip sink', 'a');
      const ratios = costs.map((it, round) => it / (ours[round] ?? it));
      console.log(`  ${peer.name.padEnd(10)} first packet ${spread(ratios)} of ours; load ${loaded.toFixed(0)} ms;`);
      console.log(
        `             one rule ${spread(times, 0)} ms; ${arrived} of ${sample.length} allowed packets arrived`,
      );
    } catch (error) {
      console.log(`  ${peer.name.padEnd(10)} not compared: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await peer.unload().catch(() => {});
      await lab.machine.exec(['nft', 'delete', 'table', 'ip', 'sink'], { namespace: 'a' });
    }
  }
}

/** New connections that are lost or leak while one rule set follows the other. */
async function swapLoss(lab: FirewallLab, input: FirewallInput): Promise<void> {
  const fixed = { priority: 0, protocols: [{ protocol: 'udp' as const, ports: [[7000, 7000]] as [number, number][] }] };
  const [first] = input.rules;
  if (first === undefined) return;
  const always = {
    ...first,
    ...fixed,
    id: 'bench/firewallRule/always',
    action: 'allow' as const,
    sources: ['0.0.0.0/0'],
  };
  const never = { ...always, id: 'bench/firewallRule/never', action: 'deny' as const };
  const denied = { ...never, protocols: [{ protocol: 'udp' as const, ports: [[7001, 7001]] as [number, number][] }] };
  const rules = [always, denied];
  const sets = [input.rules.slice(0, -1), input.rules.slice(1)].map((list) =>
    artifact({ ...input, rules: [...rules, ...list] }),
  );
  const [a, b] = sets;
  if (a === undefined || b === undefined) return;
  await firewallEngine.apply(lab.machine, a, undefined);
  const packets = Array.from(
    { length: 60_000 },
    (_, index): Sent => ({
      by: 'out',
      packet: { source: '198.51.100.1', destination: '10.0.1.1', protocol: 17, port: 7000 + (index % 2) },
    }),
  );
  let sending = true;
  const exchange = lab.exchange(packets).finally(() => {
    sending = false;
  });
  let swaps = 0;
  for (let held = a; sending && swaps < 1000; swaps++) {
    const next = held === a ? b : a;
    await firewallEngine.apply(lab.machine, next, held);
    held = next;
  }
  const arrived = await exchange;
  const leaked = [...arrived].filter((tag) => tag % 2 === 1).length;
  console.log(
    `  ${swaps} swaps meanwhile: lost ${30_000 - (arrived.size - leaked)} of 30,000, leaked ${leaked} of 30,000`,
  );
}

const lab = await firewallLab({ a: ['10.0.1.1'], b: ['10.0.1.2'] });
let peers: Peers | undefined;
const cleanup = async (): Promise<void> => {
  await peers?.end();
  await lab.cleanup();
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void cleanup().finally(() => process.exit(130)));
}
try {
  if (process.argv[4] !== 'alone') {
    peers = await peersIn(lab.machine, 'v').catch((error: unknown) => {
      console.log(`firewalld, ufw: not compared: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    });
  }
  await speakFromEverywhere(lab);
  for (const size of sizes) {
    const input = estateInput(estate(size, { target }), lab.hosts);
    console.log(`${size} rules on one host`);
    await connectionCost(lab, input);
    await applyTimes(lab, input);
    await swapLoss(lab, input);
    await nft(lab, renderRemoval());
    if (peers !== undefined) await comparePeers(lab, peers, input);
  }
} finally {
  await cleanup();
}
