import { expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import type { DnsmasqInput } from '#engines/dnsmasq/input.ts';
import { judgeOf } from '#engines/filter/evaluate.ts';
import { FilterInput } from '#engines/filter/input.ts';
import { admit } from './admit.ts';
import { compile } from './compile.ts';
import { parseSite } from './site.ts';

/** A gateway whose rule for the way out has a URL profile with these options. */
const site = (profile: string, rule = ''): string => `
project: lab
segments:
  outside: { range: 147.135.161.152/29 }
  inside: { range: 10.200.0.0/16, routerAddress: 10.200.0.1, dns: { upstream: [192.0.2.1] } }
  guests: { range: 10.201.0.0/16 }
gateways:
  edge:
    interfaces:
      - { name: ext, segment: outside, address: 147.135.161.153, external: true }
      - { name: lan, segment: inside, address: 10.200.0.1 }
    filterPolicy: office
networkObjects:
  google: { network: 8.8.8.0/24 }
serviceObjects:
  chat: { match: [tcp:853] }
urlProfiles: { staff: { ${profile} } }
filterPolicies:
  office:
    rules:
      - { name: lan-out, action: pass, source: [network-lan], urlProfile: staff${rule} }
      - { name: other-udp, action: pass, services: [quic, dns-over-tls] }
`;

function compiled(text: string) {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  const { snapshot, problems } = admit(declared, emptySnapshot, unread);
  expect(problems).toEqual([]);
  const all = compile(snapshot);
  const of = (id: string): unknown => all.find((it) => it.id === id)?.input;
  const filter = FilterInput.parse(of('filter/gw.lab.edge'));
  const judge = judgeOf(filter);
  return {
    filter,
    dns: (name: string) => of(`dnsmasq/seg.lab.${name}`) as DnsmasqInput,
    /** What decides about somebody inside who begins a connection. */
    decides(protocol: 'tcp' | 'udp', port: number, destination = '198.51.100.7'): string {
      const packet = { in: 'lan', out: 'ext', source: '10.200.0.9', destination, port };
      const rule = judge({ ...packet, protocol: protocol === 'tcp' ? 6 : 17 });
      return `${rule?.action} ${rule?.id.split('/').slice(3).join('/')}`;
    },
  };
}

test('without a word, what nobody could judge is refused at once and logged under the rule and the option', () => {
  const { decides, filter } = compiled(site(''));
  expect(decides('udp', 443)).toBe('reset lan-out/quic');
  expect(decides('tcp', 853)).toBe('reset lan-out/dot');
  expect(decides('udp', 853)).toBe('reset lan-out/dot');
  for (const port of [80, 443, 853 + 1]) expect(decides('tcp', port)).toBe('pass lan-out');
  expect(decides('udp', 53)).toBe('pass lan-out');
  expect(filter.rules.map((it) => [it.id.split('/').slice(3).join('/'), it.log])).toEqual([
    ['lan-out/quic', 'connections'],
    ['lan-out/dot', 'connections'],
    ['lan-out', 'none'],
    ['other-udp', 'none'],
  ]);
});

test('what an option allows passes by the rule; resolvers are then stopped on UDP, too, as far as the rule leads to them', () => {
  const open = compiled(site('quic: allow, dnsOverTls: allow'));
  expect(open.decides('tcp', 853)).toBe('pass lan-out');
  expect(open.decides('udp', 443)).toBe('pass lan-out');
  expect(open.decides('udp', 443, '1.1.1.1')).toBe('reset lan-out/doh');
  const few = compiled(site('quic: allow', ', destination: [google]'));
  expect(few.decides('udp', 443, '8.8.8.8')).toBe('reset lan-out/doh');
  expect(few.decides('udp', 443, '1.1.1.1')).toBe('pass other-udp');
  const other = compiled(site('quic: allow', ', destination: [google], destinationNot: true'));
  expect(other.decides('udp', 443, '8.8.8.8')).toBe('pass other-udp');
  expect(other.decides('udp', 443, '1.1.1.1')).toBe('reset lan-out/doh');
});

test('what the rule would not let pass anyway is left to the rules behind it', () => {
  const web = compiled(site('', ', services: [web]'));
  expect(web.decides('udp', 443)).toBe('pass other-udp');
  expect(web.decides('tcp', 853)).toBe('pass other-udp');
  const chat = compiled(site('', ', services: [web, chat]'));
  expect(chat.decides('tcp', 853)).toBe('reset lan-out/dot');
  expect(chat.decides('udp', 853)).toBe('pass other-udp');
  const off = compiled(site('', ', enabled: false'));
  expect(off.decides('udp', 443)).toBe('pass other-udp');
});

test('resolvers of segments behind the gateway withhold what leads past the filter; others do not', () => {
  const { dns } = compiled(site(''));
  expect(dns('inside').withheld).toEqual({ names: ['use-application-dns.net'], types: ['HTTPS', 'SVCB'] });
  for (const it of ['outside', 'guests']) expect(dns(it)).not.toHaveProperty('withheld');
  const strip = compiled(site('dnsOverHttps: allow, encryptedClientHello: strip')).dns('inside');
  expect(strip.withheld).toEqual({ names: [], types: ['HTTPS', 'SVCB'] });
  const none = compiled(site('dnsOverHttps: allow, encryptedClientHello: allow')).dns('inside');
  expect(none).not.toHaveProperty('withheld');
});
