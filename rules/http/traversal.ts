import { dot, parent, slash, space } from '../patterns.ts';
import type { Rule } from '../rule.ts';
import { escaped, http, post, twice } from '../traffic/http.ts';

const shared = {
  type: 'vulnerability',
  category: 'info-leak',
  on: 'http any any -> any any',
} as const;

const winIni = {
  ...shared,
  threat: 9_000_110,
  name: 'Microsoft Windows win.ini Access Attempt Detected',
  severity: 'MEDIUM',
  description:
    'A request climbs out of its folder to reach win.ini, the file that is used to prove that any file of a Windows server can be read. Check whether the answer held the file; correct the parameter that takes file names.',
} as const;

const climbed = '../../../../WINNT/win.ini';
const passwords = '(?:passwd|shadow|group|gshadow|sudoers|hosts|hostname|issue)';

const unixFile = {
  ...shared,
  name: 'HTTP /etc/passwd Access Attempt',
  severity: 'HIGH',
  description:
    'A request climbs out of its folder to reach a system file of a Unix server, mostly /etc/passwd or /etc/shadow. If the answer held it, every file that the server may read can be read. Correct the parameter that takes file names.',
} as const;

export const traversal: readonly Rule[] = [
  {
    ...winIni,
    sid: 9_000_110,
    rev: 1,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"win"; nocase',
      'content:".ini"; nocase; distance:0; within:6; fast_pattern',
      'http.uri.raw',
      `pcre:"/(?:${parent}){2,}(?:winnt|windows|win|${dot}|%)/i"`,
    ],
    attacks: [
      http('the command of the document', `/?item=${climbed}`),
      http('slashes encoded', `/?item=${escaped(climbed, /\//g)}`),
      http('slashes encoded, lower case', `/?item=${escaped(climbed, /\//g, false)}`),
      http('everything encoded', `/?item=${escaped(climbed, /[./]/g)}`),
      http('encoded twice', `/?item=${twice(escaped(climbed, /[./]/g))}`),
      http('even the letters encoded', `/?item=../../../../%57%49%4E%4E%54/w%69n.in%69`),
      http('backslashes', '/?item=..\\..\\..\\windows\\win.ini'),
      http('mixed case', '/?item=../../../../WinNT/WIN.INI'),
      http('doubled dots', '/?item=....//....//....//windows/win.ini'),
      http('a null byte behind it', '/?item=../../../windows/win.ini%00.png'),
      http('in the path', '/scripts/..%5c../..%5cwindows/win.ini'),
      http('HTTP/1.0', `/?item=${climbed}`, { version: 'HTTP/1.0' }),
    ],
    benign: [
      http('the file alone', '/win.ini'),
      http('a search about it', '/search?q=where+is+win.ini'),
      http('one step up', '/docs/../win.ini'),
      http('another file that ends so', '/config/darwin.ini'),
    ],
  },
  {
    ...winIni,
    sid: 9_000_111,
    rev: 1,
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"ini"; nocase; fast_pattern',
      `pcre:"/(?:${parent}){2,}[^&\\r\\n]{0,60}win${dot}ini/i"`,
    ],
    attacks: [
      post('in a form', '/view', `item=${climbed}`),
      post('in a form, encoded', '/view', `item=${escaped(climbed, /[./]/g)}`),
      post('in JSON', '/view', '{"item":"..\\..\\..\\windows\\win.ini"}', ['Content-Type: application/json']),
    ],
    benign: [post('a form that names it', '/view', 'item=win.ini&folder=..')],
  },
  {
    ...unixFile,
    sid: 9_000_112,
    rev: 1,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"/etc/"; nocase; fast_pattern',
      `pcre:"/\\/etc\\/+${passwords}(?:[^a-z]|$)/i"`,
      `pcre:!"/\\/s?bin\\//i"`,
      'http.uri.raw',
      `pcre:"/${parent}${parent}|=(?:file|php|[a-z]{3,8}):\\/\\/|=${slash}{1,3}(?:e|%65)(?:t|%74)(?:c|%63)${slash}/i"`,
    ],
    attacks: [
      http('in a parameter', '/?file=../../../../etc/passwd'),
      http('slashes encoded', '/?file=..%2f..%2f..%2fetc%2fpasswd'),
      http('everything encoded', `/?file=${escaped('../../../etc/shadow', /[./]/g)}`),
      http('encoded twice', `/?file=${twice(escaped('../../../etc/passwd', /[./]/g))}`),
      http('overlong UTF-8', '/?file=%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd'),
      http('doubled dots', '/?file=....//....//etc/passwd'),
      http('semicolons as Tomcat ignores them', '/a/..;/..;/etc/passwd'),
      http('in the path', '/static/../../../../etc/passwd'),
      http('absolute', '/download?file=/etc/passwd'),
      http('as a file URL', '/fetch?url=file:///etc/passwd'),
      http('a null byte behind it', '/?file=../../../etc/passwd%00.jpg'),
    ],
    benign: [
      http('a search about it', '/search?q=what+is+/etc/passwd'),
      http('a page about it', '/wiki/etc/passwd'),
      http('a relative link', '/docs/../etc/readme'),
      http('another file', '/?file=/etc/passwords-policy.pdf'),
    ],
  },
  {
    ...unixFile,
    sid: 9_000_113,
    rev: 1,
    threat: 9_000_112,
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"etc"; nocase; fast_pattern',
      `pcre:"/(?:${parent}){2,}etc${slash}${passwords}(?:[^a-z]|$)/i"`,
    ],
    attacks: [
      post('in a form', '/view', 'file=../../../etc/passwd&x=1'),
      post('in a form, encoded', '/view', 'file=..%2F..%2F..%2Fetc%2Fshadow'),
    ],
    benign: [post('text about it', '/comment', 'text=the file /etc/passwd lists users')],
  },
  {
    ...shared,
    sid: 9_000_114,
    rev: 1,
    name: 'HTTP Directory Traversal Request Attempt',
    severity: 'MEDIUM',
    description:
      'A request climbs at least four folders up, which no link of a site does. Somebody tries to read files outside the published folder.',
    match: [
      'flow:to_server',
      'http.uri.raw',
      'content:"/"; depth:1',
      `pcre:"/(?:${parent}){4,}/i"`,
      'http.uri',
      'content:!"/etc/"; nocase',
      'content:!"win.ini"; nocase',
      'content:!"/bin/"; nocase',
    ],
    attacks: [
      http('in a parameter', '/?page=../../../../../var/log/nginx/access.log'),
      http('encoded', '/?page=..%2f..%2f..%2f..%2f..%2fproc%2fself%2fenviron'),
      http('backslashes', '/?page=..\\..\\..\\..\\boot.ini'),
      http('encoded twice', '/?page=%252e%252e%252f%252e%252e%252f%252e%252e%252f%252e%252e%252fsecret.txt'),
    ],
    benign: [
      http('two steps', '/app/css/../../img/logo.png'),
      http('dots in a name', '/files/report....final..pdf'),
      http('three dots in text', '/search?q=wait.../.../maybe'),
    ],
  },
  {
    sid: 9_000_115,
    rev: 1,
    type: 'vulnerability',
    category: 'code-execution',
    on: 'http any any -> any any',
    name: 'System Command Execution Through URL With Password File',
    severity: 'HIGH',
    description:
      'A request names a program under /bin and hands it the password file, as attacks on CGI gateways that run what the path names do. Check the answer for account names.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"bin/"; nocase',
      'content:"/etc/"; nocase; distance:0; fast_pattern',
      `pcre:"/\\/s?bin\\/[a-z.]{1,12}(?:${space}|[<,])+\\/+etc\\/+${passwords}/i"`,
    ],
    attacks: [
      http('the command of the document as curl sends it', '//bin/cat%20/etc/passwd'),
      http('the command of the document as typed', '/cgi-bin/../../../..//bin/cat%20/etc/passwd'),
      http('plus', '/cgi-bin/../../../..//bin/cat+/etc/passwd'),
      http('in the query', '/cgi-bin/x?/bin/cat+/etc/passwd'),
      http('encoded twice', '/cgi-bin/%252e%252e/bin/cat%2520/etc/passwd'),
      http('even the letters encoded', '//%62in/c%61t%20/%65tc/p%61sswd'),
      http('mixed case and tab', '/cgi-bin/BIN/Cat%09/etc/passwd'),
      http('$IFS', '/x?c=/bin/cat$IFS/etc/shadow'),
      http('HTTP/1.0', '//bin/cat%20/etc/passwd', { version: 'HTTP/1.0' }),
    ],
    benign: [
      http('a program alone', '/usr/bin/cat'),
      http('a folder named bin', '/cgi-bin/etc/passwd-reset'),
      http('a search', '/search?q=cat+passwd'),
    ],
  },
  {
    sid: 9_000_116,
    rev: 1,
    threat: 9_000_115,
    type: 'vulnerability',
    category: 'code-execution',
    on: 'http any any -> any any',
    name: 'System Command Execution Through URL With Password File',
    severity: 'HIGH',
    description:
      'A request names a program under /bin and hands it the password file, with a space that was not encoded, as old clients send it. Check the answer for account names.',
    match: [
      'flow:to_server',
      'http.request_line',
      'content:"/etc/"; nocase; fast_pattern',
      `pcre:"/${slash}s?bin${slash}[a-z.]{1,12}[ \\t]+\\/+etc\\/+${passwords}/i"`,
    ],
    attacks: [
      http('a raw space', '/cgi-bin/../../../..//bin/cat /etc/passwd'),
      http('a raw space after encoded slashes', '/cgi-bin/..%2f..%2fbin%2fcat /etc/shadow'),
    ],
    benign: [http('a raw space in a search', '/search?q=cat /etc/fstab')],
  },
];
