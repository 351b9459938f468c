import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LogEntry } from '#core/log.ts';
import { block, documentedCertificate } from '../certificates.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';

let lab: TestDeployment;
let tries: Tries;

const own = documentedCertificate();

const FRONT = '203.0.113.50';

/** Two hosts with nginx behind a load balancer, a client outside, and one beside them. */
const site = ({ sources = '[130.211.0.0/22, 35.191.0.0/16]' } = {}) => `
project: shop
networks:
  web: { defaultInternetRoute: false }
subnets:
  web-east: { network: web, region: us-east1, range: 10.7.0.0/24 }
addresses:
  static-ip: { address: ${FRONT} }
firewallRules:
  allow-front-ends: { network: web, rules: ["tcp:80"], sourceRanges: ${sources}, targetTags: [web] }
instances:
${['web-1', 'web-2']
  .map(
    (name, index) => `  ${name}:
    zone: us-east1-b
    interfaces: [{ subnet: web-east, address: 10.7.0.1${index} }]
    tags: [web]
    startupScript: |
      apt-get -qq -y install nginx
      printf '%s' '${name}' >/var/www/html/index.html
`,
  )
  .join('')}  neighbour: { zone: us-east1-b, interfaces: [{ subnet: web-east, address: 10.7.0.99 }] }
  outside: { zone: us-east1-b, interfaces: [{ network: internet, address: 198.51.100.7 }] }
sslCertificates:
  my-cert:
    certificate: ${block(own.certificate, 6)}
    privateKey: ${block(own.privateKey, 6)}
healthChecks:
  my-health-check: { type: http, checkIntervalSec: 1, timeoutSec: 1 }
networkEndpointGroups:
  web: { endpoints: [{ instance: web-1 }, { instance: web-2 }] }
backendServices:
  my-backend-service: { backends: [{ networkEndpointGroup: web }], healthChecks: [my-health-check] }
urlMaps:
  my-load-balancer: { defaultService: my-backend-service }
  to-https: { defaultUrlRedirect: { httpsRedirect: true } }
targetHttpsProxies:
  site: { urlMap: my-load-balancer, sslCertificates: [my-cert] }
targetHttpProxies:
  site: { urlMap: to-https }
forwardingRules:
  site: { targetHttpsProxy: site, address: static-ip }
  site-http: { targetHttpProxy: site, address: static-ip }
`;

const curl = (...argv: string[]) => tries.sh('shop/outside', ['curl -sk -m 5', ...argv].join(' '));

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site());
  await eventually(health, (it) => it.includes('HEALTHY 2/2'), 240);
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

const health = async () => (await lab.vauban('get', '--project', 'shop', 'backendServices')).stdout;

test('a client on the internet is answered in HTTP/2 and HTTP/1.1 by both hosts in turn', async () => {
  const two = await curl('--http2', ...Array(4).fill(`https://${FRONT}/`));
  expect(two.match(/web-\d/g)?.toSorted()).toEqual(['web-1', 'web-1', 'web-2', 'web-2']);
  expect(await curl('--http2 -o /dev/null -w "%{http_version} %{http_code}"', `https://${FRONT}/`)).toBe('2 200');
  expect(await curl('--http1.1 -o /dev/null -w "%{http_version} %{http_code}"', `https://${FRONT}/`)).toBe('1.1 200');
});

test('plain HTTP is sent on to HTTPS, path and query kept', async () => {
  const answer = await curl('-o /dev/null -w "%{http_code} %{redirect_url}"', `'http://${FRONT}/a/b?c=d&e'`);
  expect(answer).toBe(`301 https://${FRONT}/a/b?c=d&e`);
});

test('hosts see the cloud’s own address; going round the load balancer fails, from outside and from beside', async () => {
  const seen = await tries.sh('shop/web-1', 'tail -n 50 /var/log/nginx/access.log');
  expect(seen).toMatch(/^130\.211\.0\.1 /m);
  expect(seen).not.toMatch(/^(?!130\.211\.0\.1 )\d/m);
  expect(await tries.ask('shop/neighbour', '10.7.0.10')).toBe('');
  expect(await tries.ask('shop/outside', '10.7.0.10')).toBe('');
  expect(await tries.ask('shop/neighbour', FRONT, 443)).toBe('');
});

test('every request is logged in the cloud’s shape, with where it went and why it ended so', async () => {
  await curl('-A', '"it\'s \\"me\\""', `https://${FRONT}/logged?a=b`);
  const read = async () => {
    const filter = 'log_id("requests") AND httpRequest.requestUrl:"/logged" AND httpRequest.status=404';
    const { stdout } = await lab.vauban('logs', 'read', '--project', 'shop', '-o', 'json', filter);
    return JSON.parse(stdout) as LogEntry[];
  };
  const [entry] = await eventually(read, (it) => it.length > 0);
  expect(entry).toMatchObject({
    severity: 'WARNING',
    resource: {
      type: 'http_load_balancer',
      labels: {
        forwarding_rule_name: 'site',
        url_map_name: 'my-load-balancer',
        backend_service_name: 'my-backend-service',
      },
    },
    httpRequest: {
      requestMethod: 'GET',
      requestUrl: `https://${FRONT}/logged?a=b`,
      status: 404,
      userAgent: 'it\'s "me"',
      remoteIp: '198.51.100.7',
      protocol: 'HTTP/2.0',
    },
    jsonPayload: {
      statusDetails: 'response_sent_by_backend',
      backendService: 'my-backend-service',
      sourceIp: '130.211.0.1',
    },
  });
  const health = await lab.vauban('logs', 'read', '--project', 'shop', 'log_id("compute.googleapis.com/healthchecks")');
  expect(health.stdout).toContain('HEALTHY');
});

test('a log that nobody takes holds up no request', async () => {
  const place = `${lab.deployment.hostState}/events/proxy/shop.jsonl.d`;
  const taker = Number(execFileSync('pgrep', ['-f', '-x', `s6-log .*${place}`], { encoding: 'utf8' }).trim());
  process.kill(taker, 'SIGSTOP');
  try {
    // More lines than the pipe between the two has room for.
    const answers = await tries.sh(
      'shop/outside',
      `curl -sk -m 60 -w '%{http_code}\\n' -o /dev/null 'https://${FRONT}/?[1-300]' | sort | uniq -c`,
    );
    expect(answers).toMatch(/^300 200$/);
  } finally {
    process.kill(taker, 'SIGCONT');
  }
  expect(await curl('-o /dev/null -w "%{http_code}"', `https://${FRONT}/`)).toBe('200');
});

test('the firewall decides: without the rule for the front ends’ ranges hosts become unhealthy, with words', async () => {
  await lab.apply(site({ sources: '[203.0.113.0/24]' }));
  await eventually(health, (it) => it.includes('UNHEALTHY 0/2'));
  expect(await curl('-o /dev/null -w "%{http_code}"', `https://${FRONT}/`)).toBe('503');
  expect((await lab.vauban('describe', '--project', 'shop', 'backendService', 'my-backend-service')).stdout).toMatch(
    /web-1:80: no (connection|answer) in time/,
  );
  await lab.apply(site());
  await eventually(health, (it) => it.includes('HEALTHY 2/2'));
});
