import { spawn } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import type { Machine, RunResult } from '#core/machine.ts';
import { haproxyEngine } from '#engines/haproxy/driver.ts';
import type { HaproxyInput } from '#engines/haproxy/input.ts';
import { haproxyPaths } from '#engines/haproxy/paths.ts';
import { ensureUsers } from '#host/users.ts';
import { selfSigned } from './certificates.ts';
import { eventually } from './deployment.ts';
import { testMachine } from './machine.ts';
import { smallSupervisor } from './small-supervisor.ts';

/** The load balancer alone between namespaces of a test's own: clients on one side, servers of all sorts on the other. */
export interface ProxyLab {
  readonly machine: Machine;
  readonly paths: ReturnType<typeof haproxyPaths>;
  hold(input: HaproxyInput): Promise<void>;
  /** Gives what is seen of what is held. */
  look(): ReturnType<NonNullable<typeof haproxyEngine.observe>>;
  steer(part: string, state: string): Promise<void>;
  /** Runs a program where the clients are. */
  outside(argv: readonly string[], stdin?: string): Promise<RunResult>;
  curl(...argv: string[]): Promise<string>;
  /** Runs a Node script where the clients are; gives what it printed. Its arguments begin at `process.argv[1]`. */
  script(source: string, ...argv: string[]): Promise<string>;
  /** Clients that ask without pause over connections that stay, until they are stopped. */
  load(): Running;
  held(): HaproxyInput;
  remove(): Promise<void>;
}

export interface Running {
  /** The first request was answered. */
  readonly started: Promise<void>;
  /** Goes on until enough was asked, however slow the machine is. */
  stop(): Promise<Load>;
}

export interface Load {
  readonly requests: number;
  /** What was wrong with the others. */
  readonly failures: readonly string[];
  /** Answers by server. */
  readonly servers: Readonly<Record<string, number>>;
}

export const FRONT = '203.0.113.10';

/** Addresses of servers; each has all ports of `test/proxy-servers.ts`. */
export const hosts = ['10.1.0.11', '10.1.0.12', '10.1.0.13', '10.1.0.14'] as const;

export const server = (host: string, port = 80): HaproxyInput['services'][number]['servers'][number] => ({
  name: `s${host.split('.')[3]}`,
  host,
  port,
  weight: 100,
  inside: true,
});

export function service(
  name: string,
  fields: Partial<HaproxyInput['services'][number]> = {},
): HaproxyInput['services'][number] {
  return {
    id: `lab/backendService/${name}`,
    name,
    protocol: 'HTTP',
    policy: 'ROUND_ROBIN',
    affinity: { by: 'nothing' },
    timeout: 5,
    tunnelTimeout: 60,
    draining: 2,
    servers: hosts.slice(0, 2).map((it) => server(it)),
    requestHeaders: [],
    responseHeaders: [],
    ...fields,
  };
}

export const check = (fields: Partial<NonNullable<HaproxyInput['services'][number]['check']>> = {}) => ({
  id: 'lab/healthCheck/web',
  type: 'http' as const,
  path: '/healthy',
  service: '',
  response: '',
  interval: 1,
  // What is unwell says so at once; a machine that is busy makes nobody unwell.
  timeout: 10,
  rise: 1,
  fall: 1,
  ...fields,
});

export function certificate(name: string, names: readonly string[] = [name]): HaproxyInput['certificates'][number] {
  const { certificate, privateKey } = selfSigned(names);
  const id = `lab/sslCertificate/${name}`;
  return { id, name, chain: certificate, key: privateKey, names: [...names], notBefore: 0, notAfter: 4e12 };
}

