import { expect, test } from 'vitest';
import type * as z from 'zod';
import { judgeOf } from '#engines/judged-once.ts';
import { engines } from '#host/engines.ts';

/**
 * Control is not trusted by the host agent: whatever it sends is bounded by the engines' own schemas, so no text in an
 * artifact may mean more to an engine than the word that it stands for. Here every string of every schema is tried with
 * what configuration files, shells, paths and argument lists are broken with.
 */

/** One of these is accepted by each text that accepts anything; hostile signs are put before, into and behind it. */
const harmless = [
  '10.0.0.1/8',
  ...['a', 'ab', 'web-1', 'a.b', 'lab.people', 'lab/instance/a', 'lab/idsEndpoint/a', 'a/b', '/a', '/a/b', 'x-team'],
  ...['10.0.0.1', '10.0.0.0/8', '203.0.113.0/24', '02:00:00:00:00:01', '0123456789abcdef', '12345678', '123', 'nic0'],
  ...[
    'a@b.example',
    'dc=lab,dc=example',
    'aes256-sha256-modp2048',
    'a.1',
    'net.ipv4.ip_forward',
    'net.ipv4.conf.*.rp_filter',
    'A_B',
    'PEM',
    '22:00',
    'UTC',
  ],
];

const hostile = {
  'line break': ['\n', '\r'],
  'control sign': ['\0', '\x1b', '\x7f'],
  quote: ["'", '"', '`'],
  blank: [' ', '\t'],
  'sign of a shell or a file': ['\\', ';', '$', '#', '{', '}', '|', '&', '<', '>', '(', ')', '!', ',', '%'],
  'way up': ['../', '/..', '/../'],
} as const;

type Danger = keyof typeof hostile | 'leading dash' | 'leading slash';

/** What a text of one line may hold that is nowhere read as more than a text. */
const oneLine: readonly Danger[] = [
  'quote',
  'blank',
  'sign of a shell or a file',
  'way up',
  'leading dash',
  'leading slash',
];
const anything: readonly Danger[] = ['line break', 'control sign', ...oneLine];

/** Which dangers a text of this schema may hold. */
function dangersOf(schema: z.ZodType): Danger[] {
  const bases = harmless.filter((it) => schema.safeParse(it).success);
  const takes = (text: string) => schema.safeParse(text).success;
  /** `a../b` goes up nowhere. */
  const isReal = (danger: string, text: string) => danger !== 'way up' || text.split('/').includes('..');
  const within = (base: string, sign: string) => [
    `${sign}${base}`,
    `${base}${sign}`,
    `${base.slice(0, 1)}${sign}${base.slice(1)}`,
    `${base}${sign}${base}`,
    sign,
  ];
  const found: Danger[] = (Object.keys(hostile) as (keyof typeof hostile)[]).filter((danger) =>
    hostile[danger].some((sign) =>
      ['', ...bases].some((base) => within(base, sign).some((it) => isReal(danger, it) && takes(it))),
    ),
  );
  if (['', ...bases].some((base) => takes(`-${base}`) || takes(`--${base}`))) found.push('leading dash');
  if (['', ...bases].some((base) => takes(`/${base}`))) found.push('leading slash');
  return found;
}

// biome-ignore lint/suspicious/noExplicitAny: zod's own description of a schema, whose shape depends on its type
type Described = { readonly def: any } & z.ZodType;

/** Every string of a schema with its path, keys of records and members of unions included. */
function strings(schema: Described, path: string): (readonly [path: string, schema: z.ZodType])[] {
  const { def } = schema;
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape as Record<string, Described>).flatMap(([key, it]) =>
        strings(it, `${path}.${key}`),
      );
    case 'array':
      return strings(def.element, `${path}[]`);
    case 'record':
      return [...strings(def.keyType, `${path}{}`), ...strings(def.valueType, `${path}{}=`)];
    case 'union':
      return (def.options as Described[]).flatMap((it) => strings(it, path));
    case 'tuple':
      return (def.items as Described[]).flatMap((it) => strings(it, path));
    case 'optional':
    case 'nullable':
    case 'default':
    case 'readonly':
      return strings(def.innerType, path);
    case 'pipe': {
      const judge = judgeOf(schema as unknown as z.ZodPipe);
      if (judge === undefined) throw new RangeError(`${path}: this test does not know what stands in this pipe`);
      return strings(judge as Described, path);
    }
    case 'string':
      return [[path, schema]];
    // A name or a number out of a list.
    case 'custom':
    case 'number':
    case 'boolean':
    case 'enum':
    case 'literal':
      return [];
    default:
      throw new RangeError(`${path}: this test does not know what ${def.type} is`);
  }
}

const texts = [...engines.values()].flatMap((engine) =>
  strings(engine.input as Described, engine.name).map(([path, schema]) => ({ path, schema })),
);

/** The whole of their input is JSON that only our own unprivileged process reads; what names files of theirs is below. */
const readAsJson = [
  'metadata.',
  'edge.',
  'squid.profiles[]',
  'squid.lists[].title',
  ...['hashes', 'secret', 'version'].map((it) => `gateway-service.${it}`),
];
const namesFiles = [
  ...['metadata.namespace', 'metadata.listen', 'edge.project.id', 'edge.project.number', 'edge.project.namespace'],
];

