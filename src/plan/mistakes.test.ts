import { describe, expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { admit } from './admit.ts';
import { parseSite, type SiteFile } from './site.ts';

/** What a person reads: place, mistake, and under it what to do. */
function read(...files: SiteFile[]): string[] {
  const { declared, ...unread } = parseSite(files);
  return admit(declared, emptySnapshot, unread).problems.map((it) => `${it.at}: ${it.message} -> ${it.fix}`);
}

const told = (text: string): string[] => read({ path: 'site.yaml', text });

const network = `project: lab
networks:
  vpc: {}
subnets:
  a: { network: vpc, region: us-east1, range: 10.1.0.0/24 }
`;
const rule = (fields: string): string => `${network}firewallRules:\n  web: { ${fields} }\n`;
const host = (leg: string, more = ''): string =>
  `${network}instances:\n  web:\n    zone: us-east1-b\n    interfaces: [{ ${leg} }]\n${more}`;
const endpoint = `${network}idsEndpoints:\n  ids: { network: vpc, zone: us-east1-b }\n`;

const notAName =
  'is not a name: a lower-case letter, then up to 62 lower-case letters, digits and dashes, no dash at the end';

const texts: readonly (readonly [title: string, text: string, ...expected: string[]])[] = [
  [
    'a bracket that is not closed',
    'project: lab\nnetworks: { vpc: {}\n',
    'site.yaml:3:1: a bracket is not closed before here -> Close it with } or ].',
  ],
  [
    'a line that is indented by itself',
    'project: lab\nnetworks:\n  vpc: {}\n bad: 1\n',
    'site.yaml:4:1: it is not indented like its neighbours -> Begin it in the column in which they begin.',
  ],
  [
    'a space that is missing after a colon',
    'project:lab\nnetworks: {}\n',
    'site.yaml:1:1: after project: a space is missing -> Write `project: value`.',
  ],
  [
    'a tab',
    'project: lab\nnetworks:\n\tvpc: {}\n',
    'site.yaml:3:1: a tab stands where spaces must -> Indent with spaces.',
  ],
  ['a quote that is not closed', 'project: "lab\n', 'site.yaml:2:1: a quote is not closed -> Close it.'],
  [
    'a name that stands twice',
    'project: lab\nnetworks:\n  vpc: {}\n  vpc: {}\n',
    'site.yaml:4:3: vpc stands twice in the same mapping -> Keep one of them, or rename it.',
  ],
  [
    'an alias',
    'project: lab\nnetworks:\n  a: &x {}\n  b: *x\n',
    'site.yaml:4:6: aliases are not allowed here: *x -> Write the value out; a text that begins with * stands in quotes.',
  ],
  [
    'a tag',
    'project: !!js/function lab\n',
    'site.yaml:1:10: tags (!name) other than !file are not allowed here -> Write the plain value; a text may stand in quotes.',
  ],
  ['an empty file', '', 'site.yaml: no project is declared -> Begin the file with `project: NAME`.'],
  [
    'a file without a project',
    'networks: {}\n',
    'site.yaml:1:1: it does not say which project it is of -> Begin with `project: NAME`.',
  ],
  [
    'a project beyond the rule',
    'project: My Project\n',
    'site.yaml:1:10 project: "My Project" is not a project: a lower-case letter, then up to 29 lower-case letters, digits and dashes, no dash at the end -> Did you mean my-project?',
  ],
  [
    'an unknown kind',
    'project: lab\nfirewalRules: {}\n',
    'site.yaml:2:1: there is no kind "firewalRules" -> Did you mean firewallRules?',
  ],
  [
    'a kind that is a list',
    `${network}routers: [a]\n`,
    'site.yaml:6:10 routers: it is not a mapping of names to resources -> Write `routers: { NAME: { ... } }`.',
  ],
  [
    'an unknown field',
    rule('network: vpc, rules: [icmp], source_ranges: [0.0.0.0/0]'),
    'site.yaml:7:39 firewallRules/web source_ranges: there is no field "source_ranges" here -> Did you mean sourceRanges?',
  ],
  [
    'wrong types',
    rule('network: vpc, rules: icmp, priority: high, disabled: on'),
    'site.yaml:7:31 firewallRules/web rules: "icmp" is not a list -> Write a list: [icmp].',
    'site.yaml:7:47 firewallRules/web priority: "high" is not a number -> Write a number.',
    'site.yaml:7:63 firewallRules/web disabled: "on" is not true or false -> Write true.',
  ],
  [
    'a word that is not one of the choices',
    rule('network: vpc, rules: [icmp], action: alow'),
    'site.yaml:7:47 firewallRules/web action: "alow" is not one of allow, deny -> Did you mean allow?',
  ],
  [
    'a prefix that is none, or has bits beyond its length',
    rule('network: vpc, rules: [icmp], sourceRanges: [x, 10.0.0.1/8, 10.9.8.7]'),
    'site.yaml:7:54 firewallRules/web sourceRanges[0]: "x" is not a prefix such as 10.0.0.0/8 -> Write a prefix such as 10.0.0.0/8.',
    'site.yaml:7:57 firewallRules/web sourceRanges[1]: "10.0.0.1/8" is not a prefix such as 10.0.0.0/8 -> Did you mean 10.0.0.0/8?',
    'site.yaml:7:69 firewallRules/web sourceRanges[2]: "10.9.8.7" is not a prefix such as 10.0.0.0/8 -> Did you mean 10.9.8.7/32?',
  ],
  [
    'a number that is too large',
    rule('network: vpc, rules: [icmp], priority: 99999999999999999999'),
    'site.yaml:7:49 firewallRules/web priority: 100000000000000000000 is too large -> Write a number of at most 65534.',
  ],
  [
    'an empty list where one thing is needed',
    rule('network: vpc, rules: []'),
    'site.yaml:7:31 firewallRules/web rules: the list is empty -> Write at least 1 element.',
  ],
  [
    'a missing field',
    rule('rules: [icmp]'),
    'site.yaml:7:8 firewallRules/web network: it is required and missing -> Add it: the network whose traffic this rule judges.',
  ],
  [
    'a reference to nothing, near to something',
    rule('network: vcp, rules: [icmp]'),
    'site.yaml:7:19 firewallRules/web network: there is no VPC network named vcp -> Did you mean vpc?',
  ],
  [
    'a reference to nothing at all',
    rule('network: production, rules: [icmp]'),
    'site.yaml:7:19 firewallRules/web network: there is no VPC network named production -> Declare it under networks, or name another.',
  ],
  [
    'subnets that overlap',
    `${network}  b: { network: vpc, region: us-east1, range: 10.1.0.128/25 }\n`,
    'site.yaml:6:47 subnets/b range: 10.1.0.128/25 overlaps 10.1.0.0/24 of subnet a in the same network -> Choose ranges that share no address.',
  ],
  [
    'an address outside of its subnet',
    host('subnet: a, address: 10.2.0.5'),
    'site.yaml:9:40 instances/web interfaces[0].address: 10.2.0.5 is outside of 10.1.0.0/24, the range of subnet a -> Choose an address of that range.',
  ],
  [
    'an address that the network keeps',
    host('subnet: a, address: 10.1.0.1'),
    'site.yaml:9:40 instances/web interfaces[0].address: 10.1.0.1 is kept by the network (the first two and the last two of a range are) -> Choose another address.',
  ],
  [
    'an address that is taken',
    host(
      'subnet: a, address: 10.1.0.9',
      '  web2:\n    zone: us-east1-b\n    interfaces: [{ subnet: a, address: 10.1.0.9 }]\n',
    ),
    'site.yaml:12:40 instances/web2 interfaces[0].address: 10.1.0.9 is taken by instance web -> Choose another address.',
  ],
  [
    'a network of an interface that does not exist',
    host('network: vcp'),
    'site.yaml:9:29 instances/web interfaces[0].network: there is no VPC network named vcp -> Did you mean vpc?',
  ],
  [
    'a name beyond the rule',
    `${network}routers:\n  Main_1: { network: vpc, region: us-east1 }\n`,
    `site.yaml:7:3 routers/Main_1: "Main_1" ${notAName} -> Did you mean main-1?`,
  ],
  [
    'an image that does not exist',
    host('subnet: a', '    image: debian-14\n'),
    'site.yaml:10:12 instances/web image: there is no image named debian-14 -> Did you mean debian-11?',
  ],
  [
    'images that are based on each other',
    `${host('subnet: a', '    image: a\n')}images:\n  a: { base: b }\n  b: { base: a }\n`,
    'site.yaml:12:14 images/a base: its bases lead back to itself -> Base it on debian-11, debian-12 or debian-13.',
    'site.yaml:13:14 images/b base: its bases lead back to itself -> Base it on debian-11, debian-12 or debian-13.',
  ],
  [
    'a service that is switched off',
    `${endpoint}services: { compute: {} }\n`,
    'site.yaml:7:3 idsEndpoints/ids: ids.googleapis.com has not been used in project lab before or it is disabled -> Enable it: `services: { ids: {} }` in the site, or `vauban create service ids`.',
  ],
  [
    'a service that is misspelt',
    `${network}services: { idss: {} }\n`,
    'site.yaml:6:13 services/idss: there is no service idss -> Did you mean ids?',
  ],
  [
    'a service by its long name',
    `${network}services: { ids.googleapis.com: {} }\n`,
    `site.yaml:6:13 services/ids.googleapis.com: "ids.googleapis.com" ${notAName} -> Did you mean ids?`,
  ],
  [
    'an endpoint without private services access',
    endpoint,
    'site.yaml:7:19 idsEndpoints/ids network: network vpc has no private services access, where the endpoint’s address would come from -> Reserve a range (addresses: { type: internal, purpose: vpcPeering, network, prefixLength: 24 }) and name it in a privateConnection of the network.',
  ],
  [
    'names of the language itself',
    'project: lab\n__proto__: {}\nconstructor: {}\nnetworks: { vpc: { toString: 1 } }\n',
    'constructor',
    'toString',
  ],
];

describe('a mistake is told with its place, what is wrong and how to mend it', () => {
  test.each(texts)('%s', (_, text, ...expected) => {
    const lines = told(text);
    for (const [index, line] of expected.entries()) {
      if (line.includes(' -> ')) expect(lines[index]).toBe(line);
      else expect(lines.join('\n')).toContain(line);
    }
    expect(lines.length).toBeGreaterThanOrEqual(expected.length);
    if (expected.every((it) => it.includes(' -> '))) expect(lines).toEqual(expected);
  });
});

describe('a document that would exhaust us is refused before it is understood', () => {
  test.each([
    ['brackets', `project: lab\nnetworks: ${'['.repeat(100_000)}`],
    ['closed brackets', `project: lab\nnetworks: ${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['braces', `project: lab\nnetworks: ${'{a: '.repeat(50_000)}`],
    ['dashes', `project: lab\nnetworks:\n  ${'- '.repeat(100_000)}a\n`],
    ['blocks', `project: lab\n${Array.from({ length: 2000 }, (_, level) => `${' '.repeat(level)}a:\n`).join('')}`],
  ])('100,000 %s', (_, text) => {
    expect(told(text).join()).toMatch(/^site\.yaml:\d+:\d+: nested deeper than 32 levels/);
  });

  test('a document beyond the limit', () => {
    expect(told(`project: lab\n# ${'x'.repeat(5 * 1024 * 1024)}\n`)).toEqual([
      'site.yaml:1:1: the document has 5 MiB; 4 MiB is the limit -> Split it into several files.',
    ]);
  });

  test('but thousands of brackets in a script or a rule are text', () => {
    const script = Array.from({ length: 5000 }, () => '      content:"[[[{{{"').join('\n');
    expect(told(host('subnet: a', `    startupScript: |\n${script}\n`))).toEqual([]);
  });
});

