import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NetworkObjectSpec } from '#kinds/network-object/spec.ts';
import { RouterObjectSpec } from '#kinds/router-object/spec.ts';
import { ScheduleSpec } from '#kinds/schedule/spec.ts';
import { ServiceObjectSpec } from '#kinds/service-object/spec.ts';
import { canonical } from '#lib/hash.ts';
import { readObjects } from './read.ts';
import { type Exported, writeObjects } from './write.ts';

const read = (...lines: readonly string[]) => readObjects(lines.join('\n'), 'base.csv');
const schemas = {
  networkObject: NetworkObjectSpec,
  serviceObject: ServiceObjectSpec,
  routerObject: RouterObjectSpec,
  schedule: ScheduleSpec,
};
const specs = (reading: ReturnType<typeof read>) =>
  Object.fromEntries(reading.objects.map((it) => [`${it.kind} ${it.name}`, it.spec]));

describe('an objects database of a Stormshield firewall', () => {
  test('becomes objects, services and groups, with names as they are here', () => {
    const reading = read(
      '#type,#name,#ip,#ipv6,#resolve,#mac,#comment',
      'host,AD_Server,192.168.65.12,,static,,"The ""main"" one, upstairs"',
      'range,dhcp_range,10.0.0.10,10.0.0.100,,,""',
      'network,rfc5735_private_2,172.16.0.0,255.240.0.0,12,,,""',
      'service,WEBMAIL,tcp,808,,"PORT WEBMAIL"',
      'service,voice,udp,5000,5100,""',
      'service,domain,any,5353,,""',
      'protocol,gre,47,""',
      'group,Réseaux,"AD_Server,rfc5735_private_2,Internet","all"',
      'servicegroup,mail,"WEBMAIL,https",""',
    );
    expect(reading.problems).toEqual([]);
    expect(reading.notes).toEqual([]);
    expect(specs(reading)).toEqual({
      'networkObject ad-server': { host: '192.168.65.12', description: 'The "main" one, upstairs' },
      'networkObject dhcp-range': { range: '10.0.0.10-10.0.0.100', description: '' },
      'networkObject rfc5735-private-2': { network: '172.16.0.0/12', description: '' },
      'serviceObject webmail': { match: ['tcp:808'], description: 'PORT WEBMAIL' },
      'serviceObject voice': { match: ['udp:5000-5100'], description: '' },
      'serviceObject domain': { match: ['tcp:5353', 'udp:5353'], description: '' },
      'serviceObject gre': { match: ['47'], description: '' },
      'networkObject reseaux': { group: ['ad-server', 'rfc5735-private-2', 'internet'], description: 'all' },
      'serviceObject mail': { group: ['webmail', 'https'], description: '' },
    });
    expect(reading.renamed).toContainEqual({ kind: 'networkObject', from: 'AD_Server', to: 'ad-server' });
    expect(reading.objects[0]?.place).toBe('base.csv:2');
  });

  test('is read by the line above its rows when that names other fields', () => {
    const reading = read(
      '#type,#name,#begin,#end,#beginv6,#endv6,#beginmac,#endmac,#comment',
      'range,pool,10.0.0.1,10.0.0.9,,,,,"of hosts"',
    );
    expect(specs(reading)).toEqual({ 'networkObject pool': { range: '10.0.0.1-10.0.0.9', description: 'of hosts' } });
  });

  test('loses nothing without a note: IPv6, names in DNS, routers and what stood in groups', () => {
    const reading = read(
      'group,everything,"v6,www.free.fr,both",""',
      'network,v6,,,,2001:db8::,32,""',
      'fqdn,www.free.fr,212.27.48.10,,""',
      'host,both,8.8.8.8,2001:4860:4860::8888,dynamic,,""',
      'time,feasts,,,01:01;05:01,,,""',
      'service,http,tcp,80,,""',
      'host,Internet,1.2.3.4,,static,,""',
    );
    expect(reading.problems).toEqual([]);
    expect(reading.notes.map((it) => `${it.place} ${it.name}: ${it.text}`)).toMatchInlineSnapshot(`
      [
        "base.csv:1 everything: without v6, which is left out",
        "base.csv:1 everything: without www.free.fr, which is left out",
        "base.csv:2 v6: left out: it has no IPv4 address, and policies know no other",
        "base.csv:3 www.free.fr: left out: policies know no objects that are looked up by DNS",
        "base.csv:4 both: its IPv6 address is left out",
        "base.csv:4 both: it stands for 8.8.8.8 and follows no DNS name",
        "base.csv:5 feasts: left out: schedules know days of the week, and no days of the year",
        "base.csv:6 http: it is built in here",
        "base.csv:7 Internet: it is built in here",
      ]
    `);
    expect(specs(reading)).toEqual({
      'networkObject everything': { group: ['both'], description: '' },
      'networkObject both': { host: '8.8.8.8', description: '' },
    });
  });

  test('brings routers and times, which its manual has no rows for, with the words of its commands', () => {
    const reading = read(
      'router,out,"192.0.2.1*3>8.8.8.8+9.9.9.9,198.51.100.1",10.7.0.1,tcp_probe,443,3,2,15,0,connhash,on,block,"both"',
      'time,work,08:00-12:00;14:00-19:00,1;3;5-7,,,Europe/Paris,"hours"',
      'router,odd,router-1,,,,,,,,,,,""',
      'time,never,8-12,,,,,""',
    );
    expect(reading.problems.map((it) => `${it.at}: ${it.message}`)).toEqual([
      'base.csv:3 router odd: router-1 is not a router',
      'base.csv:4 time never: its hours or days cannot be read',
    ]);
    const days = ['MONDAY', 'WEDNESDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'];
    expect(specs(reading)).toEqual({
      'routerObject out': {
        gateways: [
          { address: '192.0.2.1', weight: 3, targets: ['8.8.8.8', '9.9.9.9'] },
          { address: '198.51.100.1', weight: 1, targets: [] },
        ],
        backups: [{ address: '10.7.0.1', weight: 1, targets: [] }],
        loadBalancing: 'connections',
        fewest: 2,
        failBack: true,
        probe: { method: 'tcp', port: 443, intervalSeconds: 15, timeoutSeconds: 2, tries: 3 },
        whenNoneAnswers: 'drop',
        description: 'both',
      },
      'schedule work': {
        times: [
          { days, from: '08:00', until: '12:00', timeZone: 'Europe/Paris' },
          { days, from: '14:00', until: '19:00', timeZone: 'Europe/Paris' },
        ],
        description: 'hours',
      },
    });
  });

  test('with mistakes names all of them, each with its line', () => {
    const reading = read(
      'host,Web_1,10.0.0.1,,static,,""',
      'host,web-1,10.0.0.2,,static,,"over',
      'two lines"',
      'network,odd,10.0.0.1,255.255.255.0,24,,,""',
      'service,x,quic,443,,""',
      'host,___,10.0.0.3,,,,""',
      'hots,y,10.0.0.3',
    );
    expect(reading.problems.map((it) => `${it.at}: ${it.message}`)).toMatchInlineSnapshot(`
      [
        "base.csv:2 host web-1: web-1 becomes web-1, and so does Web_1 of line 1",
        "base.csv:4 network odd: 10.0.0.1 with mask 255.255.255.0 is not a network",
        "base.csv:5 service x: quic is not a protocol with ports",
        "base.csv:6 host ___: "___" gives no name",
        "base.csv:7 hots y: there is no row of type hots",
      ]
    `);
  });
});

