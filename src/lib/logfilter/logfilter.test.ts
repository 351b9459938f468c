import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyEntry, anyFilter } from './arbitrary.ts';
import type { Filter } from './ast.ts';
import { evaluate } from './evaluate.ts';
import { extract, meets } from './extract.ts';
import { formatFilter } from './format.ts';
import { parseFilter } from './parser.ts';

function parse(text: string): Filter {
  const parsed = parseFilter(text);
  if ('mistake' in parsed) {
    const { line, column, message, fix } = parsed.mistake;
    throw new Error(`${text}\n${line}:${column} ${message}. ${fix}`);
  }
  return parsed.filter;
}

const threat = {
  insertId: '619773b7-1@a1',
  logName: 'projects/lab/logs/ids.googleapis.com%2Fthreat',
  resource: {
    type: 'ids.googleapis.com/Endpoint',
    labels: { resource_container: 'projects/7', location: 'us-east1-b', id: 'cloud-ids-east1' },
  },
  timestamp: '2024-05-27T22:42:30Z',
  receiveTimestamp: '2024-05-27T22:42:33.114329769Z',
  jsonPayload: {
    name: 'Bash Remote Code Execution Vulnerability',
    threat_id: '36729',
    alert_severity: 'CRITICAL',
    source_ip_address: '192.168.10.10',
    destination_port: '80',
    application: 'web-browsing',
    cves: ['CVE-2014-6271', 'CVE-2014-7169'],
    'end-user': { name: 'Ada' },
    count: 3,
    ratio: 0.5,
    seen: true,
    nothing: null,
    hops: [{ host: 'a' }, { host: 'b' }],
  },
  labels: { 'compute.googleapis.com/resource_name': 'server' },
};

const asked = (text: string, entry: object = threat): boolean => evaluate(parse(text), entry);

describe('a query finds the threat', () => {
  test.each([
    [''],
    ['  -- nothing but a comment'],
    ['logName="projects/lab/logs/ids.googleapis.com%2Fthreat"'],
    ['logName="projects/lab/logs/ids.googleapis.com/threat"'],
    ['logName:"ids.googleapis.com/threat"'],
    ['logName:"threat"'],
    ['logName=~"googleapis.com/threat$"'],
    ['log_id("ids.googleapis.com/threat")'],
    ['log_id("ids.googleapis.com%2Fthreat")'],
    ['source(projects/lab)'],
    ['resource.type="ids.googleapis.com/Endpoint"'],
    ['resource.type=ids.googleapis.com/endpoint'],
    ['resource.labels.id="cloud-ids-east1" AND jsonPayload.alert_severity=("HIGH" OR "CRITICAL")'],
    ['jsonPayload.alert_severity=("HIGH"\n  OR "CRITICAL")\n-- and\njsonPayload.name:bash'],
    ['jsonPayload.alert_severity!=HIGH'],
    ['NOT jsonPayload.alert_severity=HIGH'],
    ['-jsonPayload.alert_severity=HIGH'],
    ['-(jsonPayload.alert_severity=HIGH OR "no such text")'],
    ['"remote code execution"'],
    ['bash web-browsing'],
    ['36729'],
    ['cve-2014-7169'],
    ['jsonPayload.cves="CVE-2014-7169"'],
    ['jsonPayload.cves:6271'],
    ['jsonPayload.cves=~"7169$"'],
    ['jsonPayload.name=~"^Bash.*Vuln"'],
    ['jsonPayload.name!~"^Wget"'],
    ['jsonPayload.name=~("Wget" OR "(?i)BASH")'],
    ['jsonPayload.name:("bash" AND NOT "wget")'],
    ['jsonPayload.destination_port=80'],
    ['jsonPayload.count=3'],
    ['jsonPayload.count>="2.5"'],
    ['jsonPayload.count<1e3'],
    ['jsonPayload.ratio>-1'],
    ['jsonPayload.seen=TRUE'],
    ['jsonPayload.nothing=NULL_VALUE'],
    ['jsonPayload.count!=NULL_VALUE'],
    ['jsonPayload.hops.host=b'],
    ['jsonPayload."end-user".name=ada'],
    ['jsonPayload.end-user.name=ada'],
    ['jsonPayload:Ada'],
    ['jsonPayload:threat_id'],
    ['jsonPayload.nothing:*'],
    ['NOT jsonPayload.missing:*'],
    ['NOT jsonPayload.missing=x'],
    ['labels."compute.googleapis.com/resource_name"=server'],
    ['labels.compute.googleapis.com/resource_name=server'],
    ['timestamp>="2024-05-27T22:42:30Z" timestamp<"2024-05-27T22:42:30.000000001Z"'],
    ['timestamp="2024-05-28T00:42:30+02:00"'],
    ['timestamp>2024-05-27'],
    ['receive_timestamp>"2024-05-27T22:42:33.114329768Z"'],
    ['severity=DEFAULT'],
    ['severity<debug'],
    ['trace=""'],
    ['httpRequest.status<1'],
    ['NOT trace:*'],
    ['ip_in_net(jsonPayload.source_ip_address, "192.168.0.0/16")'],
    ['NOT ip_in_net(jsonPayload.source_ip_address, "10.0.0.0/8")'],
    ['NOT ip_in_net(jsonPayload.name, "::/0")'],
    ['sample(insertId, 1)'],
    ['NOT sample(insertId, 0)'],
    ['SEARCH("remote bash")'],
    ['SEARCH(jsonPayload.name, "`code execution`")'],
    ['NOT SEARCH(jsonPayload.name, "`execution code`")'],
    ['NOT SEARCH("remot")'],
    ['"a" OR NOT "b" AND NOT "no such text" OR "d"'],
  ])('%s', (text) => {
    expect(asked(text)).toBe(true);
  });
});

