import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { answers, type Tries, triesOf } from '../fabric-lab.ts';

let lab: TestDeployment;
let tries: Tries;

const site = ({ address = '10.1.0.20', tags = '[web]', image = 'debian-12' } = {}) => `
project: hosts
networks: { office: {} }
subnets:
  office-east: { network: office, region: us-east1, range: 10.1.0.0/24 }
firewallRules:
  web: { network: office, rules: ["tcp:80"], targetTags: [web] }
instances:
  server:
    zone: us-east1-b
    machineType: e2-micro
    image: ${image}
    tags: ${tags}
    interfaces: [{ subnet: office-east, address: ${address} }]
    startupScript: |${answers(80)}      echo booted >>/root/boots
  client: { zone: us-east1-b, interfaces: [{ subnet: office-east, address: 10.1.0.10 }] }
`;

const SERVER = 'hosts/server';

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site());
  await tries.listening(SERVER);
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

const boots = async (): Promise<number> =>
  (await tries.sh(SERVER, 'cat /root/boots')).split('\n').filter((it) => it === 'booted').length;

test('a host may not use more memory than its machine type has', async () => {
  const hungry = 'python3 -c "x = bytearray(1500 << 20)"; echo $?';
  expect(await tries.sh(SERVER, hungry)).toMatch(/^137/);
  const { items } = await lab.client.get<{
    items: { name: string; status: { values: Record<string, Record<string, number>> } }[];
  }>('/v1/projects/hosts/instances');
  expect(JSON.stringify(items.find((it) => it.name === 'server')?.status)).toContain('memoryBytes');
});

test('stop, start and restart keep files; each start runs the startup script', async () => {
  const first = await boots();
  expect((await lab.vauban('stop', 'server')).code).toBe(0);
  expect(await tries.ask('hosts/client', '10.1.0.20')).toBe('');
  expect((await lab.vauban('start', 'server')).code).toBe(0);
  await tries.listening(SERVER);
  expect(await boots()).toBe(first + 1);
  expect(await tries.ask('hosts/client', '10.1.0.20')).toBe('10.1.0.10 server');
  expect((await lab.vauban('restart', 'server')).code).toBe(0);
  await eventually(boots, (count) => count === first + 2);
  await tries.listening(SERVER);
});

test('a running host gets another address without a restart, and its names follow', async () => {
  const before = await boots();
  await lab.apply(site({ address: '10.1.0.21' }));
  expect(await tries.ask('hosts/client', '10.1.0.21')).toBe('10.1.0.10 server');
  expect(await tries.ask('hosts/client', 'server')).toBe('10.1.0.10 server');
  expect(await tries.ask('hosts/client', '10.1.0.20')).toBe('');
  expect(await tries.sh(SERVER, 'hostname -I')).toBe('10.1.0.21');
  expect(await boots()).toBe(before);
});

test('tags decide at once which rules are for a running host', async () => {
  await lab.apply(site({ address: '10.1.0.21', tags: '[]' }));
  expect(await tries.ask('hosts/client', '10.1.0.21')).toBe('');
  await lab.apply(site({ address: '10.1.0.21' }));
  expect(await tries.ask('hosts/client', '10.1.0.21')).toBe('10.1.0.10 server');
});

test('another image is another host: it boots from it, with none of the old files', async () => {
  await lab.apply(site({ image: 'debian-11' }));
  await tries.listening(SERVER);
  expect(await tries.sh(SERVER, 'cut -d. -f1 /etc/debian_version')).toBe('11');
  expect(await boots()).toBe(1);
});

test('a deleted host is gone with everything, and one of its name begins anew', async () => {
  await tries.sh(SERVER, 'echo mine >/root/file');
  expect((await lab.vauban('delete', 'instance', 'server')).code).toBe(0);
  expect(await tries.sh('hosts/client', 'getent hosts server || echo none')).toBe('none');
  await lab.apply(site());
  await tries.listening(SERVER);
  expect(await tries.sh(SERVER, 'cat /root/file 2>/dev/null || echo none')).toBe('none');
});

test('a host that reboots itself boots again, and one that switches itself off stays off until it is started', async () => {
  const before = await boots();
  await tries.sh(SERVER, 'sudo reboot');
  await eventually(boots, (count) => count === before + 1, 60);
  await tries.sh('hosts/client', 'sudo poweroff');
  const state = async () =>
    (await lab.client.get<{ status: { state: string } }>('/v1/projects/hosts/instances/client')).status.state;
  await eventually(state, (it) => it === 'TERMINATED', 60);
  expect((await lab.vauban('start', 'client')).code).toBe(0);
  await eventually(state, (it) => it === 'RUNNING', 60);
});
