import { afterAll, beforeAll, expect, test } from 'vitest';
import { snapshotOf } from '#core/snapshot.ts';
import { serversOf } from '#kinds/backend-service/servers.ts';
import { BackendServiceSpec } from '#kinds/backend-service/spec.ts';
import { NetworkEndpointGroupSpec } from '#kinds/network-endpoint-group/kind.ts';
import { eventually } from '../deployment.ts';
import { check, FRONT, hosts, type ProxyLab, proxyLab, server, service, site } from '../proxy-lab.ts';
import { ports } from '../proxy-servers.ts';

let lab: ProxyLab;

/** Endpoints with rates of their own, as a site declares them; the last one is out of use. */
function ratedServers(): ReturnType<typeof serversOf> {
  const rates = [80, 40, 20, 80];
  const endpoints = hosts.map((ipAddress, index) => ({
    project: 'lab',
    kind: 'networkEndpointGroup',
    name: `e${index}`,
    spec: NetworkEndpointGroupSpec.parse({ network: 'vpc', endpoints: [{ ipAddress }] }),
    assigned: undefined,
  }));
  const spec = BackendServiceSpec.parse({
    backends: endpoints.map(({ name }, index) => ({
      networkEndpointGroup: name,
      balancingMode: 'RATE',
      maxRatePerEndpoint: rates[index],
      capacityScaler: index === 3 ? 0 : 1,
    })),
  });
  const resource = { project: 'lab', kind: 'backendService', name: 'web', spec, assigned: { id: '1' } };
  return serversOf(resource, snapshotOf(endpoints));
}

const checked = [
  service('by-ssl', { protocol: 'HTTPS', servers: [server(hosts[0], ports.https)], check: check({ type: 'ssl' }) }),
  service('by-https', {
    protocol: 'HTTPS',
    servers: [server(hosts[0], ports.https)],
    check: check({ type: 'https', response: 'I am well' }),
  }),
  service('other-words', {
    protocol: 'HTTPS',
    servers: [server(hosts[0], ports.https)],
    check: check({ type: 'https', response: 'something else' }),
  }),
  service('no-tls-for-ssl', { servers: [server(hosts[0])], check: check({ type: 'ssl' }) }),
  service('no-tls-for-https', { servers: [server(hosts[0])], check: check({ type: 'https' }) }),
  service('elsewhere', { servers: [server(hosts[0])], check: check({ type: 'ssl', port: ports.https }) }),
];

beforeAll(async () => {
  lab = await proxyLab();
  await lab.hold(site({ services: [service('web', { servers: [...ratedServers()] }), ...checked] }));
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

test('servers get requests in proportion to their rates, and none with no capacity', async () => {
  // One process, one client: the turns are those of the engine, and no request of anybody else is among them.
  const answers = await lab.curl('-w', '\nby %header{x-server}\n', ...Array(70).fill(`https://${FRONT}/`));
  const count = (host: string): number => answers.split('\n').filter((it) => it === `by ${host}`).length;
  expect(hosts.map(count)).toEqual([40, 20, 10, 0]);
});

test('checks over TLS find out who is well, and say what is wrong with the others', async () => {
  const key = (name: string): string => `lab/backendService/${name}`;
  const wanted = [1, 1, 0, 0, 0, 1];
  const seen = await eventually(
    () => lab.look(),
    (it) => checked.every(({ name }, index) => it.values[key(name)]?.['healthy'] === wanted[index]),
  );
  const why = Object.fromEntries(checked.map(({ name }) => [name, seen.details?.[`${key(name)}/s11`]]));
  expect(why).toEqual({
    'by-ssl': 'healthy',
    'by-https': 'healthy',
    elsewhere: 'healthy',
    'other-words': expect.stringContaining('content check did not match'),
    'no-tls-for-ssl': 'invalid TLS handshake',
    'no-tls-for-https': 'invalid TLS handshake',
  });
});
