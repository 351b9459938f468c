import type { Rule, Spoken } from '../rule.ts';
import { agent, http, ok, post } from '../traffic/http.ts';

const shared = { type: 'vulnerability', on: 'http any any -> any any' } as const;

/** A tool that names itself. `names` is a regular expression for the value of User-Agent. */
interface Tool {
  readonly sid: number;
  readonly title: string;
  readonly severity: 'LOW' | 'INFORMATIONAL';
  readonly fast: string;
  readonly names: string;
  readonly seen: readonly string[];
  readonly similar: readonly string[];
}

const tools: readonly Tool[] = [
  {
    sid: 9_000_300,
    title: 'Sqlmap SQL Injection Tool',
    severity: 'LOW',
    fast: 'sqlmap',
    names: String.raw`^sqlmap\/`,
    seen: ['sqlmap/1.7.2#stable (https://sqlmap.org)', 'SQLMap/1.0-dev'],
    similar: ['mysqlmapper/1.0'],
  },
  {
    sid: 9_000_301,
    title: 'Nikto Web Scanner',
    severity: 'LOW',
    fast: 'nikto',
    names: String.raw`\(nikto\/|^nikto\b|nikto\/\d`,
    seen: ['Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:000001)'],
    similar: ['Niktographer'],
  },
  {
    sid: 9_000_302,
    title: 'Nmap Scripting Engine',
    severity: 'INFORMATIONAL',
    fast: 'nmap scripting engine',
    names: String.raw`nmap scripting engine\x3b`,
    seen: ['Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)'],
    similar: ['geonmapper/2'],
  },
  {
    sid: 9_000_303,
    title: 'Masscan Internet Scanner',
    severity: 'INFORMATIONAL',
    fast: 'masscan',
    names: String.raw`^masscan[\/-]`,
    seen: ['masscan/1.3 (https://github.com/robertdavidgraham/masscan)', 'masscan-ng/1.3'],
    similar: ['amasscanner/1.0'],
  },
  {
    sid: 9_000_304,
    title: 'Directory Brute-Force Tool',
    severity: 'LOW',
    fast: 'buster',
    names: String.raw`^gobuster\/|^dirbuster|^feroxbuster\/`,
    seen: ['gobuster/3.1.0', 'DirBuster-1.0-RC1 (http://www.owasp.org)', 'feroxbuster/2.7.1'],
    similar: ['filebuster-viewer'],
  },
  {
    sid: 9_000_305,
    title: 'Nuclei Vulnerability Scanner',
    severity: 'LOW',
    fast: 'nuclei',
    names: String.raw`\bnuclei\b.{0,40}projectdiscovery`,
    seen: ['Nuclei - Open-source project (github.com/projectdiscovery/nuclei)'],
    similar: ['nuclei-physics-news/1.0'],
  },
  {
    sid: 9_000_306,
    title: 'WPScan WordPress Scanner',
    severity: 'LOW',
    fast: 'wpscan',
    names: String.raw`^wpscan v\d`,
    seen: ['WPScan v3.8.22 (https://wpscan.com/wordpress-security-scanner)'],
    similar: ['wpscanner-free plugin'],
  },
  {
    sid: 9_000_307,
    title: 'Hydra Password Guessing Tool',
    severity: 'LOW',
    fast: '(hydra)',
    names: String.raw`\(hydra\)`,
    seen: ['Mozilla/4.0 (Hydra)'],
    similar: ['hydration-reminder/1.0'],
  },
  {
    sid: 9_000_308,
    title: 'ZGrab Internet Scanner',
    severity: 'INFORMATIONAL',
    fast: 'zgrab',
    names: String.raw`\bzgrab\/\d`,
    seen: ['Mozilla/5.0 zgrab/0.x'],
    similar: ['buzzgrabber/1'],
  },
  {
    sid: 9_000_309,
    title: 'Ffuf Web Fuzzer',
    severity: 'LOW',
    fast: 'fuzz faster',
    names: '^fuzz faster u fool',
    seen: ['Fuzz Faster U Fool v1.5.0-dev'],
    similar: ['fuzzy-feeds/1'],
  },
  {
    sid: 9_000_310,
    title: 'OpenVAS Vulnerability Scanner',
    severity: 'LOW',
    fast: 'openvas',
    names: 'openvas[ -]',
    seen: ['Mozilla/5.0 [en] (X11, U; OpenVAS-VT 21.4.4)'],
    similar: ['openvaskr/1'],
  },
  {
    sid: 9_000_311,
    title: 'Nessus Vulnerability Scanner',
    severity: 'LOW',
    fast: 'nessus',
    names: String.raw`\bnessus\b`,
    seen: ['Mozilla/4.0 (compatible; MSIE 8.0; Nessus)'],
    similar: ['onenessusa/1'],
  },
];

