// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the traffic really holds these characters.
import type { Sample } from '../rule.ts';
import { http, ok, post, withHeader } from './http.ts';

const browser = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language: en-GB,en;q=0.5',
  'Accept-Encoding: gzip, deflate',
  'Cookie: _ga=GA1.2.1234567890.1700000000; session=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-123; theme="dark"',
];
const json = ['Content-Type: application/json', 'User-Agent: okhttp/4.9'];
const browse = (label: string, target: string, answer?: string): Sample =>
  http(label, target, { headers: browser, ...(answer === undefined ? {} : { answer }) });

/** What hosts say to each other all day. None of it may fire any rule. */
export const everyday: readonly Sample[] = [
  browse(
    'a front page',
    '/',
    ok('<!doctype html><script>function f(){return 1}</script><img src=x onerror=fallback()>'),
  ),
  browse('a search with signs', '/search?q=c%2B%2B+%26+java%3B+what+is+%22select%22%3F&page=2'),
  browse('a search in French', '/recherche?q=l%27union+europ%C3%A9enne+select'),
  browse('analytics', '/collect?v=1&tid=UA-1-1&dl=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D2&ul=en-us&sr=1920x1080'),
  browse('a return address', '/login?next=%2Faccount%2F..%2Fhome&state=a%3Db%3Bc'),
  browse('a sorted list', "/items?filter=price%20gt%205%20and%20name%20eq%20'pen'&sort=-date&select=id,name"),
  browse('a date range', '/report?from=2024-01-01T00:00:00%2B01:00&to=2024-02-01'),
  browse('a picture', '/static/../img/./logo.png?v=1.2.3'),
  browse('markup in an answer', '/help', ok('<pre>cat /etc/passwd | grep root; bash -i; ${jndi:ldap://x}</pre>')),
  browse('a lookup of a name', "/people?name=D'Angelo%20or%20O'Hara"),
  http('a package list', '/debian/dists/bullseye/InRelease', {
    headers: ['User-Agent: Debian APT-HTTP/1.3 (2.2.4)', 'Cache-Control: max-age=0'],
  }),
  http('health', '/healthz', { headers: ['User-Agent: kube-probe/1.29', 'Connection: close'] }),
  http('metrics', '/metrics', {
    port: 9100,
    headers: ['User-Agent: Prometheus/2.45.0', 'Accept: text/plain;version=0.0.4'],
  }),
  http('a repository', '/team/app.git/info/refs?service=git-upload-pack', {
    headers: ['User-Agent: git/2.39.2', 'Git-Protocol: version=2'],
  }),
  http('a file by parts', '/iso/debian.iso', { headers: ['Range: bytes=1048576-2097151', 'User-Agent: Wget/1.21'] }),
  http('the metadata server', '/computeMetadata/v1/instance/attributes/?recursive=true', {
    headers: ['Metadata-Flavor: Google'],
  }),
  post('a login', '/login', 'username=anna%40example.com&password=p%40ss%3Bw%24rd%21&csrf=abc%3D%3D'),
  post(
    'a comment',
    '/comments',
    'text=I%27d+like+to+select+one+or+two%3B+and+then+drop+the+rest.+%3Cb%3EThanks%3C%2Fb%3E&id=5',
  ),
  post(
    'a query of an interface',
    '/graphql',
    '{"query":"query Q($id: ID!){ user(id:$id){ name } }","variables":{"id":"1"}}',
    json,
  ),
  post(
    'a log line',
    '/ingest',
    '{"message":"cat: /etc/passwd: Permission denied","env":"${HOME}","cmd":"ls -l; id"}',
    json,
  ),
  post(
    'SOAP',
    '/ws',
    '<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>',
    ['Content-Type: text/xml', 'SOAPAction: "urn:getUser"'],
  ),
  post(
    'an upload',
    '/upload',
    `--b\r\nContent-Disposition: form-data; name="f"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0${'\x00\x10JFIF\x99<?x'.repeat(40)}\r\n--b--\r\n`,
    ['Content-Type: multipart/form-data; boundary=b'],
  ),
  withHeader(
    'a bearer token',
    'Authorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJhIn0.c2ln',
    '/api/v1/me',
  ),
  withHeader('an entity tag', 'If-None-Match: W/"5f-abc(){}"', '/app.js'),
  withHeader('forwarded', 'Forwarded: for="[2001:db8::1]";proto=https;by=203.0.113.43', '/'),
  {
    kind: 'tcp',
    label: 'a mail',
    port: 25,
    turns: [
      { from: 'server', data: '220 mail.example.com ESMTP\r\n' },
      { from: 'client', data: 'EHLO a.example.com\r\n' },
      { from: 'server', data: '250 ok\r\n' },
      { from: 'client', data: 'MAIL FROM:<a@example.com>\r\n' },
      { from: 'server', data: '250 ok\r\n' },
    ],
  },
  {
    kind: 'tcp',
    label: 'a cache',
    port: 6379,
    turns: [
      { from: 'client', data: '*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n' },
      { from: 'server', data: '+OK\r\n' },
    ],
  },
  {
    kind: 'tcp',
    label: 'a secure shell',
    port: 22,
    turns: [
      { from: 'server', data: 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n' },
      { from: 'client', data: 'SSH-2.0-OpenSSH_9.6\r\n' },
    ],
  },
  {
    kind: 'tcp',
    label: 'a database',
    port: 5432,
    turns: [
      { from: 'client', data: '\x00\x00\x00\x08\x04\xd2\x16\x2f' },
      { from: 'server', data: 'N' },
      { from: 'client', data: "Q\x00\x00\x00\x30SELECT id FROM users WHERE name = 'x' OR 1=1;\x00" },
    ],
  },
];
