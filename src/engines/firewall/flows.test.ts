import { expect, test } from 'vitest';
import { cutLines, isWholeListing, parseFlows } from './flows.ts';

const line = (port: number, mark: number): string =>
  `ipv4     2 tcp      6 431999 ESTABLISHED src=198.51.100.1 dst=203.0.113.5 sport=${port} dport=8080 src=10.0.1.1 dst=198.51.100.1 sport=80 dport=${port} [ASSURED] mark=${mark} use=1`;

test('a translated connection is judged by where it goes, and named by how it came', () => {
  expect(parseFlows(line(5000, 7))).toEqual([
    {
      packet: { source: '198.51.100.1', destination: '10.0.1.1', protocol: 6, port: 80, translated: true },
      mark: 7,
      ends: { source: '198.51.100.1', destination: '203.0.113.5', port: 8080 },
      selector: '-p 6 --orig-src 198.51.100.1 --orig-dst 203.0.113.5 --orig-port-src 5000 --orig-port-dst 8080'.split(
        ' ',
      ),
    },
  ]);
});

test('a ping is named by its id, other families and torn lines are passed over', () => {
  const ping =
    'ipv4 2 icmp 1 29 src=10.0.1.1 dst=10.0.1.2 type=8 code=0 id=77 src=10.0.1.2 dst=10.0.1.1 type=0 code=0 id=77 mark=0 use=1';
  const flows = parseFlows(`ipv6 10 tcp 6 1 src=::1 dst=::1\n${ping}\nipv4 2 tcp 6 src=\n`);
  expect(flows.map((it) => it.selector.join(' '))).toEqual([
    '-p 1 --orig-src 10.0.1.1 --orig-dst 10.0.1.2 --icmp-id 77',
  ]);
});

test('many connections of one rule are cut by its number, but only if none of them may stay', () => {
  const flows = parseFlows(Array.from({ length: 60 }, (_, index) => line(5000 + index, 9)).join('\n'));
  expect(cutLines(flows, flows)).toEqual(['-D -f ipv4 -m 9\n']);
  expect(cutLines(flows.slice(1), flows)).toHaveLength(59);
  const unmarked = flows.map((it) => ({ ...it, mark: 0 }));
  expect(cutLines(unmarked, unmarked)).toEqual(['-D -f ipv4 -m 0 -s 198.51.100.1/32\n']);
});

test('of many connections, those of forbidden prefixes are cut by prefixes that hold none that may stay', () => {
  const flow = (source: string, index: number) => line(5000 + index, 9).replace('src=198.51.100.1', `src=${source}`);
  const forbidden = Array.from({ length: 200 }, (_, index) => flow(`20.1.${index >> 4}.${index & 15}`, index));
  const fine = Array.from({ length: 200 }, (_, index) => flow(`20.0.${index >> 4}.${index & 15}`, index));
  const both = [flow('20.0.0.200', 1), flow('20.0.0.200', 2)];
  const [gone, kept] = [parseFlows([...forbidden, both[0]].join('\n')), parseFlows([...fine, both[1]].join('\n'))];
  const lines = cutLines(gone, [...gone, ...kept]);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toBe('-D -f ipv4 -m 9 -s 20.1.0.0/20\n');
  expect(lines[1]).toContain('--orig-src 20.0.0.200');
});

test('a listing is whole when as many flows were written as conntrack says there are', () => {
  const stderr = 'conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.\n';
  const one = 'ipv4     2 icmp     1 29 src=10.0.1.1 dst=10.0.1.2\n';
  expect(isWholeListing({ stdout: one, stderr })).toBe(false);
  expect(isWholeListing({ stdout: one + one.slice(0, 20), stderr })).toBe(false);
  expect(isWholeListing({ stdout: one + one, stderr: '' })).toBe(false);
  expect(isWholeListing({ stdout: one + one, stderr })).toBe(true);

  expect(isWholeListing({ stdout: '', stderr: stderr.replace(': 2', ': 0') })).toBe(true);
});