const ofTool = (tool: Tool): Rule => ({
  ...shared,
  sid: tool.sid,
  rev: 1,
  name: `${tool.title} Detected`,
  type: 'spyware',
  category: 'hacktool',
  severity: tool.severity,
  description: `A request names ${tool.title} as its program. If nobody of yours runs a test, somebody looks for weaknesses.`,
  match: [
    'flow:to_server',
    'http.user_agent',
    `content:"${tool.fast}"; nocase; fast_pattern`,
    `pcre:"/${tool.names}/i"`,
  ],
  attacks: tool.seen.map((name) => agent(name)),
  benign: tool.similar.map((name) => agent(name)),
});

const refused: Spoken = http('refused', '/admin', {
  answer: 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n',
});
const granted: Spoken = http('granted', '/admin');
const times = ({ port, turns }: Spoken, count: number) =>
  Array.from({ length: count }, () => ({ kind: 'tcp' as const, port, turns }));

export const probes: readonly Rule[] = [
  ...tools.map(ofTool),
  {
    ...shared,
    sid: 9_000_320,
    rev: 1,
    name: 'Version Control Folder Access Attempt',
    category: 'info-leak',
    severity: 'MEDIUM',
    description:
      'A request for the inner files of a version control system. If they are published, the whole source text and its history can be read.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"/."',
      String.raw`pcre:"/\/\.(?:git\/(?:config|HEAD|index|logs\/HEAD|refs\/|objects\/|packed-refs)|svn\/(?:entries|wc\.db)|hg\/(?:store|hgrc|requires)|bzr\/branch)/i"`,
    ],
    attacks: [
      http('git', '/.git/config'),
      http('below a folder', '/app/.git/HEAD'),
      http('encoded', '/%2egit/index'),
      http('svn', '/.svn/wc.db'),
    ],
    benign: [
      http('a page about it', '/docs/git/config'),
      http('a repository served on purpose', '/project.git/info/refs?service=git-upload-pack'),
      http('ignored files', '/.gitignore'),
    ],
  },
  {
    ...shared,
    sid: 9_000_321,
    rev: 1,
    name: 'Secret or Backup File Access Attempt',
    category: 'info-leak',
    severity: 'MEDIUM',
    description:
      'A request for a file in which applications keep passwords and keys. It must not lie below the published folder.',
    match: [
      'flow:to_server',
      'http.uri',
      String.raw`pcre:"/^[^?]*\/(?:\.env(?:\.(?:local|prod|production|dev|backup|bak|old))?|\.aws\/credentials|\.ssh\/(?:id_(?:rsa|ed25519|dsa|ecdsa)|authorized_keys)|\.htpasswd|\.npmrc|\.docker\/config\.json|\.kube\/config|wp-config\.php(?:\.(?:bak|old|save|orig|txt|swp)|~)|web\.config\.(?:bak|old)|(?:database|dump|backup|db)\.sql(?:\.gz)?|id_rsa)(?:\?|$)/i"`,
    ],
    attacks: [
      http('.env', '/.env'),
      http('production', '/api/.env.production'),
      http('cloud keys', '/.aws/credentials'),
      http('encoded', '/%2Eenv'),
      http('backup of WordPress', '/wp-config.php.bak'),
      http('database', '/backup.sql.gz'),
      http('key', '/.ssh/id_rsa'),
    ],
    benign: [
      http('a word', '/environment'),
      http('an example', '/.env.example'),
      http('a parameter', '/help?file=.env'),
      http('WordPress itself', '/wp-config.php'),
    ],
  },
  {
    ...shared,
    sid: 9_000_322,
    rev: 1,
    name: 'Administration Interface Probe',
    category: 'scan',
    severity: 'INFORMATIONAL',
    description:
      'A request for a management page that scanners look for everywhere (phpMyAdmin, Tomcat manager, Spring actuator dumps, server status).',
    match: [
      'flow:to_server',
      'http.uri',
      String.raw`pcre:"/^\/(?:phpmyadmin|pma|myadmin|dbadmin)\/(?:index\.php|scripts\/setup\.php|)(?:\?|$)|^\/manager\/(?:html|text)(?:[\/?]|$)|\/actuator\/(?:heapdump|env|jolokia)(?:[\/?]|$)|^\/server-status(?:\?|$)|^\/solr\/admin\/|^\/_ignition\/execute-solution/i"`,
    ],
    attacks: [
      http('phpMyAdmin', '/phpmyadmin/'),
      http('Tomcat', '/manager/html'),
      http('heap dump', '/actuator/heapdump'),
      http('Apache', '/server-status?auto'),
    ],
    benign: [
      http('health', '/actuator/health'),
      http('an article', '/blog/phpmyadmin/'),
      http('a person', '/manager/profile'),
    ],
  },
  {
    ...shared,
    sid: 9_000_323,
    rev: 1,
    name: 'HTTP Authentication Brute Force Attempt',
    category: 'brute-force',
    severity: 'MEDIUM',
    description: 'One client was refused (401) many times within half a minute. Somebody guesses names and passwords.',
    match: [
      'flow:to_client,established',
      'http.stat_code',
      'content:"401"',
      'threshold:type both, track by_dst, count 20, seconds 30',
    ],
    attacks: [{ kind: 'series', label: 'twenty-five refusals in five seconds', every: 200, parts: times(refused, 25) }],
    benign: [
      { kind: 'series', label: 'a person who mistypes', every: 200, parts: times(refused, 6) },
      { kind: 'series', label: 'many requests that are granted', every: 100, parts: times(granted, 40) },
    ],
  },
  {
    ...shared,
    sid: 9_000_324,
    rev: 1,
    name: 'Unusual HTTP Method',
    category: 'protocol-anomaly',
    severity: 'INFORMATIONAL',
    description: 'A request with TRACE, TRACK or DEBUG, which servers seldom need and scanners try.',
    match: ['flow:to_server', 'http.method', 'pcre:"/^(?:TRACE|TRACK|DEBUG)$/"'],
    attacks: [
      http('TRACE', '/', { method: 'TRACE' }),
      { ...http('DEBUG', '/x.aspx', { method: 'DEBUG' }), twoWay: true },
    ],
    benign: [
      http('OPTIONS', '/', { method: 'OPTIONS' }),
      http('PROPFIND', '/dav/', { method: 'PROPFIND' }),
      http('the word in a path', '/TRACE'),
    ],
  },
  {
    ...shared,
    sid: 9_000_325,
    rev: 1,
    name: 'HTTP Request Smuggling Attempt',
    category: 'protocol-anomaly',
    severity: 'MEDIUM',
    description:
      'A request has both a length and a chunked encoding, so that a proxy and the server behind it may see different requests.',
    match: [
      'flow:to_server',
      'http.header.raw',
      'content:"Transfer-Encoding"; nocase; fast_pattern',
      String.raw`pcre:"/^Content-Length\s*:\s*\d/mi"`,
      String.raw`pcre:"/^Transfer-Encoding\s*:\s*[^\r\n]*chunked/mi"`,
    ],
    attacks: [
      http('length first', '/', {
        method: 'POST',
        headers: ['Content-Length: 6', 'Transfer-Encoding: chunked', '', '0', '', 'G'],
      }),
      http('chunked first', '/', {
        method: 'POST',
        headers: ['Transfer-Encoding: chunked', 'Content-Length: 4', '', '0', ''],
      }),
      http('a space before the colon', '/', {
        method: 'POST',
        headers: ['Content-Length: 4', 'Transfer-Encoding : chunked', '', '0', ''],
      }),
    ],
    benign: [
      http('chunked alone', '/', { method: 'POST', headers: ['Transfer-Encoding: chunked', '', '3', 'abc', '0'] }),
      post('length alone', '/', 'a=1'),
    ],
  },
  {
    ...shared,
    sid: 9_000_326,
    rev: 1,
    name: 'System Account Information in HTTP Response',
    category: 'info-leak',
    severity: 'HIGH',
    description:
      'A web server answered with the contents of its password file, or with the output of the id command. An attack has succeeded: isolate the server.',
    match: [
      'flow:to_client,established',
      'file.data',
      'content:"root"',
      String.raw`pcre:"/^(?:.{0,200}\n)?root:[^:\n]{0,120}:0:0:[^:\n]{0,60}:\/[^:\n]{0,40}:\/[^\n]{1,40}\n[a-z_][\w\-]{0,31}:[^:\n]{0,120}:\d+:\d+:|^\s{0,8}uid=0\(root\)\x20gid=0\(root\)/s"`,
    ],
    attacks: [
      http('the password file', '/download?id=7', {
        answer: ok('root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n'),
      }),
      http('the output of id', '/x', { answer: ok('uid=0(root) gid=0(root) groups=0(root)\n') }),
    ],
    benign: [
      http('one line in an article', '/blog', {
        answer: ok('<p>A line such as root:x:0:0:root:/root:/bin/bash has seven fields.</p>'),
      }),
      http('an ordinary account', '/x', { answer: ok('uid=1000(anna) gid=1000(anna)\n') }),
    ],
  },
];
