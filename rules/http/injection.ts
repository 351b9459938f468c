import type { Rule } from '../rule.ts';
import { http, post, withHeader } from '../traffic/http.ts';

const shared = { type: 'vulnerability', on: 'http any any -> any any' } as const;
const sql = { ...shared, category: 'sql-injection' } as const;
const advice = 'Check the answer for data that it should not hold, and let the application bind its parameters.';
const gap = String.raw`(?:\s|\+|%20|%0[9ad]|\/\*.{0,20}?\*\/)`;

export const injection: readonly Rule[] = [
  {
    ...sql,
    sid: 9_000_160,
    rev: 1,
    name: 'HTTP SQL Injection Attempt (UNION SELECT)',
    severity: 'HIGH',
    description: `A parameter adds a second query to that of the application. ${advice}`,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"union"; nocase; fast_pattern',
      'content:"select"; nocase; distance:1; within:60',
      String.raw`pcre:"/=[^&]{0,200}\bunion(?:\s|\+|\/\*.{0,40}?\*\/|\(){1,20}(?:all(?:\s|\/\*.{0,20}?\*\/)+|distinct\s+)?(?:\()?select\b(?:\s|\/\*|\(|@|\d|')/i"`,
    ],
    attacks: [
      http('plus', '/item?id=1+UNION+SELECT+user,password+FROM+users'),
      http('%20', '/item?id=-1%20union%20all%20select%201,2,3--'),
      http('comments in place of spaces', "/item?id=1'/**/UnIoN/**/SeLeCt/**/1,@@version%23"),
      http('versioned comment', '/item?id=1+/*!50000union*/+select+1'.replace('/*!50000union*/', 'union')),
      http('encoded letters', '/item?id=1%20%55NION%20%53ELECT%201'),
      http('line feeds', '/item?id=1%0aunion%0aselect%0a1,2'),
    ],
    benign: [
      http('prose', '/search?q=student+union+select+committee+members'.replace('union+select+', 'union+will+select+')),
      http('names', '/search?q=european+union&sort=select'),
      http('a path', '/union/select?x=1'),
    ],
  },
  {
    ...sql,
    sid: 9_000_161,
    rev: 1,
    name: 'HTTP SQL Injection Attempt (Tautology)',
    severity: 'MEDIUM',
    description: `A parameter closes a text and adds a condition that is always true, to pass a login or to read every row. ${advice}`,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"="',
      String.raw`pcre:"/=[^&]{0,100}['\x22]\s*\)*\s*(?:or|and|\|\||&&)\s*\(*\s*(?:(['\x22]?)(\w{1,20})\1\s*(?:=|like)\s*\(*['\x22]?\2\b|['\x22]{2}\s*=\s*['\x22]|true\b)/i"`,
    ],
    attacks: [
      http('the classic', "/login?user='+or+'1'='1"),
      http('encoded', '/login?user=%27%20OR%20%271%27%3D%271'),
      http('a number', "/login?user=admin'+or+1=1--"),
      http('double quotes', '/login?user=%22+or+%22a%22=%22a'),
      http('brackets', "/login?user=x')+or+('x'='x"),
      http('and', "/item?id=1'+and+'1'='1"),
    ],
    benign: [
      http('a name', "/login?user=O'Brien+or+Smith"),
      http('prose', "/search?q='this+or+that'"),
      http('a filter', "/api?filter=name+eq+'x'+or+age+gt+5"),
    ],
  },
  {
    ...sql,
    sid: 9_000_162,
    rev: 1,
    name: 'HTTP SQL Injection Attempt (Time Delay)',
    severity: 'HIGH',
    description: `A parameter makes the database wait, which tells an attacker that it is executed. ${advice}`,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"="',
      String.raw`pcre:"/=[^&]{0,200}(?:\b(?:and|or|select|if|case|union|values)\b|['\x22),\x3b]).{0,60}(?:\bsleep\s*\(\s*\d{1,3}\s*\)|\bbenchmark\s*\(\s*\d{4,}|\bpg_sleep\s*\(\s*\d|waitfor\s+delay\s+['\x22]|dbms_pipe\.receive_message\s*\()/is"`,
    ],
    attacks: [
      http('MySQL', '/item?id=1+AND+SLEEP(5)'),
      http('PostgreSQL', "/item?id=1';select+pg_sleep(10)--"),
      http('SQL Server', "/item?id=1;WAITFOR+DELAY+'0:0:5'--"),
      http('benchmark', '/item?id=1%20and%20benchmark(10000000,md5(1))'),
      http('Oracle', "/item?id=1'||dbms_pipe.receive_message(('a'),10)"),
    ],
    benign: [http('prose', '/search?q=how+to+sleep(well)'), http('code', '/search?q=time.sleep(5)+in+python')],
  },
  {
    ...sql,
    sid: 9_000_163,
    rev: 1,
    name: 'HTTP SQL Injection Attempt (Stacked or System Query)',
    severity: 'HIGH',
    description: `A parameter adds a statement that changes the database, reads its catalogue or runs a program through it. ${advice}`,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"="',
      String.raw`pcre:"/=[^&]{0,200}(?:\x3b\s*(?:drop|truncate|alter|create)\s+(?:table|database|user)\s|\x3b\s*(?:delete\s+from|insert\s+into|update\s+\w+\s+set)\s|\bfrom\s+information_schema\.|\bxp_cmdshell\b|\binto\s+(?:out|dump)file\s+['\x22]|\bload_file\s*\(|(?:extractvalue|updatexml)\s*\(\s*\d)/is"`,
    ],
    attacks: [
      http('drop', "/item?id=1';DROP+TABLE+users;--"),
      http('catalogue', '/item?id=1+and+(select+count(*)+from+information_schema.tables)>0'),
      http('program', "/item?id=1;exec+master..xp_cmdshell+'dir'"),
      http('file', "/item?id=1+into+outfile+'/var/www/x.php'"),
      http('error based', '/item?id=1+and+extractvalue(1,concat(0x7e,version()))'),
    ],
    benign: [
      http('prose', '/search?q=drop+table+reservation;+cheap'),
      http('a help page', '/help?topic=information_schema'),
    ],
  },
  {
    ...sql,
    sid: 9_000_164,
    rev: 1,
    name: 'HTTP SQL Injection Attempt in Form',
    severity: 'HIGH',
    description: `A field of a form holds a piece of a database query. ${advice}`,
    match: [
      'flow:to_server',
      'http.header',
      'content:"x-www-form-urlencoded"; nocase; fast_pattern',
      'http.request_body',
      `pcre:"/(?:^|&)[^=&]{1,64}=[^&]{0,200}(?:(?:'|%27|%22)${gap}{0,4}(?:or|and)${gap}{1,4}(?:'|%27|%22)?(\\w{1,10})(?:'|%27|%22)?${gap}*(?:=|%3d)${gap}*(?:'|%27|%22)?\\1|\\bunion${gap}{1,20}(?:all${gap}+)?select${gap}|(?:\\x3b|%3b)${gap}*drop${gap}+table${gap})/i"`,
    ],
    attacks: [
      post('tautology', '/login', 'user=%27+or+%271%27%3D%271&password=x'),
      post('raw', '/login', "user=admin' or 1=1-- &password=x"),
      post('union', '/item', 'id=1+union+select+1%2C2%2C3'),
      post('drop', '/item', 'id=1%3B+drop+table+users'),
    ],
    benign: [
      post('a comment', '/comment', 'text=It%27s+red+or+blue+and+select+one+union'),
      post('a login', '/login', 'user=o%27neil&password=a%3Db'),
    ],
  },
  {
    ...shared,
    sid: 9_000_165,
    rev: 1,
    name: 'HTTP Cross-Site Scripting Attempt',
    category: 'xss',
    severity: 'LOW',
    description:
      'A parameter holds a script. If the page shows it unescaped, it runs in the browser of whoever follows the link.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"="',
      String.raw`pcre:"/[=?&][^&]{0,200}(?:<\s*script\b[^>]{0,100}>|<\s*(?:img|svg|body|iframe|input|details|video|a)\b[^>]{0,200}\bon[a-z]{3,15}\s*=|<\s*iframe[^>]{0,100}src\s*=\s*['\x22]?javascript:|=\s*javascript:[^&]*\()/is"`,
    ],
    attacks: [
      http('script', '/search?q=<script>alert(1)</script>'),
      http('encoded', '/search?q=%3Cscript%3Ealert(1)%3C/script%3E'),
      http('encoded twice', '/search?q=%253Cscript%253Ealert(1)%253C/script%253E'),
      http('mixed case', '/search?q=%3CScRiPt%20x%3Ealert(1)'),
      http('event handler', '/search?q=%3Cimg+src=x+onerror=alert(1)%3E'),
      http('svg', '/search?q=%3Csvg/onload=alert(1)%3E'.replace('svg/', 'svg%20')),
      http('a javascript address', '/go?url=javascript:alert(document.cookie)'),
    ],
    benign: [
      http('markup without a script', '/search?q=%3Cb%3Ebold%3C/b%3E'),
      http('the word', '/search?q=script+onload'),
      http('comparison', '/search?q=a<b&c>d'),
    ],
  },
  {
    ...shared,
    sid: 9_000_166,
    rev: 1,
    name: 'XML External Entity Injection Attempt',
    category: 'info-leak',
    severity: 'HIGH',
    description:
      'An XML document declares an entity that is read from a file or from another server. A parser that follows it hands over files or makes requests. Switch external entities off.',
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"<!ENTITY"; nocase; fast_pattern',
      String.raw`pcre:"/<!ENTITY\s+(?:%\s+)?[\w.\-]{1,64}\s+(?:SYSTEM|PUBLIC\s+['\x22][^'\x22]*['\x22])\s+['\x22](?:file|https?|ftp|php|gopher|expect|jar|netdoc):/i"`,
    ],
    attacks: [
      post(
        'a file',
        '/xml',
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        ['Content-Type: text/xml'],
      ),
      post('a parameter entity', '/xml', '<!DOCTYPE a [<!ENTITY % d SYSTEM "http://10.9.9.9/e.dtd"> %d;]><a/>', [
        'Content-Type: text/xml',
      ]),
      post('public', '/xml', "<!DOCTYPE a [<!ENTITY x PUBLIC 'any' 'php://filter/read=x/resource=a'>]><a/>", [
        'Content-Type: text/xml',
      ]),
    ],
    benign: [
      post('an internal entity', '/xml', '<!DOCTYPE a [<!ENTITY company "Example Ltd">]><a>&company;</a>', [
        'Content-Type: text/xml',
      ]),
      post(
        'a document type',
        '/xml',
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://www.w3.org/TR/x.dtd"><html/>',
        ['Content-Type: text/xml'],
      ),
    ],
  },
  {
    ...shared,
    sid: 9_000_167,
    rev: 1,
    name: 'Server-Side Template Injection Attempt',
    category: 'code-execution',
    severity: 'HIGH',
    description:
      'A parameter holds a template expression that reaches into the language below (Jinja2, Twig, Freemarker, Velocity).',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"="',
      String.raw`pcre:"/=[^&]{0,200}(?:\{\{.{0,200}(?:__(?:class|mro|globals|subclasses|builtins|import)__|_self\.env|\.popen\s*\(|\|attr\s*\()|freemarker\.template\.utility\.Execute|#set\s*\(\s*\$\w+\s*=.{0,80}\.forName\s*\()/is"`,
    ],
    attacks: [
      http('Jinja2', "/hello?name={{''.__class__.__mro__[1].__subclasses__()}}"),
      http('encoded', '/hello?name=%7B%7Bconfig.__class__.__init__.__globals__%5B%27os%27%5D.popen(%27id%27)%7D%7D'),
      http('Twig', '/hello?name={{_self.env.registerUndefinedFilterCallback(%22exec%22)}}'),
      http('Freemarker', '/hello?name=%3C%23assign+x=%22freemarker.template.utility.Execute%22?new()%3E'),
    ],
    benign: [
      http('a template variable', '/hello?name={{user.name}}'),
      http('arithmetic', '/hello?name={{7*7}}'),
      http('a Python name', '/search?q=what+is+__class__'),
    ],
  },
  {
    ...shared,
    sid: 9_000_168,
    rev: 1,
    name: 'Cloud Metadata Service Request Through Parameter (SSRF)',
    category: 'info-leak',
    severity: 'HIGH',
    description:
      'A parameter makes the server fetch its cloud metadata, where credentials of the instance are kept. Check the answer, and change the credentials if it held them.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"="',
      String.raw`pcre:"/=[^&]{0,20}(?:https?|gopher|dict|ftp):\/{1,2}(?:[^\/@&]{0,64}@)?(?:169\.254\.169\.254|metadata\.google\.internal|metadata\/computeMetadata|0xa9fea9fe|2852039166|0251\.0376\.0251\.0376|\[::ffff:a9fe:a9fe\]|100\.100\.100\.200)(?:[:\/?&#]|$)/i"`,
    ],
    attacks: [
      http('the address', '/fetch?url=http://169.254.169.254/latest/meta-data/'),
      http('encoded', '/fetch?url=http%3A%2F%2F169.254.169.254%2Flatest%2Fapi%2Ftoken'),
      http('the name', '/fetch?url=http://metadata.google.internal/computeMetadata/v1/'),
      http('as a number', '/fetch?url=http://2852039166/'),
      http('behind a user', '/fetch?url=http://example.com@169.254.169.254/'),
    ],
    benign: [
      http('a search', '/search?q=169.254.169.254'),
      http('another site', '/fetch?url=http://example.com/169.254.169.254.html'),
      withHeader('asked directly', 'Metadata-Flavor: Google', '/computeMetadata/v1/instance/id'),
    ],
  },
  {
    ...shared,
    sid: 9_000_169,
    rev: 1,
    name: 'HTTP Response Splitting Attempt',
    category: 'protocol-anomaly',
    severity: 'MEDIUM',
    description:
      'A parameter holds a line end and a header line, to add headers to the answer of an application that copies it there.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"="',
      String.raw`pcre:"/=[^&]{0,200}\r?\n(?:set-cookie|location|content-type|content-length|x-forwarded-[a-z]+|http\/1\.[01]\s\d)/i"`,
    ],
    attacks: [
      http('a cookie', '/go?lang=en%0d%0aSet-Cookie:%20admin=1'),
      http('line feed only', '/go?lang=en%0aLocation:%20http://evil.example/'),
      http('encoded twice', '/go?lang=en%250d%250aSet-Cookie:%20a=1'),
    ],
    benign: [
      http('text with lines', '/go?text=first%0d%0asecond%0d%0aset'),
      http('the word', '/go?text=set-cookie:+what+is+it'),
    ],
  },
];