describe('a query passes the threat over', () => {
  test.each([
    ['jsonPayload.missing!=x'],
    ['jsonPayload.missing!~"x"'],
    ['jsonPayload.missing:*'],
    ['jsonPayload.nothing=null'],
    ['jsonPayload.count=three'],
    ['jsonPayload.count!=three'],
    ['jsonPayload.seen>false'],
    ['jsonPayload.name=~"bash"'],
    ['logName="projects/other/logs/ids.googleapis.com%2Fthreat"'],
    ['log_id("threat")'],
    ['source(projects/la)'],
    ['severity>=INFO'],
    ['labels.missing!=x'],
    ['jsonPayload.cves=CVE'],
    ['"a\\"b"'],
    // OR binds closer than AND.
    ['"no such text" AND "nor this" OR "bash"'],
  ])('%s', (text) => {
    expect(asked(text)).toBe(false);
  });
});

describe('severity is ordered by level, not by letters', () => {
  const at = (severity: string) => ({ ...threat, severity });
  test.each([
    ['severity>=WARNING', 'ALERT', true],
    ['severity>WARNING', 'WARNING', false],
    ['severity<ERROR', 'DEFAULT', true],
    ['severity=("ERROR" OR "CRITICAL")', 'CRITICAL', true],
    ['severity>=450', 'ERROR', true],
    ['severity:err', 'ERROR', true],
  ])('%s of %s is %s', (text, severity, expected) => {
    expect(asked(text, at(severity))).toBe(expected);
  });
});

