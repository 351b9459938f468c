import type { Conversation, Rule } from '../rule.ts';

const shared = { type: 'vulnerability', category: 'scan', severity: 'INFORMATIONAL' } as const;
const ports = Array.from({ length: 45 }, (_, i) => 20 + i * 37);
const logins = (count: number): Conversation[] =>
  Array.from({ length: count }, () => ({
    kind: 'tcp',
    port: 22,
    turns: [
      { from: 'server', data: 'SSH-2.0-OpenSSH_8.4p1 Debian-5+deb11u3\r\n' },
      { from: 'client', data: 'SSH-2.0-libssh2_1.9.0\r\n' },
    ],
  }));

export const scan: readonly Rule[] = [
  {
    ...shared,
    sid: 9_000_500,
    rev: 1,
    name: 'ICMP Host Sweep',
    on: 'icmp any any -> any any',
    description: 'One host pinged more than fifteen different hosts within ten seconds, to find out which exist.',
    match: [
      'itype:8',
      'xbits:isnotset,pinged,track ip_pair',
      'xbits:set,pinged,track ip_pair,expire 10',
      'threshold:type both, track by_src, count 15, seconds 10',
    ],
    attacks: [
      { kind: 'ping', label: 'thirty hosts', hosts: 30, every: 20 },
      { kind: 'ping', label: 'thirty hosts, slower, without data', hosts: 30, every: 250, size: 0 },
    ],
    benign: [
      { kind: 'ping', label: 'five hosts', hosts: 5, every: 20 },
      { kind: 'ping', label: 'many hosts over minutes', hosts: 30, every: 4000 },
    ],
  },
  {
    ...shared,
    sid: 9_000_501,
    rev: 1,
    name: 'TCP Port Scan',
    severity: 'LOW',
    on: 'tcp any any -> any any',
    description:
      'One host was refused on more than thirty ports of another within ten seconds, as when somebody looks for open ones.',
    match: ['flags:RA,12', 'seq:0', 'threshold:type both, track by_both, count 30, seconds 10'],
    attacks: [
      { kind: 'connect', label: 'forty-five ports', hosts: 1, ports, every: 10, answer: 'reset' },
      { kind: 'connect', label: 'forty-five ports in nine seconds', hosts: 1, ports, every: 200, answer: 'reset' },
    ],
    benign: [
      {
        kind: 'connect',
        label: 'a service that is down',
        hosts: 1,
        ports: Array.from({ length: 15 }, () => 5432),
        every: 500,
        answer: 'reset',
      },
      {
        kind: 'connect',
        label: 'many connections that are accepted',
        hosts: 1,
        ports: Array.from({ length: 45 }, () => 80),
        every: 10,
        answer: 'accept',
      },
    ],
  },
  {
    ...shared,
    sid: 9_000_502,
    rev: 1,
    name: 'TCP Host Sweep',
    severity: 'LOW',
    on: 'tcp any any -> any any',
    description:
      'One host tried to connect to more than twenty-five different hosts within twenty seconds, as worms and scanners do.',
    match: [
      'flags:S,12',
      'flow:to_server',
      'xbits:isnotset,called,track ip_pair',
      'xbits:set,called,track ip_pair,expire 20',
      'threshold:type both, track by_src, count 25, seconds 20',
    ],
    attacks: [
      {
        kind: 'connect',
        label: 'forty hosts that do not answer',
        hosts: 40,
        ports: [445],
        every: 50,
        answer: 'nothing',
      },
      { kind: 'connect', label: 'forty hosts that refuse', hosts: 40, ports: [22], every: 50, answer: 'reset' },
    ],
    benign: [
      {
        kind: 'connect',
        label: 'a cluster of ten',
        hosts: 10,
        ports: [7000, 7001, 7002, 7003],
        every: 20,
        answer: 'accept',
      },
    ],
  },
  {
    ...shared,
    sid: 9_000_503,
    rev: 1,
    name: 'SSH Brute Force Login Attempt',
    category: 'brute-force',
    severity: 'MEDIUM',
    on: 'tcp any any -> any any',
    description:
      'One client opened more than twenty SSH sessions to one server within a minute, as tools do that guess passwords.',
    match: [
      'flow:established,to_server',
      'content:"SSH-2.0-"; startswith; fast_pattern',
      'threshold:type both, track by_both, count 20, seconds 60',
    ],
    attacks: [{ kind: 'series', label: 'twenty-five sessions', every: 500, parts: logins(25) }],
    benign: [{ kind: 'series', label: 'eight sessions', every: 500, parts: logins(8) }],
  },
];