/** One HTTPS front end and one service, and whatever is said besides. */
export function site(fields: Partial<HaproxyInput> = {}): HaproxyInput {
  const certificates = fields.certificates ?? [theOne];
  return {
    project: 'lab',
    namespace: 'edge',
    source: '130.211.0.1',
    resolver: '198.51.100.7',
    outside: 'e1',
    after: [],
    frontends: [
      {
        id: 'lab/forwardingRule/site',
        name: 'site',
        address: FRONT,
        port: 443,
        routes: 'site',
        tls: {
          target: 'lab/targetHttpsProxy/site',
          certificates: certificates.map((it) => it.name),
          minVersion: 'TLSv1.2',
        },
      },
    ],
    routes: [{ id: 'lab/urlMap/site', name: 'site', otherwise: { service: 'web' }, hosts: [], matchers: [] }],
    services: [service('web')],
    edgeHosts: [],
    own: [],
    ...fields,
    certificates,
  };
}

const theOne = certificate('example', ['example.com', '*.example.com']);

const artifactOf = (input: HaproxyInput): Artifact<HaproxyInput> => ({
  id: 'haproxy/lab',
  engine: 'haproxy',
  owners: [],
  needs: [],
  input,
});

const clients = `
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';
const [front] = process.argv.slice(2).length ? process.argv.slice(2) : process.argv.slice(1);
let stopping = false;
let begun = false;
// So many at least: a slow machine asks less often, not less.
const LEAST = 120;
const result = { requests: 0, failures: [], servers: {} };
const note = (status, server) => {
  result.requests += 1;
  if (!begun) { begun = true; console.log('begun'); }
  if (status === 200) result.servers[server] = (result.servers[server] ?? 0) + 1;
  else result.failures.push('status ' + status);
};
const agent = new Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false });
const one = () => new Promise((done) => {
  const asked = request({ host: front, port: 443, path: '/', agent, headers: { host: 'example.com' } }, (answer) => {
    answer.resume().on('end', () => { note(answer.statusCode, answer.headers['x-server']); done(); }).on('error', (error) => { result.failures.push('h1 ' + error.message); done(); });
  });
  asked.on('error', (error) => { result.requests += 1; result.failures.push('h1 ' + error.code + ' ' + error.message); done(); }).end();
});
let session;
const open = () => { session = connect('https://' + front, { rejectUnauthorized: false, servername: 'example.com' }); session.on('error', () => {}); };
open();
const two = () => new Promise((done) => {
  if (session.closed || session.destroyed) open();
  const stream = session.request({ ':path': '/', ':authority': 'example.com' });
  let head;
  stream.on('response', (headers) => { head = headers; });
  // A stream that crossed with the other side's farewell was not looked at (RFC 9113, 8.7): every client asks again.
  stream.on('error', (error) => {
    if (stream.rstCode === 7 || error.code === 'ERR_HTTP2_GOAWAY_SESSION') { session.close(); open(); two().then(done); return; }
    result.requests += 1; result.failures.push('h2 ' + error.message); done();
  });
  stream.on('close', () => { if (head) { note(head[':status'], head['x-server']); done(); } });
  stream.resume().end();
});
const loop = async (ask) => { while (!stopping || result.requests < LEAST) { await ask(); await new Promise((r) => setTimeout(r, 2)); } };
process.on('SIGTERM', () => { stopping = true; });
await Promise.all([loop(one), loop(one), loop(one), loop(two), loop(two)]);
console.log(JSON.stringify(result));
process.exit();
`;

const links = `
link add e0 netns EDGE type veth peer name h0 netns HOSTS
link add e1 netns EDGE type veth peer name c0 netns OUTSIDE
`;

