import type { HaproxyInput } from './input.ts';

const server = (name: string, host: string) => ({ name, host, port: 80, weight: 100, inside: true });

const service = (name: string): HaproxyInput['services'][number] => ({
  id: `lab/backendService/${name}`,
  name,
  protocol: 'HTTP',
  policy: 'ROUND_ROBIN',
  affinity: { by: 'nothing' },
  timeout: 30,
  tunnelTimeout: 3600,
  draining: 300,
  servers: [server('web-1', '10.1.0.11'), server('web-2', '10.1.0.12')],
  requestHeaders: [],
  responseHeaders: [],
});

const check = {
  id: 'lab/healthCheck/web',
  type: 'http' as const,
  path: '/',
  service: '',
  response: '',
  interval: 5,
  timeout: 5,
  rise: 2,
  fall: 2,
};

/** A load balancer with one of everything. */
export const sample: HaproxyInput = {
  project: 'lab',
  namespace: 'edge.lab',
  source: '130.211.0.1',
  resolver: '192.0.2.1',
  outside: 'up0',
  after: [],
  frontends: [
    {
      id: 'lab/forwardingRule/front',
      name: 'front',
      address: '203.0.113.10',
      port: 443,
      routes: 'site',
      tls: { target: 'lab/targetHttpsProxy/site', certificates: ['first', 'second'], minVersion: 'TLSv1.2' },
    },
    { id: 'lab/forwardingRule/plain', name: 'plain', address: '203.0.113.10', port: 80, routes: 'to-https' },
  ],
  routes: [
    {
      id: 'lab/urlMap/site',
      name: 'site',
      otherwise: { service: 'web' },
      hosts: [
        { host: 'api.example.com', matcher: 'api' },
        { host: '*.example.com', matcher: 'paths' },
      ],
      matchers: [
        { name: 'api', otherwise: { service: 'api' }, paths: [] },
        {
          name: 'paths',
          otherwise: { service: 'web' },
          paths: [
            { path: '/images/*', to: { service: 'images' } },
            { path: '/images/logo.png', to: { service: 'web' } },
            {
              path: '/old/*',
              to: { redirect: { code: '308', https: true, prefix: '/new', matched: '/old', stripQuery: false } },
            },
          ],
        },
      ],
    },
    {
      id: 'lab/urlMap/to-https',
      name: 'to-https',
      otherwise: { redirect: { code: '301', https: true, stripQuery: false } },
      hosts: [],
      matchers: [],
    },
  ],
  certificates: [],
  edgeHosts: [],
  own: [
    {
      id: 'lab/identityProvider/people',
      name: 'people',
      address: '203.0.113.9',
      port: 443,
      names: ['accounts.lab.internet'],
    },
  ],
  services: [
    {
      ...service('api'),
      protocol: 'H2C',
      policy: 'LEAST_REQUEST',
      check: { ...check, type: 'grpc', service: 'shop.Cart' },
    },
    {
      ...service('images'),
      protocol: 'HTTPS',
      affinity: { by: 'cookie', name: 'place', path: '/images', ttl: 60 },
      check: { ...check, type: 'https', path: '/healthy', host: 'images.example.com', response: 'it\'s "well"' },
      servers: [server('web-1', '10.1.0.11'), { ...server('far', 'images.example.net'), inside: false }],
    },
    {
      ...service('web'),
      affinity: { by: 'generated', ttl: 3600 },
      check: { ...check, port: 8080 },
      requestHeaders: [
        { name: 'X-Client', value: '{client_ip_address}:{client_port} 100% {nothing} "it\'s"' },
        { name: 'X-Protocol', value: '{client_protocol}' },
        { name: 'Client-Cert', value: '{client_cert_leaf}' },
        { name: 'X-Device', value: '{client_cert_present} {client_cert_chain_verified} {client_cert_error}' },
        { name: 'X-Device-Id', value: '{client_cert_sha256_fingerprint} {client_cert_serial_number}' },
        { name: 'X-Device-Time', value: '{client_cert_valid_not_before} {client_cert_valid_not_after}' },
      ],
      responseHeaders: [{ name: 'X-Tls', value: '{tls_version} {tls_cipher_suite}' }],
    },
  ],
};