test('mistakes of all sorts in several files are told in one go, from top to bottom', () => {
  const lines = read(
    {
      path: 'a.yaml',
      text: `${network}  b: { network: vpc, region: us-east1, range: 10.1.0.0/25 }\n  c: { network: nowhere, region: us-east1, range: 10.3.0.0/24 }\n`,
    },
    { path: 'b.yaml', text: 'project: lab\nrouters:\n  r: { network: vpc, region: 7 }\nnats:\n  n: { router: r }\n' },
    { path: 'c.yaml', text: 'project: lab\n\tx\n' },
  );
  expect(lines.map((it) => it.split(' -> ')[0])).toEqual([
    'a.yaml:6:47 subnets/b range: 10.1.0.0/25 overlaps 10.1.0.0/24 of subnet a in the same network',
    'a.yaml:7:17 subnets/c network: there is no VPC network named nowhere',
    'b.yaml:3:30 routers/r region: 7 is not a text',
    expect.stringMatching(/^c\.yaml:2:1/),
  ]);
});

test('a resource that two files declare is refused with both places', () => {
  const text = 'project: lab\nnetworks: { vpc: {} }\n';
  expect(read({ path: 'a.yaml', text }, { path: 'b.yaml', text })).toEqual([
    'b.yaml:2:13 networks/vpc: it is declared twice, first at a.yaml:2:13 networks/vpc -> Keep one of them.',
  ]);
});

test('what refers to a resource that could not be read is no mistake of its own', () => {
  expect(
    told('project: lab\nnetworks: { vpc: { mtu: 1 } }\nrouters: { r: { network: vpc, region: us-east1 } }\n'),
  ).toEqual(['site.yaml:2:25 networks/vpc mtu: 1 is too small -> Write a number of at least 1300.']);
});
