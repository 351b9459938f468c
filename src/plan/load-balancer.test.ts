import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { sslCertificate } from '#kinds/ssl-certificate/kind.ts';
import { admit } from './admit.ts';
import { compile } from './compile.ts';
import { parseSite } from './site.ts';

interface Site {
  [plural: string]: Record<string, Record<string, unknown>>;
}

const pair = sslCertificate.example['my-cert'] as { certificate: string; privateKey: string };

const good = (): Site => ({
  networks: { web: {}, twin: {} },
  subnets: {
    web: { network: 'web', region: 'us-east1', range: '10.1.0.0/24' },
    twin: { network: 'twin', region: 'us-east1', range: '10.1.0.0/16' },
  },
  instances: { host: { zone: 'us-east1-b', interfaces: [{ subnet: 'web' }] } },
  addresses: { 'static-ip': {} },
  sslCertificates: { cert: { ...pair } },
  healthChecks: { check: {} },
  networkEndpointGroups: { hosts: { endpoints: [{ instance: 'host' }] } },
  backendServices: { site: { backends: [{ networkEndpointGroup: 'hosts' }], healthChecks: ['check'] } },
  urlMaps: { site: { defaultService: 'site' }, 'to-https': { defaultUrlRedirect: { httpsRedirect: true } } },
  targetHttpsProxies: { site: { urlMap: 'site', sslCertificates: ['cert'] } },
  targetHttpProxies: { site: { urlMap: 'to-https' } },
  forwardingRules: {
    https: { targetHttpsProxy: 'site', address: 'static-ip' },
    http: { targetHttpProxy: 'site', address: 'static-ip' },
  },
});

const admitted = (site: Site) => {
  const text = JSON.stringify({ project: 'lab', ...site });
  const { declared, ...unread } = parseSite([{ path: 'site.json', text }]);
  return admit(declared, emptySnapshot, unread);
};

/** What a person is told about the good site with something changed. */
function told(change: (site: Site) => void): string[] {
  const site = good();
  change(site);
  return admitted(site).problems.map((it) => `${it.at.replace(/^site.json:\d+:\d+ /, '')}: ${it.message}`);
}

const spec = (site: Site, plural: string, name: string): Record<string, unknown> => site[plural]?.[name] ?? {};

test('an endpoint outside is on the internet: neither the load balancer itself nor a host is reached by going round', () => {
  const addresses = ['127.0.0.1', '169.254.169.254', '10.1.0.2', '130.211.0.1', '198.51.100.7'];
  const endpoints = addresses.map((ipAddress) => ({ ipAddress }));
  const problems = told((site) => Object.assign(spec(site, 'networkEndpointGroups', 'hosts'), { endpoints }));
  expect(problems).toEqual(
    addresses
      .slice(0, 4)
      .map(
        (it, index) =>
          `networkEndpointGroups/hosts endpoints[${index}].ipAddress: ${it} is not an address of the internet`,
      ),
  );
});

test('a whole load balancer is accepted, and front ends of one address share it', () => {
  const { snapshot, problems } = admitted(good());
  expect(problems).toEqual([]);
  const artifacts = compile(snapshot);
  const balancer = artifacts.find((it) => it.id === 'haproxy/lab');
  expect(balancer?.needs).toEqual(['link/edge/lab/internet', 'link/edge/lab/net/web', 'namespace/edge.lab']);
  const link = artifacts.find((it) => it.id === 'link/edge/lab/net/web')?.input as { b: { routes: object[] } };
  expect(link.b.routes).toContainEqual({ destination: '10.1.0.0/24', via: '169.254.169.254' });
});

