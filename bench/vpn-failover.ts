/**
 * How long nothing comes through an IPsec tunnel and an SSL VPN of a pair of gateways when the other one takes over: by a switch, and
 * by a power loss of the active one. A ping every 50 ms on both ways; a gap is the longest time between two answers. Needs root; makes
 * a deployment of its own and takes it away.
 *
 *   node bench/vpn-failover.ts [runs of each]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, startDeployment } from '../test/deployment.ts';
import { GatewayLab } from '../test/gateway-lab.ts';
import { inNamespace, testMachine } from '../test/machine.ts';
import { plugIn, type Stranger } from '../test/segment-lab.ts';
import { connect, UP, type VpnClient } from '../test/ssl-vpn-lab.ts';
import { alice, names, OUTSIDE, PRIVATE, pair, pairSite } from '../test/vpn-pair-site.ts';

const runs = Number(process.argv[2] ?? 10);
/** Whoever has no answer for so many seconds is not waited for. */
const PATIENCE = 90;

const [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
const gateways = new GatewayLab(lab, 'office');
const children: ChildProcess[] = [];
let client: VpnClient | undefined;

async function host(segment: string, address: string, router?: string): Promise<Stranger> {
  const made = await plugIn(machine, lab, { segment: `office.${segment}` });
  await made.sh(`ip addr add ${address} dev eth0`);
  if (router !== undefined) await made.sh(`ip route add default via ${router}`);
  return made;
}

/** Moments of answers, in milliseconds. */
function answersAt(from: Stranger): number[] {
  const argv = ['ping', '-n', '-D', '-i', '0.05', PRIVATE];
  const [program = '', ...rest] = inNamespace(machine.namespace(from.namespace), argv);
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  const seen: number[] = [];
  let left = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (left + text).split('\n');
    left = lines.pop() ?? '';
    for (const line of lines) {
      const moment = /^\[([\d.]+)] \d+ bytes from/.exec(line)?.[1];
      if (moment !== undefined) seen.push(1000 * Number(moment));
    }
  });
  return seen;
}

const flows = async (answers: readonly number[]): Promise<void> => {
  await eventually(
    async () => answers.filter((it) => it > Date.now() - 1000).length,
    (it) => it >= 10,
    PATIENCE,
  );
};

/** Milliseconds. */
const longestGap = (answers: readonly number[], since: number): number => {
  const from = Math.max(0, answers.findIndex((it) => it >= since) - 1);
  return Math.max(...answers.slice(from + 1).map((it, index) => it - (answers[from + index] ?? it)));
};

const part = (list: readonly number[], share: number): number =>
  list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(share * list.length))] ?? Number.NaN;

try {
  await lab.apply(pairSite({ branch: true }));
  const [laptop, far] = [await host('outside', '198.51.100.10/24'), await host('far', '10.72.0.10/24', '10.72.0.1')];
  await host('inside', `${PRIVATE}/16`, '10.200.0.1');
  await gateways.settled(names, OUTSIDE);
  client = connect(machine, laptop, (await lab.vauban('vpn', 'profile')).stdout, alice);
  await client.said(UP, 60);
  const ways = { IPsec: answersAt(far), 'SSL VPN': answersAt(laptop) };
  const gaps = new Map<string, number[]>();
  for (let run = 0; run < runs; run++) {
    for (const how of ['switched by hand', 'power loss']) {
      const active = await gateways.settled(names, OUTSIDE);
      for (const it of Object.values(ways)) await flows(it);
      const since = Date.now();
      const struck = pair.filter((it) => it.name === active);
      if (how === 'power loss') for (const it of struck) gateways.cables(it, 'down');
      // Refused as long as the other member is not able: it has just come back, or does not know the connections yet.
      else
        await eventually(
          () => lab.vauban('gateway', 'switch', active),
          (it) => it.code === 0,
          PATIENCE,
        );
      await eventually(
        async () =>
          gateways.owners(
            names.filter((it) => it !== active),
            OUTSIDE,
          ).length,
        (it) => it === 1,
        PATIENCE,
      );
      // Longer than either needs to notice; what lasts longer is waited for.
      await sleep(8000);
      for (const it of Object.values(ways)) await flows(it);
      for (const [way, answers] of Object.entries(ways)) {
        const name = `${way}, ${how}`;
        const gap = longestGap(answers, since);
        gaps.set(name, [...(gaps.get(name) ?? []), gap]);
        console.log(`${name}: ${(gap / 1000).toFixed(2)} s`);
      }
      for (const it of struck) gateways.cables(it, 'up');
    }
  }
  console.log('case                        runs   seconds: min  median   p90    max');
  for (const [name, list] of gaps) {
    const numbers = [part(list, 0), part(list, 0.5), part(list, 0.9), Math.max(...list)];
    const shown = numbers.map((it) => (it / 1000).toFixed(2).padStart(6)).join(' ');
    console.log(`${name.padEnd(27)} ${String(list.length).padStart(4)}   ${shown}`);
  }
  console.log(`The client was ${client.ended() ? 'sent away' : 'never asked for a password again'}.`);
} finally {
  for (const it of children) it.kill('SIGKILL');
  gateways.stop();
  await client?.stop();
  await machine.cleanup();
  await lab.remove();
}
