import type { MetadataHost, MetadataInput } from '#engines/metadata/input.ts';
import type { LentKey, LentKeys } from '#engines/metadata/lent.ts';
import { formatAddress } from '#lib/ip.ts';

/** What is declared, and what hosts have for a while. */
export interface MetadataContent {
  readonly input: MetadataInput;
  readonly lent: LentKeys;
}

export interface MetadataRequest {
  readonly method: string;
  readonly url: string;
  /** Address of the host that asks. */
  readonly from: string;
  readonly header: (name: string) => string | undefined;
}

export interface MetadataAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Tree = string | { readonly [name: string]: Tree } | readonly Tree[];

/**
 * Compute Engine's metadata server: a tree of values under /computeMetadata/v1/. It asks for the header
 * `Metadata-Flavor: Google` and refuses forwarded requests, so that a tricked program inside cannot be made to read it.
 */
export function answerMetadata({ input, lent }: MetadataContent, request: MetadataRequest): MetadataAnswer {
  // A path and nothing else: with `//` before it, or a scheme, it would be read as another server's.
  const url = request.url.startsWith('/') ? URL.parse(`http://metadata.google.internal${request.url}`) : null;
  if (url === null) return answer(400, 'not a path\n');
  const path = url.pathname;
  if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'method not allowed\n');
  if (path === '/') return answer(200, 'computeMetadata/\n');
  if (!path.startsWith('/computeMetadata/')) return answer(404, 'not found\n');
  if (!isOurName(request.header('host'), input.listen)) return answer(403, 'this server has another name\n');
  if (request.header('x-forwarded-for') !== undefined) return answer(403, 'forwarded requests are refused\n');
  if (request.header('metadata-flavor')?.toLowerCase() !== 'google') {
    return answer(403, 'the header "Metadata-Flavor: Google" is missing\n');
  }
  const host = input.hosts.find((it) => it.address === request.from.replace('::ffff:', ''));
  if (host === undefined) return answer(404, 'no instance has this address\n');
  const steps = path
    .split('/')
    .filter((it) => it !== '')
    .slice(1);
  const refused = refusedToken(host, steps);
  if (refused !== undefined) return refused;
  let at: Tree | undefined = { v1: treeOf(withKeys(host, lent[host.address] ?? [])) };
  for (const step of steps) {
    at =
      at !== undefined && typeof at !== 'string' && Object.hasOwn(at, decode(step))
        ? (at as Record<string, Tree>)[decode(step)]
        : undefined;
  }
  if (at === undefined) return answer(404, 'not found\n');
  if (typeof at === 'string')
    return url.searchParams.get('alt') === 'json'
      ? answerJson(listed(decode(steps.at(-1) ?? ''), at))
      : answer(200, at, 'application/text');
  if (url.searchParams.get('recursive') === 'true') return json(at);
  if (!path.endsWith('/')) return answer(301, '', 'text/html', { location: `${path}/` });
  return answer(200, listing(at), 'application/text');
}

/**
 * A page in a browser inside may set the header that is asked for, once its own name leads here (DNS rebinding). Whoever
 * names no host at all is no browser.
 */
function isOurName(host: string | undefined, listen: string): boolean {
  if (host === undefined) return true;
  const name = host.toLowerCase().replace(/:80$/, '').replace(/\.$/, '');
  return name === listen || ['metadata.google.internal', 'metadata.goog', 'metadata', '169.254.169.254'].includes(name);
}

/** Lent keys stand behind those that are declared. */
function withKeys(host: MetadataHost, keys: readonly LentKey[]): MetadataHost {
  if (keys.length === 0) return host;
  const { attributes } = host.instance;
  const declared = (attributes['ssh-keys'] ?? '').trimEnd();
  const lines = [...(declared === '' ? [] : [declared]), ...keys.map((it) => it.line)].join('\n');
  return { ...host, instance: { ...host.instance, attributes: { ...attributes, 'ssh-keys': lines } } };
}

const decode = (step: string): string => {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
};

const listing = (tree: Exclude<Tree, string>): string =>
  Object.entries(tree)
    .map(([name, value]) => `${name}${typeof value === 'string' ? '' : '/'}\n`)
    .join('');

function treeOf({ project, instance }: MetadataHost): Tree {
  return {
    instance: {
      attributes: instance.attributes,
      'cpu-platform': 'Vauban',
      description: '',
      hostname: instance.hostname,
      id: instance.id,
      image: instance.image,
      'machine-type': instance.machineType,
      name: instance.name,
      'network-interfaces': instance.interfaces.map((it) => ({
        'access-configs': [{ 'external-ip': it.externalAddress, type: 'ONE_TO_ONE_NAT' }],
        gateway: it.gateway,
        ip: it.address,
        mac: it.mac,
        network: it.network,
        subnetmask: formatAddress(2 ** 32 - 2 ** (32 - (it.length ?? 32))),
      })),
      'service-accounts': accountsOf(instance),
      tags: JSON.stringify(instance.tags),
      zone: instance.zone,
    },
    project: { attributes: project.attributes, 'numeric-project-id': project.number, 'project-id': project.id },
  };
}

/** `default` and the address are two names of the same account. */
function accountsOf({ serviceAccount }: MetadataHost['instance']): Readonly<Record<string, Tree>> {
  if (serviceAccount === undefined) return {};
  const { email, scopes } = serviceAccount;
  const account = { aliases: 'default', email, scopes: scopes.map((it) => `${it}\n`).join('') };
  return { default: account, [email]: account };
}

/** Nothing here takes the cloud's tokens, and one that looks real would only mislead: it is said instead. */
function refusedToken({ instance }: MetadataHost, steps: readonly string[]): MetadataAnswer | undefined {
  const [version, tree, accounts, account = '', what = '', ...more] = steps.map(decode);
  const path = `${version}/${tree}/${accounts}`;
  if (path !== 'v1/instance/service-accounts' || more.length > 0 || !['token', 'identity'].includes(what))
    return undefined;
  return Object.hasOwn(accountsOf(instance), account)
    ? answer(403, `no ${what} is given out here: there is no Google Cloud behind this metadata server\n`)
    : undefined;
}

/** JSON has the cloud's camel case names and real lists. */
const json = (tree: Tree): MetadataAnswer => answerJson(camel(tree));

const answerJson = (value: unknown): MetadataAnswer => answer(200, JSON.stringify(value), 'application/json');

/** What is a list in JSON, and lines or JSON in text. */
function listed(name: string, text: string): unknown {
  if (name === 'tags') return JSON.parse(text) as unknown;
  return name === 'scopes' || name === 'aliases' ? text.split('\n').filter((it) => it !== '') : text;
}

function camel(tree: Tree): unknown {
  if (typeof tree === 'string') return tree;
  if (Array.isArray(tree)) return tree.map(camel);
  return Object.fromEntries(
    Object.entries(tree).map(([name, value]) => {
      if (name === 'attributes') return [name, value];
      // An account's address is no word of ours.
      if (name.includes('@')) return [name, camel(value as Tree)];
      if (typeof value === 'string') return [camelName(name), listed(name, value)];
      return [camelName(name), camel(value as Tree)];
    }),
  );
}

const camelName = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

const answer = (
  status: number,
  body: string,
  type = 'text/html',
  more: Readonly<Record<string, string>> = {},
): MetadataAnswer => ({
  status,
  headers: { 'metadata-flavor': 'Google', server: 'Metadata Server for VM', 'content-type': type, ...more },
  body,
});