const cases: readonly (readonly [title: string, change: (site: Site) => void, ...expected: string[]])[] = [
  [
    'a service that does not exist',
    (site) => (spec(site, 'urlMaps', 'site')['defaultService'] = 'sit'),
    'urlMaps/site defaultService: there is no backend service named sit',
  ],
  [
    'a health check and a group that do not exist',
    (site) =>
      Object.assign(spec(site, 'backendServices', 'site'), {
        healthChecks: ['chek'],
        backends: [{ networkEndpointGroup: 'host' }],
      }),
    'backendServices/site healthChecks[0]: there is no health check named chek',
    'backendServices/site backends[0].networkEndpointGroup: there is no network endpoint group named host',
  ],
  [
    'an address that nobody reserved',
    (site) => (spec(site, 'forwardingRules', 'https')['address'] = 'static'),
    'forwardingRules/https address: there is no external address named static',
  ],
  [
    'two front ends on one address and port',
    (site) => (spec(site, 'forwardingRules', 'http')['portRange'] = '443'),
    'forwardingRules/https address: 203.0.113.1:443 is the front end of http already',
  ],
  [
    'a front end on an address of a network',
    (site) => (spec(site, 'forwardingRules', 'https')['address'] = '10.1.0.5'),
    'forwardingRules/https address: 10.1.0.5 is not an address of the internet',
  ],
  [
    'an address that a host has',
    (site) => (spec(site, 'instances', 'host')['interfaces'] = [{ subnet: 'web', externalAddress: 'static-ip' }]),
    'forwardingRules/https address: static-ip is used by instance host',
    'forwardingRules/http address: static-ip is used by instance host',
  ],
  [
    'a front end without a proxy, and one with two',
    (site) => {
      spec(site, 'forwardingRules', 'https')['targetHttpProxy'] = 'site';
      delete spec(site, 'forwardingRules', 'http')['targetHttpProxy'];
    },
    'forwardingRules/https: two proxies are behind it',
    'forwardingRules/http: no proxy is behind it',
  ],
  [
    'networks with overlapping ranges behind one edge',
    (site) => {
      (site['instances'] ?? {})['other'] = { zone: 'us-east1-b', interfaces: [{ subnet: 'twin' }] };
      spec(site, 'networkEndpointGroups', 'hosts')['endpoints'] = [{ instance: 'host' }, { instance: 'other' }];
    },
    'backendServices/site backends: 10.1.0.0/24 of network web overlaps 10.1.0.0/16 of network twin; one load balancer cannot tell them apart',
  ],
  [
    'a network that has the load balancer’s own range',
    (site) => (spec(site, 'subnets', 'web')['range'] = '35.191.0.0/20'),
    'backendServices/site backends: 35.191.0.0/20 of network web overlaps 35.191.0.0/16 of the load balancer itself; one load balancer cannot tell them apart',
  ],
  [
    'https that is sent on to https',
    (site) => (spec(site, 'targetHttpsProxies', 'site')['urlMap'] = 'to-https'),
    'targetHttpsProxies/site urlMap: to-https sends clients of https to the https address that they came from, in a circle',
  ],
  [
    'a redirect to the same address, one with two targets, and what is named twice',
    (site) =>
      Object.assign(spec(site, 'urlMaps', 'site'), {
        hostRules: [
          { hosts: ['a.test', 'b.test'], pathMatcher: 'paths' },
          { hosts: ['a.test'], pathMatcher: 'paths' },
        ],
        pathMatchers: [
          {
            name: 'paths',
            defaultUrlRedirect: { stripQuery: true },
            pathRules: [{ paths: ['/a', '/a'], service: 'site', urlRedirect: { httpsRedirect: true } }],
          },
        ],
      }),
    'targetHttpsProxies/site urlMap: site sends clients of https to the https address that they came from, in a circle',
    'urlMaps/site hostRules[1].hosts[0]: a.test is named by two rules',
    'urlMaps/site pathMatchers[0]: the new address would be the same as the old',
    'urlMaps/site pathMatchers[0].pathRules[0]: it leads to a service and elsewhere at once',
    'urlMaps/site pathMatchers[0].pathRules[0].paths[1]: /a is named by two rules',
  ],
  [
    'a path matcher that is not there',
    (site) => (spec(site, 'urlMaps', 'site')['hostRules'] = [{ hosts: ['a.test'], pathMatcher: 'path' }]),
    'urlMaps/site hostRules[0].pathMatcher: there is no path matcher path',
  ],
  [
    'endpoints that are nobody, two at once, twice or elsewhere',
    (site) =>
      Object.assign(spec(site, 'networkEndpointGroups', 'hosts'), {
        network: 'twin',
        endpoints: [
          {},
          { instance: 'host', fqdn: 'a.test' },
          { ipAddress: '10.9.0.1' },
          { instance: 'host', port: 81 },
        ],
      }),
    'networkEndpointGroups/hosts endpoints[0]: it names nobody',
    'networkEndpointGroups/hosts endpoints[1]: it names more than one',
    'networkEndpointGroups/hosts endpoints[2].ipAddress: 10.9.0.1 is in no subnet of network twin',
    'networkEndpointGroups/hosts endpoints[3].instance: host has no interface in network twin',
  ],
  [
    'an endpoint where the load balancer does not lead',
    (site) => {
      site['segments'] = { lan: { range: '10.5.0.0/24' } };
      (site['instances'] ?? {})['apart'] = { zone: 'us-east1-b', interfaces: [{ segment: 'lan' }] };
      (site['instances'] ?? {})['both'] = { zone: 'us-east1-b', interfaces: [{ segment: 'lan' }, { subnet: 'web' }] };
      spec(site, 'networkEndpointGroups', 'hosts')['endpoints'] = [{ instance: 'both' }, { instance: 'apart' }];
    },
    'networkEndpointGroups/hosts endpoints[1].instance: apart stands on segments alone, where the load balancer does not lead',
  ],
  [
    'headers that are the load balancer’s own, a variable that does not exist, an affinity that does not know by what',
    (site) =>
      Object.assign(spec(site, 'backendServices', 'site'), {
        customRequestHeaders: ['X-Forwarded-For: me', 'X-Goog-Iap-Jwt-Assertion: me', 'X-A: {client_ip_adress}'],
        sessionAffinity: 'HTTP_COOKIE',
      }),
    'backendServices/site consistentHash.httpCookie: HTTP_COOKIE needs to know by what',
    'backendServices/site customRequestHeaders[0]: X-Forwarded-For is set by the load balancer itself',
    'backendServices/site customRequestHeaders[1]: X-Goog-Iap-Jwt-Assertion is set by the load balancer itself',
    'backendServices/site customRequestHeaders[2]: there is no variable {client_ip_adress}',
  ],
  [
    'a certificate that is none, and a key in its place',
    (site) => (spec(site, 'sslCertificates', 'cert')['certificate'] = pair.privateKey),
    'sslCertificates/cert certificate: it holds no certificate in PEM',
  ],
  [
    'a check that outlasts its interval',
    (site) => (spec(site, 'healthChecks', 'check')['timeoutSec'] = 9),
    'healthChecks/check timeoutSec: a question would still be open when the next is due after 5 s',
  ],
];

