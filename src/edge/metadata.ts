import type { MetadataHost, MetadataInput } from '#engines/metadata/input.ts';
import type { LentKey, LentKeys } from '#engines/metadata/lent.ts';

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
  const url = new URL(request.url, 'http://metadata.google.internal');
  const path = url.pathname;
  if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'method not allowed\n');
  if (path === '/') return answer(200, 'computeMetadata/\n');
  if (!path.startsWith('/computeMetadata/')) return answer(404, 'not found\n');
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
  let at: Tree | undefined = { v1: treeOf(withKeys(host, lent[host.address] ?? [])) };
  for (const step of steps) {
    at =
      at !== undefined && typeof at !== 'string' && Object.hasOwn(at, decode(step))
        ? (at as Record<string, Tree>)[decode(step)]
        : undefined;
  }
  if (at === undefined) return answer(404, 'not found\n');
  if (typeof at === 'string')
    return url.searchParams.get('alt') === 'json' ? json(at) : answer(200, at, 'application/text');
  if (url.searchParams.get('recursive') === 'true') return json(at);
  if (!path.endsWith('/')) return answer(301, '', 'text/html', { location: `${path}/` });
  return answer(200, listing(at), 'application/text');
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
        subnetmask: '255.255.255.255',
      })),
      tags: JSON.stringify(instance.tags),
      zone: instance.zone,
    },
    project: { attributes: project.attributes, 'numeric-project-id': project.number, 'project-id': project.id },
  };
}

/** JSON has the cloud's camel case names and real lists. */
const json = (tree: Tree): MetadataAnswer => answer(200, JSON.stringify(camel(tree)), 'application/json');

function camel(tree: Tree): unknown {
  if (typeof tree === 'string') return tree;
  if (Array.isArray(tree)) return tree.map(camel);
  return Object.fromEntries(
    Object.entries(tree).map(([name, value]) => {
      if (name === 'attributes') return [name, value];
      if (name === 'tags' && typeof value === 'string') return [name, JSON.parse(value) as unknown];
      return [name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), camel(value as Tree)];
    }),
  );
}

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
