import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { request as requestOverTls } from 'node:https';
import type { LookupOptions } from '#edge/outbound/resolve.ts';
import { EdgeInput } from '#engines/edge/input.ts';
import type { SlapdInput } from '#engines/slapd/input.ts';
import { type RunningEdge, startEdge } from '#main/edge/start.ts';
import { type DirectoryLab, directoryLab, person } from './directory-lab.ts';

/** An edge service with a real directory, spoken to over its socket as the load balancer would, by browsers of our own. */
export interface SignInLab {
  readonly directory: DirectoryLab;
  readonly edge: RunningEdge;
  readonly accountsHost: string;
  /** What people have declared; the edge service takes it by itself. */
  configure(change: (input: EdgeInput) => EdgeInput): void;
  browser(address?: string): Browser;
  /** The edge service's own log so far. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  restart(): Promise<void>;
  cleanup(): Promise<void>;
}

export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

/** Keeps cookies like a browser: per host, honouring the prefixes' rules, paths and ends. */
export interface Browser {
  readonly jar: Map<string, Map<string, { value: string; path: string }>>;
  /** One request, no redirect followed. */
  send(url: string | URL, options?: SendOptions): Promise<Answer>;
  /** Follows redirects, at most 20. */
  open(url: string | URL, options?: SendOptions): Promise<Answer>;
  /** Sends the form of a page whose action ends with this, with these fields. */
  submit(page: Answer, ending: string, fields: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface SendOptions {
  readonly method?: string;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export const internalDirectory: SlapdInput = {
  directory: 'lab.people',
  baseDn: 'dc=lab,dc=internal',
  passwordPolicy: { minimumLength: 12, lockoutAfter: 5, lockoutSeconds: 600, history: 3 },
  users: [
    person('alice', { subject: '900000000000000011' }),
    person('bob', { subject: '900000000000000012' }),
    person('carol', { subject: '900000000000000013', mustChangePassword: true }),
    person('dave', { subject: '900000000000000014' }),
  ],
  groups: [
    { name: 'operators', email: 'operators@example.com', displayName: 'Operators', members: ['alice'], groups: [] },
  ],
};

const baseInput = EdgeInput.parse({
  project: { id: 'lab', number: '123456789012', namespace: 'edge.lab' },
  services: [
    { name: 'shop', id: '1234567890123456789', hosts: ['shop.example', 'shop2.example'] },
    { name: 'vault', id: '2234567890123456789', hosts: ['vault.example'], reauthMethod: 'secondFactor' },
  ],
  ...{ bindings: [], accessLevels: [], serviceAccounts: [] },
  providers: [{ name: 'accounts', label: 'Example account', internal: { host: 'accounts.example', directories: [] } }],
  directories: [{ name: 'people', baseDn: internalDirectory.baseDn, minimumLength: 12 }],
  clients: [],
  consent: { applicationName: 'Example Shop', supportEmail: 'support@example.com' },
});

export async function signInLab(lookup?: Partial<LookupOptions>, now?: () => number): Promise<SignInLab> {
  const directory = await directoryLab({ uid: 0, gid: 0 });
  await directory.apply(internalDirectory);
  const { machine } = directory;
  const run = `${machine.run}/edge/lab`;
  const state = `${machine.state}/edge/lab`;
  for (const folder of [run, state, `${run}/maps`]) mkdirSync(folder, { recursive: true });
  let input = baseInput;
  const write = (): void => {
    writeFileSync(`${run}/edge.json.new`, JSON.stringify(input), { mode: 0o640 });
    renameSync(`${run}/edge.json.new`, `${run}/edge.json`);
  };
  write();
  const log: Readonly<Record<string, unknown>>[] = [];
  const plain = console.log;
  console.log = (...words: unknown[]) => {
    const [line] = words;
    if (typeof line === 'string' && line.startsWith('{')) log.push(JSON.parse(line) as Record<string, unknown>);
    else plain(...words);
  };
  const start = () =>
    startEdge({ run, state, maps: `${run}/maps`, ...(lookup === undefined ? {} : { lookup }), ...(now && { now }) });
  let edge = await start();
  await knows(edge, 'alice@example.com');
  return {
    directory,
    get edge() {
      return edge;
    },
    accountsHost: 'accounts.example',
    configure(change) {
      input = change(input);
      write();
    },
    browser: (address = '198.51.100.7') => browserOver(`${run}/web.sock`, address),
    log,
    async restart() {
      await edge.stop();
      edge = await start();
      await knows(edge, 'alice@example.com');
    },
    async cleanup() {
      console.log = plain;
      await edge.stop();
      await directory.cleanup();
    },
  };
}

async function knows({ edge }: RunningEdge, email: string): Promise<void> {
  for (let tries = 0; tries < 400 && (await edge.people.find(email)) === undefined; tries++)
    await new Promise((done) => setTimeout(done, 25));
}

function browserOver(socketPath: string, address: string): Browser {
  const jar: Browser['jar'] = new Map();
  const keep = (host: string, lines: readonly string[]): void => {
    const cookies = jar.get(host) ?? new Map<string, { value: string; path: string }>();
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(/;\s*/);
      const name = pair.slice(0, pair.indexOf('='));
      const value = pair.slice(pair.indexOf('=') + 1);
      const attribute = (key: string) => attributes.find((it) => it.toLowerCase().startsWith(key))?.split('=')[1];
      if (!attributes.some((it) => it.toLowerCase() === 'secure')) throw new Error(`not secure: ${line}`);
      if (!attributes.some((it) => it.toLowerCase() === 'httponly'))
        throw new Error(`not for the server alone: ${line}`);
      if (name.startsWith('__Host-') && attribute('path') !== '/') throw new Error(`a browser refuses ${line}`);
      const over = attribute('max-age') === '0' || (attribute('expires') ?? '').includes('1970') || value === '';
      if (over) cookies.delete(name);
      else cookies.set(name, { value, path: attribute('path') ?? '/' });
    }
    jar.set(host, cookies);
  };
  const send: Browser['send'] = async (target, options = {}) => {
    const url = new URL(target);
    const cookies = [...(jar.get(url.host) ?? [])].filter(([, it]) => url.pathname.startsWith(it.path));
    const body = options.form === undefined ? undefined : new URLSearchParams(options.form).toString();
    const answer = await exchange(url.hostname === 'localhost' ? { port: Number(url.port) } : { socketPath }, {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        'x-forwarded-proto': 'https',
        'x-vauban-client-address': address,
        'x-vauban-request-id': 'request-1',
        ...(url.host === 'vault.example' ? { 'x-vauban-service': 'vault' } : {}),
        ...(cookies.length > 0 ? { cookie: cookies.map(([name, it]) => `${name}=${it.value}`).join('; ') } : {}),
        ...(body === undefined
          ? {}
          : {
              'content-type': 'application/x-www-form-urlencoded',
              'content-length': String(Buffer.byteLength(body)),
              origin: url.origin,
              'sec-fetch-site': 'same-origin',
            }),
        ...options.headers,
      },
      body,
    });
    const set = answer.headers['set-cookie'];
    if (set !== undefined) keep(url.host, Array.isArray(set) ? set : [String(set)]);
    return { ...answer, url };
  };
  /** A page of the provider that sends itself on by a script. */
  const onward = async (answer: Answer): Promise<Answer> => {
    if (!answer.body.includes('<title>Submitting Callback')) return answer;
    const action = /<form method="post" action="([^"]+)"/.exec(answer.body)?.[1] ?? '';
    const inputs = [...answer.body.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
    return send(new URL(action, answer.url), {
      form: Object.fromEntries(inputs.map(([, name = '', value = '']) => [name, value])),
    });
  };
  const open: Browser['open'] = async (target, options) => {
    let answer = await onward(await send(target, options));
    for (let hops = 0; hops < 20 && answer.headers['location'] !== undefined; hops++) {
      const next = new URL(String(answer.headers['location']), answer.url);
      if (next.host !== 'localhost' && (next.pathname === '/' || next.pathname.startsWith('/app')))
        return { ...answer, url: next };
      answer = await onward(await send(next));
    }
    return answer;
  };
  return {
    jar,
    send,
    open,
    submit(page, ending, fields) {
      const actions = [...page.body.matchAll(/<form method="post" action="([^"]+)"/g)].map(([, action = '']) => action);
      const action = actions.find((it) => it.endsWith(ending));
      if (action === undefined)
        throw new Error(`no form for ${ending} on ${page.url}: ${page.status} ${wordsOf(page)}`);
      return open(new URL(action, page.url), { form: fields });
    },
  };
}

/** What a person reads. */
export const wordsOf = ({ body }: Pick<Answer, 'body'>): string =>
  body
    .replace(/<(style|script|svg)[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

function exchange(
  place: { readonly socketPath: string } | { readonly port: number },
  it: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body: string | undefined;
  },
): Promise<Omit<Answer, 'url'>> {
  return new Promise((done, fail) => {
    const options = { agent: false as const, method: it.method, path: it.path, headers: it.headers };
    const read = (answer: IncomingMessage): void => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      answer.on('end', () => done({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
    };
    const asked =
      'port' in place
        ? requestOverTls({ ...options, host: '127.0.0.1', port: place.port, rejectUnauthorized: false }, read)
        : request({ ...options, socketPath: place.socketPath }, read);
    asked.on('error', fail);
    asked.end(it.body);
  });
}
