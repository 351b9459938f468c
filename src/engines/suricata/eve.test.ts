import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type EveAlert, type EveFlow, microseconds, parseEve } from './eve.ts';

// Lines as Suricata 7.0.10 wrote them.
const download =
  '{"timestamp":"2023-11-14T22:13:20.008000+0000","flow_id":4296575057626,"in_iface":"mir-all","event_type":"alert","src_ip":"192.168.10.20","src_port":80,"dest_ip":"192.168.10.10","dest_port":59182,"proto":"TCP","pkt_src":"wire/pcap","community_id":"1:FJAx+Rk/MDijLluQm+v+xgaCZUs=","tx_id":0,"alert":{"action":"allowed","gid":1,"signature_id":9100004,"rev":1,"signature":"EICAR antivirus test file in HTTP download","category":"Medium severity threat","severity":3,"metadata":{"category":["malware"]}},"http":{"hostname":"192.168.10.20","url":"/eicar.file","http_user_agent":"curl/7.74.0","http_content_type":"text/plain","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":68},"files":[{"filename":"/eicar.file","gaps":false,"state":"CLOSED","stored":false,"size":68,"tx_id":0}],"app_proto":"http","direction":"to_client","flow":{"pkts_toserver":5,"pkts_toclient":3,"bytes_toserver":361,"bytes_toclient":299,"start":"2023-11-14T22:13:20.001000+0000","src_ip":"192.168.10.10","dest_ip":"192.168.10.20","src_port":59182,"dest_port":80},"payload":"WDVP","payload_printable":"X5O","stream":1,"packet":"QgHA","packet_info":{"linktype":1}}';
const ping =
  '{"timestamp":"2023-11-14T22:13:20.051000+0000","flow_id":133146293841350,"event_type":"alert","src_ip":"192.168.10.10","dest_ip":"192.168.10.20","proto":"ICMP","icmp_type":8,"icmp_code":0,"alert":{"action":"allowed","gid":1,"signature_id":9100006,"rev":1,"signature":"ICMP echo sweep","category":"Informational","severity":5},"direction":"to_server"}';
const query =
  '{"timestamp":"2023-11-14T22:13:20.056000+0000","flow_id":240520572074969,"event_type":"alert","src_ip":"192.168.10.10","src_port":4000,"dest_ip":"192.168.10.20","dest_port":53,"proto":"UDP","tx_id":0,"alert":{"action":"allowed","gid":1,"signature_id":9100009,"rev":1,"signature":"dns evil","category":"","severity":3},"dns":{"version":2,"query":[{"type":"query","id":1,"rrname":"evil.com","rrtype":"A","tx_id":0,"opcode":0}]},"app_proto":"dns","direction":"to_server"}';
const flow =
  '{"timestamp":"2023-11-14T22:13:20.001000+0000","flow_id":42952001385700,"event_type":"flow","src_ip":"192.168.10.10","src_port":59186,"dest_ip":"192.168.10.20","dest_port":80,"proto":"TCP","app_proto":"http","flow":{"pkts_toserver":8,"pkts_toclient":4,"bytes_toserver":613,"bytes_toclient":310,"start":"2023-11-14T22:13:20.010000+0000","end":"2023-11-14T22:13:20.021000+0000","age":0,"state":"closed","reason":"shutdown","alerted":true},"community_id":"1:8Fu+us5mU4JPkx00ol/p/8cbELw="}';

