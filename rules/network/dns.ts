import type { Conversation, Rule, Sample } from '../rule.ts';

const shared = { type: 'spyware', category: 'dns' } as const;

const question = (name: string, type: number, id = 0x1234): string =>
  `${String.fromCharCode(id >> 8, id & 255)}\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00` +
  name
    .split('.')
    .map((label) => String.fromCharCode(label.length) + label)
    .join('') +
  `\x00\x00${String.fromCharCode(type)}\x00\x01`;

const asked = (label: string, name: string, type = 1): Sample => ({
  kind: 'udp',
  label,
  port: 53,
  turns: [{ from: 'client', data: question(name, type) }],
});

const many = (count: number, name: (i: number) => string): Conversation[] =>
  Array.from({ length: count }, (_, i) => ({
    kind: 'udp',
    port: 53,
    turns: [{ from: 'client', data: question(name(i), 16, 100 + i) }],
  }));

const data = (i: number): string => `${'mzxw6ytboi4dqmzsgeztsnjvg4ydcmzrgi3tm'.repeat(2).slice(i % 7)}`.slice(0, 60);

export const dns: readonly Rule[] = [
  {
    ...shared,
    sid: 9_000_560,
    rev: 1,
    name: 'DNS Tunnelling',
    category: 'data-theft',
    severity: 'HIGH',
    on: 'dns any any -> any any',
    description:
      'One host asked for many names with very long labels within half a minute, as programs do that carry data in DNS. Find the program; look at the domain.',
    match: [
      'dns.query',
      String.raw`pcre:"/(?:^|\.)[a-z0-9_\-=+\/]{50,63}\./i"`,
      'threshold:type both, track by_src, count 12, seconds 30',
    ],
    attacks: [
      { kind: 'series', label: 'twenty names', every: 100, parts: many(20, (i) => `${data(i)}${i}.t.evil.example`) },
    ],
    benign: [
      { kind: 'series', label: 'a few long names', every: 100, parts: many(5, (i) => `${data(i)}${i}.cdn.example`) },
      { kind: 'series', label: 'many short names', every: 50, parts: many(40, (i) => `host${i}.example.com`) },
    ],
  },
  {
    ...shared,
    sid: 9_000_561,
    rev: 1,
    name: 'DNS Query for Hidden Service',
    severity: 'LOW',
    on: 'dns any any -> any any',
    description: 'A host asked for a name of the Tor network, which DNS does not know. A program on it expects Tor.',
    match: ['dns.query', 'content:".onion"; nocase; endswith; fast_pattern'],
    attacks: [
      asked('an address', 'expyuzz4wqqyqhjn.onion'),
      asked('with a name in front', 'www.duskgytldkxiuqc6.ONION', 28),
    ],
    benign: [asked('a vegetable', 'onion.example.com'), asked('a longer ending', 'red.onions')],
  },
  {
    ...shared,
    sid: 9_000_562,
    rev: 1,
    type: 'vulnerability',
    name: 'DNS Zone Transfer Request',
    category: 'info-leak',
    severity: 'LOW',
    on: 'tcp any any -> any 53',
    description: 'Somebody asked for all names of a zone. Only your own secondary servers should.',
    match: [
      'flow:established,to_server',
      'content:"|00 01 00 00 00 00 00|"; offset:6; depth:7',
      'content:"|00 00 fc 00 01|"; distance:1; fast_pattern',
    ],
    oncePerFlow: true,
    attacks: [
      {
        kind: 'tcp',
        label: 'AXFR',
        port: 53,
        turns: [{ from: 'client', data: `\x00\x1d${question('example.com', 252)}` }],
      },
    ],
    benign: [
      {
        kind: 'tcp',
        label: 'an ordinary question',
        port: 53,
        turns: [{ from: 'client', data: `\x00\x1d${question('example.com', 1)}` }],
      },
    ],
  },
  {
    ...shared,
    sid: 9_000_563,
    rev: 1,
    type: 'vulnerability',
    name: 'DNS Server Version Probe',
    category: 'scan',
    severity: 'INFORMATIONAL',
    on: 'udp any any -> any 53',
    description: 'Somebody asked a name server for its version, as scanners do.',
    match: ['content:"|07|version|04|bind|00 00 10 00 03|"; nocase; fast_pattern'],
    attacks: [
      {
        kind: 'udp',
        label: 'version.bind',
        port: 53,
        turns: [{ from: 'client', data: `${question('version.bind', 16).slice(0, -1)}\x03` }],
      },
      {
        kind: 'udp',
        label: 'mixed case',
        port: 53,
        turns: [{ from: 'client', data: `${question('VERSION.BIND', 16).slice(0, -1)}\x03` }],
      },
    ],
    benign: [asked('a host of that name', 'version.bind.example.com', 16)],
  },
];