/** Texts that may hold more than words, and what takes the danger from it. */
const free: Readonly<Record<string, readonly [what: readonly Danger[], because: string]>> = {
  'sandbox.startupScript': [anything, 'the content of a file that is read inside the instance'],
  'sandbox.environment{}=': [anything, 'JSON for the runtime; it is set inside the instance alone'],
  'slapd.baseDn': [['blank', 'sign of a shell or a file'], 'the sign is the comma, between parts of the name'],
  'slapd.users[].email': [['leading dash'], 'a value in a message of the protocol'],
  'slapd.groups[].email': [['leading dash'], 'a value in a message of the protocol'],
  'slapd.users[].displayName': [oneLine, 'a value in a message of the protocol'],
  'slapd.groups[].displayName': [oneLine, 'a value in a message of the protocol'],
  'slapd.users[].password': [anything, 'a value in a message of the protocol'],
  'suricata.siteRules': [
    anything,
    'rules may neither run scripts nor name files by their whole path, and the engine reads them without privilege',
  ],
  'squid.lists[].domains': [
    anything,
    'standard input of our own compiler, which takes domains out of it and nothing else',
  ],
  'haproxy.certificates[].chain': [anything, 'the content of a PEM file'],
  'haproxy.certificates[].key': [anything, 'the content of a PEM file'],
  ...Object.fromEntries(
    ['localIdentity', 'remoteIdentity'].map((it) => [
      `strongswan.connections[].${it}`,
      [oneLine, 'a value with its length in a message of the protocol'] as const,
    ]),
  ),
  'strongswan.connections[].preSharedKey': [anything, 'a value with its length in a message of the protocol'],
  ...Object.fromEntries(
    ['certificate', 'crl', 'imported[].certificate', 'imported[].privateKey'].map((it) => [
      `pki.${it}`,
      [anything, 'the content of a PEM file, of which only the blocks themselves are written'] as const,
    ]),
  ),
  ...Object.fromEntries(
    ['subject', 'certificates[].subject'].flatMap((it) =>
      ['commonName', 'organization'].map((part) => [
        `pki.${it}.${part}`,
        [oneLine, 'a part of one argument, escaped'] as const,
      ]),
    ),
  ),
  ...Object.fromEntries(
    ['affinity.name', 'requestHeaders[].name', 'responseHeaders[].name'].map((it) => [
      `haproxy.services[].${it}`,
      [['quote', 'sign of a shell or a file', 'leading dash'], 'a quoted word'] as const,
    ]),
  ),
  ...Object.fromEntries(
    ['check.response', 'requestHeaders[].value', 'responseHeaders[].value'].map((it) => [
      `haproxy.services[].${it}`,
      [oneLine, 'a quoted word'] as const,
    ]),
  ),
  ...Object.fromEntries(
    texts
      .filter(({ path }) => path.startsWith('haproxy.') && /\.(path|prefix|matched)$/.test(path))
      .map(({ path }) => [
        path,
        [
          ['quote', 'sign of a shell or a file', 'way up', 'leading slash'],
          'a quoted word, or one of a map file',
        ] as const,
      ]),
  ),
};

test('no text of an artifact may mean more than a word to an engine, but for those that are said to be more', {
  timeout: 60_000,
}, () => {
  const more: Record<string, readonly Danger[]> = {};
  for (const { path, schema } of texts) {
    if (readAsJson.some((it) => path.startsWith(it)) && !namesFiles.includes(path)) continue;
    const dangers = dangersOf(schema);
    if (dangers.length > 0) more[path] = [...new Set([...(more[path] ?? []), ...dangers])];
  }
  expect(more).toEqual(Object.fromEntries(Object.entries(free).map(([path, [what]]) => [path, what])));
});

test('every text of every engine has been tried with something that it takes', () => {
  const untried = texts.filter(({ schema }) => !harmless.some((it) => schema.safeParse(it).success));
  expect(untried.map(({ path }) => path)).toEqual([]);
});

test('what names files of ours are names without a way up', () => {
  expect(texts.filter(({ path }) => namesFiles.includes(path)).map(({ path }) => path)).toEqual(namesFiles);
});

test('settings of the kernel are those of addresses and interfaces of the namespace', () => {
  const sysctls = (key: string) =>
    engines.get('namespace')?.input.safeParse({
      ...{ name: 'a', addresses: [], blackholes: [] },
      sysctls: { [key]: 1 },
    }).success;
  expect(sysctls('net.ipv4.conf.all.rp_filter')).toBe(true);
  for (const key of ['kernel.sysrq', 'net.//.kernel.sysrq', 'net/../kernel/sysrq', 'net.core.bpf_jit_enable'])
    expect.soft(sysctls(key), key).toBe(false);
});

test('the machine’s own routes can be led to the simulated internet alone', () => {
  const reaches = (it: string) =>
    engines.get('uplink')?.input.safeParse({ namespace: 'a', interface: 'up0', reached: [it] }).success;
  expect(['203.0.113.0/24', '192.0.2.1/32'].map(reaches)).toEqual([true, true]);
  expect(['0.0.0.0/0', '128.0.0.0/1', '8.8.8.8/32', '203.0.112.0/23'].map(reaches)).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
