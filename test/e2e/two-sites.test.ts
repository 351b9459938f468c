import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSite } from '#cli/site.ts';
import type { TunnelView } from '#control/gateways/tunnels.ts';
import type { Operation } from '#control/operations.ts';
import { namespaceOf } from '#host/machine.ts';
import { eventually, finished, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';
import { GatewayLab } from '../gateway-lab.ts';
import { connectIn, UP, type VpnClient } from '../ssl-vpn-lab.ts';

/** `examples/two-sites` itself: the second half of the document. */
let lab: TestDeployment;
let gateways: GatewayLab;
let tries: Tries;
let sniffer: ChildProcess;
let client: VpnClient | undefined;
let clear = '';

const project = 'stormshield';
const at = (host: string): string => `${project}/${host}`;
const web = (from: string, address: string): Promise<string> =>
  tries.sh(at(from), `curl -s -m 3 --noproxy '*' http://${address}/`);
const [SBG7, GRA11] = ['10.200.0.10', '10.201.0.10'];
const sbg7 = ['sbg7-1', 'sbg7-2'];
const SHARED = '147.135.161.153';

/** What the members say that run tunnels. */
const tunnels = async (): Promise<TunnelView[]> => {
  const { items } = await lab.client.get<{ items: TunnelView[] }>(`/v1/projects/${project}/ipsec:status`);
  return items.filter((it) => it.state !== 'standby');
};
const bothUp = (): Promise<TunnelView[]> =>
  eventually(tunnels, (it) => it.length === 2 && it.every((one) => one.state === 'up'), 60);

beforeAll(async () => {
  lab = await startDeployment();
  [tries, gateways] = [triesOf(lab), new GatewayLab(lab, project)];
  const files = readSite(new URL('../../examples/two-sites', import.meta.url).pathname);
  const { operation } = await lab.client.post<{ operation: Operation }>('/v1/apply', { files });
  // On the way between the sites, from before the tunnel is up: packets of private networks must never be seen there.
  await finished(lab.client, operation);
  const middle = namespaceOf(lab.deployment.id, 'internet');
  const filter = '(net 10.200.0.0/16 and net 10.201.0.0/16)';
  sniffer = spawn('nsenter', [`--net=/run/netns/${middle}`, 'tcpdump', '-nli', 'any', filter]);
  sniffer.stdout?.setEncoding('utf8').on('data', (text: string) => {
    clear += text;
  });
  for (const host of ['sbg7-webserver', 'gra11-webserver'])
    await eventually(
      () => web(host, '127.0.0.1'),
      (it) => it.startsWith('Private web server'),
      240,
    );
  await bothUp();
}, 600_000);

afterAll(async () => {
  await client?.stop();
  sniffer?.kill('SIGKILL');
  gateways?.stop();
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('the private web servers of both regions reach each other, under their own addresses', async () => {
  expect(await web('sbg7-webserver', GRA11)).toBe('Private web server of GRA11');
  expect(await web('gra11-webserver', SBG7)).toBe('Private web server of SBG7');
  expect(await tries.ping(at('sbg7-webserver'), GRA11)).toBe(true);
  expect(await tries.ping(at('gra11-webserver'), SBG7)).toBe(true);
  expect(await tries.sh(at('gra11-webserver'), 'cut -d" " -f1 /var/log/nginx/access.log | sort -u')).toContain(SBG7);
});

test('somebody elsewhere imports one file, types name and password, and pings the private web server', async () => {
  const folder = `${lab.deployment.state}/vpn-client`;
  const file = `${folder}/openvpn_mobile_client.ovpn`;
  mkdirSync(folder, { recursive: true });
  expect((await lab.vauban('vpn', 'profile', '-o', file)).code).toBe(0);
  const login = { username: 'address@stormshield.ovh', password: 'an example of a password' };
  const namespace = namespaceOf(lab.deployment.id, `vm.${project}.ubuntu-vpn-client`);
  client = connectIn(namespace, { folder, profile: readFileSync(file, 'utf8'), login });
  expect(await client.said(UP, 60)).toMatch(UP);
  expect((await lab.vauban('netns', 'ubuntu-vpn-client', '--', 'ping', '-c1', '-W2', SBG7)).code).toBe(0);
  expect(await tries.ping(at('ubuntu-vpn-client'), SBG7)).toBe(true);
  expect(await web('ubuntu-vpn-client', SBG7)).toBe('Private web server of SBG7');
  await client.stop();
}, 120_000);

test('a person sees the tunnel with what went through it, and reads in the log when it came up', async () => {
  const { stdout } = await lab.vauban('ipsec', 'status', 'sbg7-to-gra11');
  expect(stdout).toMatch(/^sbg7-to-gra11 +sbg7-\d +up /m);
  expect(stdout).toContain('AES_GCM_16_256');
  const [tunnel] = (await tunnels()).filter((it) => it.name === 'sbg7-to-gra11');
  expect(tunnel?.packetsOut).toBeGreaterThan(0);
  const logged = await eventually(
    async () => (await lab.vauban('logs', 'read', 'log_id("ipsec") AND jsonPayload.event="up"')).stdout,
    (it) => it.includes('sbg7-to-gra11'),
  );
  expect(logged).toContain('is up');
  const exported = await lab.vauban('ipsec', 'export', 'sbg7-to-gra11', '--for', 'strongswan');
  expect(exported.stdout).toContain('remote_addrs = 147.135.161.153');
  expect(exported.stdout).not.toContain('an example of');
});

test('segments of connections in the tunnel are as small as it asks for', async () => {
  const before = gateways.within('gra11-1', 'nft list chain ip gw clamp');
  expect(before).toContain('maxseg size set 1360');
});

test('the active gateway of a region loses its power: the tunnel is back, and nothing leaves in the clear meanwhile', async () => {
  const active = await gateways.settled(sbg7, SHARED);
  const segments = { ext: 'sbg7-ext', lan: 'sbg7-vlan200', ha: 'sbg7-ha' };
  const member = { name: active, segments };
  gateways.cables(member, 'down');
  await eventually(
    () => web('sbg7-webserver', GRA11),
    (it) => it === 'Private web server of GRA11',
    60,
  );
  gateways.cables(member, 'up');
  await gateways.settled(sbg7, SHARED);
  expect(await web('gra11-webserver', SBG7)).toBe('Private web server of SBG7');
}, 180_000);

test('what is meant for a tunnel that is down goes nowhere', async () => {
  await lab.vauban('ipsec', 'down', 'sbg7-to-gra11');
  expect(await tries.ping(at('sbg7-webserver'), GRA11)).toBe(false);
  expect(await web('sbg7-webserver', GRA11)).toBe('');
  await lab.vauban('ipsec', 'up', 'sbg7-to-gra11');
  await bothUp();
  expect(await web('sbg7-webserver', GRA11)).toBe('Private web server of GRA11');
}, 120_000);

test('on the way between the regions not one packet was in the clear', () => {
  expect(clear).toBe('');
});