for (const [title, change, ...expected] of cases) {
  test(`it is told of ${title}`, () => {
    expect(told(change).toSorted()).toEqual([...expected].toSorted());
  });
}

const openssl = (folder: string, ...argv: string[]) =>
  execFileSync('openssl', argv, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

test('it is told of keys that do not fit, have a passphrase or are none, and of chains in the wrong order', () => {
  const folder = mkdtempSync(`${tmpdir()}/vauban-certificates-`);
  const keyed = (privateKey: string, certificate = pair.certificate) =>
    told((site) => Object.assign(spec(site, 'sslCertificates', 'cert'), { privateKey, certificate }))[0];
  try {
    for (const it of ['other', 'root', 'leaf'])
      openssl(folder, 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', it);
    const other = readFileSync(`${folder}/other`, 'utf8');
    expect(keyed(other)).toBe('sslCertificates/cert privateKey: the private key does not belong to the certificate');
    const locked = openssl(folder, 'pkcs8', '-topk8', '-in', 'other', '-passout', 'pass:secret');
    expect(keyed(locked)).toBe('sslCertificates/cert privateKey: the private key has a passphrase');
    expect(keyed('hello')).toBe('sslCertificates/cert privateKey: it is not a private key in PEM');
    openssl(folder, 'req', '-x509', '-new', '-key', 'root', '-subj', '/CN=Root', '-days', '9', '-out', 'root.pem');
    openssl(folder, 'req', '-new', '-key', 'leaf', '-subj', '/CN=leaf.test', '-out', 'leaf.csr');
    writeFileSync(`${folder}/leaf.ext`, 'subjectAltName=DNS:leaf.test,DNS:*.leaf.test');
    openssl(
      folder,
      'x509',
      '-req',
      '-in',
      'leaf.csr',
      '-CA',
      'root.pem',
      '-CAkey',
      'root',
      '-CAcreateserial',
      '-days',
      '9',
      '-extfile',
      'leaf.ext',
      '-out',
      'leaf.pem',
    );
    const [leaf, root, key] = ['leaf.pem', 'root.pem', 'leaf'].map((it) => readFileSync(`${folder}/${it}`, 'utf8'));
    expect(keyed(key ?? '', `${leaf}${root}`)).toBeUndefined();
    expect(keyed(key ?? '', `${root}${leaf}`)).toBe(
      'sslCertificates/cert certificate: certificate 2 did not issue certificate 1 (CN=Root)',
    );
    expect(keyed(key ?? '', `${leaf}${key}`)).toBe('sslCertificates/cert certificate: it holds a private key');
    const site = good();
    Object.assign(spec(site, 'sslCertificates', 'cert'), { certificate: leaf, privateKey: key });
    expect(admitted(site).snapshot.get(sslCertificate, 'lab', 'cert').assigned).toMatchObject({
      subjectNames: ['*.leaf.test', 'leaf.test'],
      selfSigned: false,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