export async function proxyLab(): Promise<ProxyLab> {
  const base = await testMachine();
  await chmod(dirname(base.run), 0o755);
  await mkdir(base.run, { mode: 0o755 });
  for (const name of ['edge', 'hosts', 'outside']) await base.addNamespace(name);
  const named = links
    .replaceAll('EDGE', base.namespace('edge'))
    .replaceAll('HOSTS', base.namespace('hosts'))
    .replaceAll('OUTSIDE', base.namespace('outside'));
  await base.exec(['ip', '-batch', '-'], { stdin: named });
  const batch = (namespace: string, lines: readonly string[]) =>
    base.exec(['ip', '-batch', '-'], { namespace, stdin: `${lines.join('\n')}\n` });
  await batch('edge', [
    'link set e0 up',
    'link set e1 up',
    ...['130.211.0.1/32', `${FRONT}/32`].map((it) => `addr add ${it} dev lo`),
    'addr add 10.1.0.1/24 dev e0',
    'addr add 198.51.100.1/24 dev e1',
  ]);
  await batch('hosts', [
    'link set h0 up',
    ...hosts.map((it) => `addr add ${it}/24 dev h0`),
    'route add default via 10.1.0.1',
  ]);
  await batch('outside', ['link set c0 up', 'addr add 198.51.100.7/24 dev c0', 'route add default via 198.51.100.1']);
  await base.exec(['sysctl', '-q', '-w', 'net.ipv4.ip_unprivileged_port_start=0'], { namespace: 'edge' });
  const supervisor = smallSupervisor(`${base.run}/services`);
  const machine: Machine = {
    ...base,
    users: ensureUsers(),
    supervisor: {
      ...supervisor,
      ensure: (spec) => {
        const { namespace, ...rest } = spec;
        const enter = namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${base.namespace(namespace)}`, '--'];
        return supervisor.ensure({ ...rest, argv: [...enter, ...spec.argv] });
      },
    },
  };
  const servers = spawn(
    'nsenter',
    [
      `--net=/run/netns/${base.namespace('hosts')}`,
      process.execPath,
      new URL('proxy-servers.ts', import.meta.url).pathname,
      ...hosts,
    ],
    { stdio: ['pipe', 'inherit', 'inherit'] },
  );
  await eventually(
    async () => (await base.exec(['ss', '-Hltn', `sport = :80`], { namespace: 'hosts' })).stdout,
    (text) => text.trim().split('\n').length === hosts.length,
  );
  let held: Artifact<HaproxyInput> | undefined;
  const outside: ProxyLab['outside'] = (argv, stdin) =>
    base.exec(argv, { namespace: 'outside', ...(stdin === undefined ? {} : { stdin }) });
  return {
    machine,
    paths: haproxyPaths(machine, 'lab'),
    outside,
    curl: async (...argv) => {
      const resolve = ['--resolve', `*:443:${FRONT}`, '--resolve', `*:80:${FRONT}`];
      const { stdout, stderr } = await outside(['curl', '-sSk', '--noproxy', '*', '-m', '20', ...resolve, ...argv]);
      return (stdout + stderr).trimEnd();
    },
    script: async (source, ...argv) => {
      const { stdout, stderr } = await outside([process.execPath, '--input-type=module', '-', ...argv], source);
      return (stdout + stderr).trimEnd();
    },
    load: () => {
      const child = spawn(
        'nsenter',
        [`--net=/run/netns/${base.namespace('outside')}`, process.execPath, '--input-type=module', '-', FRONT],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      child.stdin.end(clients);
      let said = '';
      const started = new Promise<void>((resolve) => {
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          said += text;
          resolve();
        });
        child.once('close', () => resolve());
      });
      const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
      return {
        started,
        stop: async () => {
          await started;
          child.kill('SIGTERM');
          await ended;
          return JSON.parse(said.slice('begun\n'.length)) as Load;
        },
      };
    },
    held: () => held?.input ?? site(),
    async hold(input) {
      const wanted = artifactOf(haproxyEngine.input.parse(input));
      await haproxyEngine.check?.(machine, wanted);
      await haproxyEngine.apply(machine, wanted, held);
      held = wanted;
    },
    look: async () => {
      if (held === undefined || haproxyEngine.observe === undefined) throw new Error('nothing is held');
      return haproxyEngine.observe(machine, held);
    },
    steer: async (part, state) => {
      if (held !== undefined) await haproxyEngine.steer?.(machine, held, { part, state });
    },
    async remove() {
      if (held !== undefined) await haproxyEngine.remove(machine, held);
      // One that never became ready was started all the same.
      await supervisor.remove('proxy.lab');
      servers.kill('SIGKILL');
      await base.cleanup();
    },
  };
}