describe('what is exported', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 30 });
  const name = fc.stringMatching(/^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$/).filter((it) => it !== 'any' && it !== 'internet');
  const port = fc.integer({ min: 0, max: 65_535 });
  const network = fc.oneof(
    fc.record({ host: fc.ipV4(), description: text }),
    fc.record({ network: fc.constantFrom('0.0.0.0/0', '10.0.0.0/8', '192.168.1.128/25'), description: text }),
    fc.record({ range: fc.constant('10.0.0.1-10.0.0.7'), description: text }),
    fc.record({ group: fc.uniqueArray(name, { maxLength: 4 }), description: text }),
  );
  const service = fc.oneof(
    fc.record({ match: port.map((it) => [`tcp:${it}`]), description: text }),
    fc.record({ match: port.map((it) => [`tcp:${it}`, `udp:${it}`]), description: text }),
    fc.record({ match: fc.constantFrom(['icmp'], ['47'], ['1'], ['all'], ['udp:1-9', 'icmp']), description: text }),
    fc.record({ group: fc.uniqueArray(name, { maxLength: 4 }), description: text }),
  );
  const gateway = fc.record({
    address: fc.ipV4(),
    weight: fc.integer({ min: 1, max: 256 }),
    targets: fc.array(fc.ipV4(), { maxLength: 2 }),
  });
  const router = fc.record(
    {
      gateways: fc.array(gateway, { minLength: 1, maxLength: 3 }),
      backups: fc.array(gateway, { maxLength: 2 }),
      loadBalancing: fc.constantFrom('none', 'connections', 'sources'),
      fewest: fc.integer({ min: 1, max: 16 }),
      failBack: fc.boolean(),
      probe: fc.record({ method: fc.constantFrom('icmp', 'tcp'), port: fc.integer({ min: 1, max: 65_535 }) }),
      whenNoneAnswers: fc.constantFrom('defaultRoute', 'drop'),
      description: text,
    },
    { requiredKeys: ['gateways', 'description'] },
  );
  const days = fc.uniqueArray(fc.constantFrom('MONDAY', 'THURSDAY', 'SUNDAY'), { maxLength: 3 });
  const times = fc.record({
    days,
    from: fc.constantFrom('00:00', '08:30'),
    until: fc.constantFrom('24:00', '06:00'),
    timeZone: fc.constantFrom('UTC', 'Europe/Paris'),
  });
  const schedule = fc.record({ times: fc.array(times, { minLength: 1, maxLength: 2 }), description: text });
  const ours = fc
    .tuple(fc.dictionary(name, router, { maxKeys: 3 }), fc.dictionary(name, schedule, { maxKeys: 3 }))
    .map(([routers, schedules]): Exported[] => [
      ...Object.entries(routers).map(([name, spec]) => ({ kind: 'routerObject' as const, name, spec })),
      ...Object.entries(schedules).map(([name, spec]) => ({ kind: 'schedule' as const, name, spec })),
    ]);
  const objects = fc
    .tuple(fc.dictionary(name, network, { maxKeys: 8 }), fc.dictionary(name, service, { maxKeys: 8 }), ours)
    .map(([networks, services, others]): Exported[] => [
      ...others,
      ...Object.entries(networks).map(([name, spec]) => ({ kind: 'networkObject' as const, name, spec })),
      ...Object.entries(services).map(([name, spec]) => ({ kind: 'serviceObject' as const, name, spec })),
    ]);

  test('comes back as it was, and what cannot is named', () => {
    fc.assert(
      fc.property(objects, (all) => {
        const parsed = all.map((it) => ({
          ...it,
          spec: schemas[it.kind].parse(it.spec),
        }));
        const { text, leftOut } = writeObjects(parsed);
        const back = readObjects(text, 'x');
        expect(back.problems).toEqual([]);
        const before = new Map(parsed.map((it) => [`${it.kind} ${it.name}`, canonical(it.spec)]));
        for (const it of back.objects) expect(canonical(it.spec)).toBe(before.get(`${it.kind} ${it.name}`));
        expect(back.objects.length + leftOut.length).toBe(parsed.length);
      }),
    );
  });

  test('is no formula to a spreadsheet', () => {
    const comments = ['=1+1', '+1', '-1', '@SUM(A1)', "'=1", "it's"];
    const { text, leftOut } = writeObjects(
      comments.map((description, index) => ({
        kind: 'networkObject',
        name: `h${index}`,
        spec: { host: '10.0.0.1', description },
      })),
    );
    expect(leftOut).toEqual([]);
    expect(text).not.toMatch(/(^|,)"?[=+\-@]/m);
    expect(readObjects(text, 'x').objects.map((it) => it.spec['description'])).toEqual(comments);
  });
});
