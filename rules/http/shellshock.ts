import type { Rule } from '../rule.ts';
import { http, withHeader } from '../traffic/http.ts';

const cves = ['CVE-2014-6271', 'CVE-2014-7169', 'CVE-2014-6277', 'CVE-2014-6278'];
const description =
  'A request carries a value that begins like a Bash function. A vulnerable Bash that is started with this value in its environment, as CGI programs are, runs the commands behind the function. Update Bash; look for processes started by the web server.';
const references = ['https://nvd.nist.gov/vuln/detail/CVE-2014-6271'];
const shared = {
  threat: 36729,
  name: 'Bash Remote Code Execution Vulnerability',
  severity: 'CRITICAL',
  type: 'vulnerability',
  category: 'code-execution',
  cves,
  description,
  references,
  on: 'http any any -> any any',
} as const;

export const shellshock: readonly Rule[] = [
  {
    ...shared,
    sid: 9_000_100,
    rev: 1,
    match: ['flow:to_server', 'http.header.raw', 'content:"()"', String.raw`pcre:"/^[^\r\n:]{1,100}:\s*\(\)\s*\{/m"`],
    attacks: [
      http('the command of the document', '/cgi-bin/test-critical', {
        headers: ['User-Agent: () { :; }; 123.123.123.123:9999', 'Accept: */*'],
      }),
      http('HTTP/1.0', '/cgi-bin/status', {
        version: 'HTTP/1.0',
        headers: ['User-Agent: () { :;}; /bin/ping -c1 10.9.9.9'],
      }),
      withHeader('in Referer', 'Referer: () { :; }; /bin/bash -c "id"', '/cgi-bin/a.cgi'),
      withHeader('in Cookie', 'Cookie: () { :; }; echo vulnerable', '/cgi-bin/a.cgi'),
      withHeader('in a header of its own', 'X-Anything: () { ignored; }; /usr/bin/id'),
      withHeader('without a space before the value', 'X-A:() { :;};id'),
      withHeader('tabs and many spaces', 'X-A: \t  ()\t{ :; }; id'),
      withHeader('no space before the brace', 'X-A: (){ :; }; id'),
      withHeader('folded', 'X-A:\r\n () { :; }; id'),
      withHeader('CVE-2014-6278', 'X-A: () { _; } >_[$($())] { id; }'),
      withHeader('CVE-2014-7169', "X-A: () { (a)=>\\' bash -c 'id'"),
      http('another port', '/cgi-bin/a', { port: 8081, headers: ['User-Agent: () { :; }; id'] }),
      http('with POST', '/cgi-bin/a', { body: 'a=1', headers: ['User-Agent: () { :; }; id'] }),
    ],
    benign: [
      withHeader('empty parentheses', 'X-Note: () ok'),
      withHeader('a function in JavaScript', 'X-Note: function f() { return 1; }'),
      withHeader('an arrow function', 'X-Note: (a) => { a(); }'),
      http('in the text of a search', '/search?q=how+does+()+%7B+:;+%7D+work'),
      http('in a body', '/notes', { body: 'text=() { :; }; is the shellshock string' }),
    ],
  },
  {
    ...shared,
    sid: 9_000_101,
    rev: 1,
    match: [
      'flow:to_server',
      'http.request_line',
      'content:"?()"',
      String.raw`pcre:"/\?\(\)(?:\s|\+|%20|%09)*(?:\{|%7b)/i"`,
    ],
    attacks: [
      http('raw in the query', '/cgi-bin/a?() { :; }; id'),
      http('encoded spaces', '/cgi-bin/a?()%20{%20:;%20};%20id'),
      http('encoded brace', '/cgi-bin/a?()+%7B+:;+%7D;+id'),
    ],
    benign: [http('a query that is only parentheses', '/cgi-bin/a?()'), http('a call in a query', '/run?f(){x}')],
  },
];
