import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';

let lab: TestDeployment;
let tries: Tries;

const site = `
project: names
projectMetadata: { attributes: { environment: staging } }
networks:
  office: {}
  back: {}
subnets:
  office-east: { network: office, region: us-east1, range: 10.1.0.0/24 }
  back-east: { network: back, region: us-east1, range: 172.16.5.0/24 }
addresses:
  front: { address: 203.0.113.80 }
instances:
  server:
    zone: us-east1-b
    image: debian-11
    tags: [web, north]
    metadata: { colour: blue }
    accessScopes: [compute-ro]
    interfaces: [{ subnet: office-east, address: 10.1.0.20, externalAddress: front }, { subnet: back-east, address: 172.16.5.20 }]
    startupScript: |
      curl -s -H 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/instance/name >/run/at-boot
  client: { zone: us-east1-c, interfaces: [{ subnet: office-east, address: 10.1.0.10 }] }
`;

const metadata = (path: string, flags = "-H 'Metadata-Flavor: Google'"): Promise<string> =>
  tries.sh(
    'names/server',
    `curl -s -w ' %{http_code}' ${flags} 'http://metadata.google.internal/computeMetadata/v1/${path}'`,
  );

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site);
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('a host is found by its zonal, its project-wide and its short name, and by its address', async () => {
  const names = ['server.us-east1-b.c.names.internal', 'server.c.names.internal', 'server'];
  const found = await tries.sh('names/client', names.map((it) => `getent ahostsv4 ${it} | head -1`).join('; '));
  expect(found.split('\n').map((line) => line.split(' ')[0])).toEqual(['10.1.0.20', '10.1.0.20', '10.1.0.20']);
  expect(await tries.sh('names/client', 'getent hosts 10.1.0.20')).toContain('server.us-east1-b.c.names.internal');
  expect(await tries.sh('names/server', 'hostname -f; hostname')).toBe('server.us-east1-b.c.names.internal\nserver');
  expect(await tries.sh('names/server', 'getent hosts metadata.google.internal')).toContain('169.254.169.254');
});

test('a name that nobody has does not exist, and that is said at once', async () => {
  const asked = `
import socket, struct
def ask(name, kind=1):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(2)
    labels = b''.join(bytes([len(it)]) + it.encode() for it in name.split('.'))
    s.sendto(struct.pack('>HHHHHH', 1, 256, 1, 0, 0, 0) + labels + bytes(1) + struct.pack('>HH', kind, 1), ('169.254.169.254', 53))
    return s.recv(4096)[3] & 15
print(ask('nobody.c.names.internal'), ask('www.example.org'), ask('99.0.1.10.in-addr.arpa', 12), ask('1.5.16.172.in-addr.arpa', 12), ask('8.8.8.8.in-addr.arpa', 12))
`;
  expect(await tries.sh('names/client', `python3 -c "${asked}"`)).toBe('3 3 3 3 3');
});

test('the metadata server is there before the first startup script asks it', async () => {
  expect(await tries.sh('names/server', 'cat /run/at-boot')).toBe('server');
});

test('a host finds its account and scopes as the cloud shows them; a token is refused, and it says why', async () => {
  const base = 'instance/service-accounts';
  const email = /^default\/\n(?<email>\d+-compute@developer\.gserviceaccount\.com)\/\n 200$/.exec(
    await metadata(`${base}/`),
  )?.groups?.['email'];
  expect(email).toBeDefined();
  expect(await metadata(`${base}/default/email`)).toBe(`${email} 200`);
  expect(await metadata(`${base}/default/scopes`)).toBe('https://www.googleapis.com/auth/compute.readonly\n 200');
  expect(await metadata(`${base}/default/token`)).toMatch(/^no token is given out here: .* 403$/s);
  const bare = `curl -s -H 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/${base}/`;
  expect(await tries.sh('names/client', bare)).toBe('');
});

test('a host reads about itself, and only with the header', async () => {
  expect(await metadata('instance/hostname')).toBe('server.us-east1-b.c.names.internal 200');
  expect(await metadata('instance/attributes/colour')).toBe('blue 200');
  expect(await metadata('instance/attributes/startup-script')).toContain('/run/at-boot');
  expect(await metadata('project/project-id')).toBe('names 200');
  expect(await metadata('project/attributes/environment')).toBe('staging 200');
  expect(await metadata('instance/network-interfaces/0/access-configs/0/external-ip')).toBe('203.0.113.80 200');
  expect(await metadata('instance/network-interfaces/1/ip')).toBe('172.16.5.20 200');
  expect(await metadata('instance/nothing')).toMatch(/ 404$/);
  expect(await metadata('instance/hostname', '')).toMatch(/ 403$/);
  const forwarded = "-H 'Metadata-Flavor: Google' -H 'X-Forwarded-For: 1.2.3.4'";
  expect(await metadata('instance/hostname', forwarded)).toMatch(/ 403$/);
});

test('everything below a place comes as one JSON document', async () => {
  const text = await metadata('instance/?recursive=true');
  const document = JSON.parse(text.replace(/ 200$/, '')) as Record<string, unknown>;
  expect(document).toMatchObject({
    name: 'server',
    tags: ['web', 'north'],
    attributes: { colour: 'blue' },
    networkInterfaces: [{ ip: '10.1.0.20', accessConfigs: [{ externalIp: '203.0.113.80' }] }, { ip: '172.16.5.20' }],
  });
});

test('a change of metadata is read by the running host, without a restart', async () => {
  await lab.apply(site.replace('colour: blue', 'colour: green').replace('staging', 'production'));
  expect(await metadata('instance/attributes/colour')).toBe('green 200');
  expect(await metadata('project/attributes/environment')).toBe('production 200');
});