describe('an EVE line', () => {
  test('with an alert on an answer names the side that opened the session as client', () => {
    expect(parseEve(download)).toEqual({
      kind: 'alert',
      at: 1_700_000_000_008_000,
      client: { address: '192.168.10.10', port: 59182 },
      server: { address: '192.168.10.20', port: 80 },
      protocol: 'tcp',
      application: 'http',
      flowId: '4296575057626',
      communityId: '1:FJAx+Rk/MDijLluQm+v+xgaCZUs=',
      interface: 'mir-all',
      signatureId: 9100004,
      signature: 'EICAR antivirus test file in HTTP download',
      category: 'Medium severity threat',
      priority: 3,
      action: 'allowed',
      direction: 'server-to-client',
      transaction: 0,
      http: {
        method: 'GET',
        host: '192.168.10.20',
        url: '/eicar.file',
        protocol: 'HTTP/1.1',
        userAgent: 'curl/7.74.0',
        status: 200,
      },
      fileName: '/eicar.file',
      payload: 'WDVP',
      packet: 'QgHA',
    });
  });

  test('without the flow record tells the client by the direction', () => {
    const { flow: _, ...document } = JSON.parse(download);
    const alert = parseEve(JSON.stringify(document)) as EveAlert;
    expect([alert.client.port, alert.server.port]).toEqual([59182, 80]);
  });

  test('with an alert of a protocol without ports has ports 0', () => {
    const alert = parseEve(ping) as EveAlert;
    expect([alert.protocol, alert.client, alert.server.port]).toEqual([
      'icmp',
      { address: '192.168.10.10', port: 0 },
      0,
    ]);
  });

  test('with a DNS alert tells the name that was asked for', () => {
    expect((parseEve(query) as EveAlert).serverName).toBe('evil.com');
  });

  test('with a flow gives its times and volumes, unless flows are not wanted', () => {
    const it = parseEve(flow) as EveFlow;
    expect([it.start, it.end - it.start, it.bytesToServer, it.packetsToClient, it.alerted]).toEqual([
      1_700_000_000_010_000,
      11_000,
      613,
      4,
      true,
    ]);
    expect(parseEve(flow, { flows: false })).toEqual({ kind: 'other' });
  });

  test('of another type is told apart', () => {
    expect(parseEve('{"event_type":"stats","stats":{}}')).toEqual({ kind: 'stats' });
    expect(parseEve('{"event_type":"dns"}')).toEqual({ kind: 'other' });
    expect(parseEve('{ "event_type": "stats" }')).toEqual({ kind: 'stats' });
  });

  test('cannot be made to look like another type by what an attacker sends', () => {
    const document = JSON.parse(flow);
    const hidden = { timestamp: document.timestamp, note: '","event_type":"alert","x":"', ...document };
    expect(parseEve(JSON.stringify(hidden)).kind).toBe('flow');
  });

  test.each([
    ['', 'cut off'],
    [download.slice(0, 700), 'cut off'],
    ['{}', 'no event_type'],
    ['[1]}', 'not a JSON object'],
    ['{"event_type":"alert",}', 'not a JSON object'],
    ['{"event_type":"alert"}', 'an alert without signature_id'],
    ['{"event_type":"alert","alert":{"signature_id":1}}', 'an alert without timestamp'],
    ['{"event_type":"alert","alert":{"signature_id":1},"timestamp":"yesterday"}', 'an alert without timestamp'],
    ['{"event_type":"flow"}', 'a flow without its times'],
    ['\0\0\0', 'cut off'],
  ])('%j is malformed: %s', (line, reason) => {
    expect(parseEve(line)).toEqual({ kind: 'malformed', reason });
  });

  test('never throws, whatever the line and whatever the types of its fields', () => {
    const names = Object.keys(JSON.parse(download));
    fc.assert(
      fc.property(fc.string(), (line) => {
        expect(parseEve(line).kind).toBeTypeOf('string');
      }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(download, flow, query),
        fc.constantFrom(...names),
        fc.jsonValue(),
        (line, key, value) => {
          const changed = { ...JSON.parse(line), [key]: value };
          expect(parseEve(JSON.stringify(changed)).kind).toBeTypeOf('string');
        },
      ),
    );
    fc.assert(
      fc.property(fc.nat(download.length), (size) => {
        expect(parseEve(download.slice(0, size)).kind).toBe(size === download.length ? 'alert' : 'malformed');
      }),
    );
  });
});

test('times keep their microseconds and lose their time zone', () => {
  expect(microseconds('2023-11-14T22:13:20.027001+0000')).toBe(1_700_000_000_027_001);
  expect(microseconds('2023-11-14T23:43:20.027001+0130')).toBe(1_700_000_000_027_001);
  expect(microseconds('2023-11-14T22:13:20Z')).toBe(1_700_000_000_000_000);
  expect(microseconds('2023-11-14T22:13:20.027001+')).toBeUndefined();
  expect(microseconds('9023-11-14T22:13:20.027001+0000')).toBeUndefined();
  expect(microseconds(5)).toBeUndefined();
});

test('what a load balancer said about a request comes along; variables of other rules do not', () => {
  const line = (metadata: unknown): string =>
    JSON.stringify({
      timestamp: '2023-11-14T22:13:20.006000+0000',
      event_type: 'alert',
      metadata,
      ...{ src_ip: '130.211.0.1', src_port: 4000, dest_ip: '10.0.0.5', dest_port: 80, proto: 'TCP' },
      alert: { signature_id: 1, signature: 'x' },
    });
  const proxied = (metadata: unknown) => {
    const event = parseEve(line(metadata));
    return event.kind === 'alert' ? event.proxied : event.kind;
  };
  const variables = [
    { other: 'x' },
    { vauban_client: '198.51.100.7' },
    { vauban_request: 'r' },
    { vauban_person: 'p' },
  ];
  expect(proxied({ flowvars: variables })).toEqual({ client: '198.51.100.7', request: 'r', person: 'p' });
  expect(proxied({ flowvars: variables.slice(0, 2) })).toEqual({ client: '198.51.100.7' });
  for (const odd of [undefined, {}, { flowvars: [] }, { flowvars: [null, 7, []] }, { flowvars: 'x' }, [], 'x'])
    expect(proxied(odd)).toBeUndefined();
});
