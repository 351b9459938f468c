import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { GatewayLab } from '../gateway-lab.ts';
import { type TestMachine, testMachine } from '../machine.ts';
import { plugIn, type Stranger } from '../segment-lab.ts';
import { connect, serve, UP, type VpnClient } from '../ssl-vpn-lab.ts';
import { alice, names, OUTSIDE, PRIVATE, pair, pairSite } from '../vpn-pair-site.ts';

/** A pair of gateways with an SSL VPN: what people notice when the other one takes over. */
let lab: TestDeployment;
let machine: TestMachine;
let gateways: GatewayLab;
let laptop: Stranger;
let one: VpnClient | undefined;
let stopServing: () => void;

const SIZE = 6_000_000;
const site = pairSite();

const running = (gateway: string): string[] =>
  ['openvpn', 'vpn'].filter((it) => {
    const service = it === 'vpn' ? `vpn.gw.office.${gateway}` : `openvpn.gw.office.${gateway}.udp`;
    const folder = `${lab.deployment.scan}/${service}`;
    return execFileSync('s6-svstat', ['-o', 'up', folder], { encoding: 'utf8' }).trim() === 'true';
  });
const times = (client: VpnClient): number => client.log().split('Initialization Sequence Completed').length - 1;

beforeAll(async () => {
  [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
  gateways = new GatewayLab(lab, 'office');
  await lab.apply(site);
  laptop = await plugIn(machine, lab, { segment: 'office.outside' });
  await laptop.sh('ip addr add 198.51.100.10/24 dev eth0');
  const server = await plugIn(machine, lab, { segment: 'office.inside' });
  await server.sh(`ip addr add ${PRIVATE}/16 dev eth0`);
  await server.sh('ip route add default via 10.200.0.1');
  stopServing = await serve(machine, server, 'x'.repeat(SIZE));
  await gateways.settled(names, OUTSIDE);
}, 300_000);

afterAll(async () => {
  gateways?.stop();
  await one?.stop();
  stopServing?.();
  await machine?.cleanup();
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('when the active gateway fails a download goes on after a few seconds, and nobody is asked for a password', async () => {
  const profile = (await lab.vauban('vpn', 'profile')).stdout;
  const first = await gateways.settled(names, OUTSIDE);
  const second = names.find((it) => it !== first) ?? '';
  expect([running(first), running(second)]).toEqual([['openvpn', 'vpn'], []]);
  one = connect(machine, laptop, profile, alice);
  const client = one;
  expect(await client.said(UP, 60)).toMatch(UP);
  const address = client.address();
  const download = laptop.run(
    `curl -s -o /dev/null -m 90 --limit-rate 250k --noproxy * -w %{size_download} http://${PRIVATE}/`,
  );
  const failing = pair.filter((it) => it.name === first);
  const since = Date.now();
  for (const it of failing) gateways.cables(it, 'down');
  await eventually(
    async () => times(client),
    (it) => it >= 2,
    60,
  );
  const back = (Date.now() - since) / 1000;
  expect((await download).stdout).toBe(String(SIZE));
  expect([client.address(), client.ended()]).toEqual([address, false]);
  const entries = await eventually(
    async () => (await lab.vauban('logs', 'read', 'log_id("vpn") AND jsonPayload.by="token"', '-o', 'json')).stdout,
    (it) => it.includes(second),
  );
  expect(entries).toContain(alice.username);
  for (const it of failing) gateways.cables(it, 'up');
  expect(await gateways.settled(names, OUTSIDE)).toBe(second);
  await eventually(
    async () => [running(first), running(second)].map((it) => it.length),
    (it) => it.join() === '0,2',
  );
  // Five seconds of silence, then a handshake; with patience for a busy machine.
  expect(back).toBeLessThan(30);
  console.info(`back after ${back.toFixed(1)} s`);
}, 200_000);

test('rights that were lost meanwhile do not come back with the other gateway', async () => {
  expect((await lab.vauban('vpn', 'status')).stdout).toContain(alice.username);
  const active = await gateways.settled(names, OUTSIDE);
  await lab.apply(site.replace('members: ["user:alice@example.com"]', 'members: ["user:nobody@example.com"]'));
  await eventually(async () => one?.ended() === true, Boolean);
  expect((await lab.vauban('gateway', 'switch', active)).code).toBe(0);
  await eventually(
    async () => gateways.owners(names, OUTSIDE).join(),
    (it) => it !== '' && it !== active,
  );
  expect((await lab.vauban('vpn', 'status')).stdout).not.toContain(alice.username);
}, 120_000);