describe('a mistake has a place and a way out', () => {
  test.each([
    ['severity>=ERRO', '1:11 ERRO is not a severity. Did you mean ERROR?'],
    ['resource.typ=x', '1:1 there is no field resource.typ. Did you mean type?'],
    ['jsonPaylod.x=1', '1:1 there is no field jsonPaylod. Did you mean jsonPayload?'],
    ['textPayload.x=1', '1:1 textPayload has no fields of its own. Compare textPayload itself.'],
    ['resource="x"', '1:10 resource is an object. Name a field in it, or search in it with resource:"x".'],
    ['timestamp>yesterday', '1:11 yesterday is not a time. Write it as "2024-05-27T22:42:30Z".'],
    ['httpRequest.status=ok', '1:20 ok is not a number. httpRequest.status is a number.'],
    ['httpRequest.latency>5', '1:21 5 is not a duration. Write a number and ns, us, ms, s, m or h, such as "3.2s".'],
    ['traceSampled>true', '1:14 traceSampled has no order. Use = or !=.'],
    ['insertId=abc:def', '1:13 the value ends in an operator. Put the value in double quotes.'],
    ['"a\nb" AND', '2:7 the query ends too early. Write a comparison such as severity>=ERROR.'],
    ['a and b', '1:3 and is not an operator. Write AND; to search for the word, put it in double quotes.'],
    ["textPayload='x'", '1:13 single quotes mean nothing here. Write the text in double quotes.'],
    ['textPayload="x', '1:13 the double quote is never closed. Add the closing ", or write \\" for a quote inside.'],
    ['(a', '1:3 a parenthesis is never closed. Add the closing ).'],
    ['a)', '1:2 a parenthesis is closed that was never opened. Remove it.'],
    [
      'textPayload=~"(?=x)"',
      '1:14 the pattern: invalid or unsupported Perl syntax: (?=. Patterns have the syntax of RE2.',
    ],
    ['log_di("x")', '1:1 there is no function log_di. Did you mean log_id?'],
    ['log_id()', '1:1 log_id takes 1 arguments. Write it as log_id("ids.googleapis.com/threat").'],
    ['ip_in_net(trace, "10/8")', '1:18 10/8 is not a network. Write it as "10.0.0.0/8" or "2001:db8::/32".'],
    ['sample(insertId, 2)', '1:18 2 is not a fraction. Write a number from 0 to 1.'],
    ['severity=', '1:10 = has no value. Write a value behind it; "" is the empty text.'],
    ['=x', '1:1 = has no field before it. Write field, operator and value.'],
    ['jsonPayload.x>NULL_VALUE', '1:15 NULL_VALUE has no >. Use = or !=.'],
    ['('.repeat(70), '1:65 nested deeper than 64 levels. Make it flatter.'],
    ['x'.repeat(20_001), '1:20001 the query is longer than 20000 characters. Make it shorter.'],
  ])('%s', (text, expected) => {
    const parsed = parseFilter(text);
    if (!('mistake' in parsed)) throw new Error('it was accepted');
    const { line, column, message, fix } = parsed.mistake;
    expect(`${line}:${column} ${message}. ${fix}`).toBe(expected);
  });

  test('a log that nearly has the name of another is pointed out, and still accepted', () => {
    const parsed = parseFilter('severity>=ERROR\nlog_id("ids.googleapis.com/treat")', {
      logs: ['projects/p/logs/ids.googleapis.com%2Fthreat'],
    });
    expect(parsed).toMatchObject({
      hints: [{ line: 2, column: 8, fix: 'Did you mean ids.googleapis.com/threat?' }],
    });
  });

  test('any text is either a query or a mistake inside it', () => {
    const pieces = fc.constantFrom(
      'a',
      '"',
      '(',
      ')',
      '=',
      ':',
      '~',
      'AND',
      'NOT',
      ' ',
      '-',
      '.',
      'jsonPayload',
      '\\',
      ',',
      '\n',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (query) => {
        const parsed = parseFilter(query);
        if ('mistake' in parsed) expect(parsed.mistake.line).toBeLessThanOrEqual(query.split('\n').length);
        else expect(evaluate(parsed.filter, threat)).toBeTypeOf('boolean');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the canonical text', () => {
  test.each([
    ['a b OR c', '"a" AND ("b" OR "c")'],
    ['severity=(ERROR OR ALERT) -x', '(severity="ERROR" OR severity="ALERT") AND (NOT "x")'],
    ['json_payload.end-user.x : *', 'jsonPayload."end-user".x:*'],
    ['NOT NOT x', '"x"'],
    ['sample(insertId, 0.25)', 'sample(insertId, 0.25)'],
  ])('%s', (text, expected) => {
    expect(formatFilter(parse(text))).toBe(expected);
  });

  test('is parsed back to the same query', () => {
    fc.assert(
      fc.property(anyFilter, (filter) => {
        expect(parse(formatFilter(filter))).toEqual(filter);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the conditions for a store', () => {
  test('narrow time, log, severity and indexed fields', () => {
    const query = `timestamp>="2024-05-27" timestamp<"2024-05-28" severity>=ERROR
      log_id("a") OR logName="projects/p/logs/B%2Fc" resource.type=Gce_Instance`;
    expect(extract(parse(query))).toEqual({
      never: false,
      from: 1_716_768_000_000_000_000n,
      to: 1_716_854_400_000_000_000n - 1n,
      logs: ['a', 'b/c'],
      severity: 500,
      equals: { 'resource.type': ['gce_instance'] },
      needles: [['gce_instance']],
    });
  });

  test('know which texts an entry must contain', () => {
    const query =
      'jsonPayload.alert_severity=("HIGH" OR "CRITICAL") "Bash code" NOT "x" SEARCH("one two") jsonPayload.n=80';
    expect(extract(parse(query)).needles).toEqual([['critical', 'high'], ['bash code'], ['one'], ['two']]);
    expect(extract(parse('a OR severity>=ERROR')).needles).toEqual([]);
  });

  test('know when nothing can match', () => {
    expect(extract(parse('log_id("a") log_id("b")')).never).toBe(true);
    expect(extract(parse('timestamp>"2024-05-28" NOT timestamp>"2024-05-27"')).never).toBe(true);
  });

  test('never exclude an entry that the query accepts', () => {
    const indexed = ['resource.type', 'jsonPayload.x', 'textPayload', 'trace'];
    fc.assert(
      fc.property(anyFilter, anyEntry, (filter, entry) => {
        fc.pre(evaluate(filter, entry));
        expect(meets(extract(filter, indexed), entry)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

test('a query and what it negates divide all entries', () => {
  fc.assert(
    fc.property(anyFilter, anyEntry, (filter, entry) => {
      expect(evaluate({ kind: 'not', term: filter }, entry)).toBe(!evaluate(filter, entry));
      expect(evaluate(parse(formatFilter(filter)), entry)).toBe(evaluate(filter, entry));
    }),
    { numRuns: 500 },
  );
});

test('a parsed query cannot be changed', () => {
  const filter = parse('severity>=ERROR AND ("a" OR "b")');
  expect(Object.isFrozen(filter)).toBe(true);
  expect(filter.kind === 'all' && filter.terms.every((term) => Object.isFrozen(term))).toBe(true);
});
