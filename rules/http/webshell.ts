import type { Rule } from '../rule.ts';
import { http, post } from '../traffic/http.ts';

const shared = {
  type: 'vulnerability',
  category: 'webshell',
  severity: 'HIGH',
  on: 'http any any -> any any',
} as const;

export const webshell: readonly Rule[] = [
  {
    ...shared,
    sid: 9_000_350,
    rev: 1,
    name: 'Web Shell Access by Known Name',
    description:
      'A request to a program with the name of a well-known web shell. If it answered 200, the server is taken over.',
    match: [
      'flow:to_server',
      'http.uri',
      String.raw`pcre:"/\/(?:c99|r57|b374k|wso\d?|alfa(?:shell|cgiapi)?|c100|indoxploit|weevely|antsword|chopper|cmdasp|aspxspy|jspspy|cmd(?=\.jsp|\.asp)|shell(?=\.(?:jsp|asp|aspx|php)\?(?:cmd|c|exec)=))\.(?:php\d?|phtml|aspx?|jspx?)(?:\?|$)/i"`,
    ],
    attacks: [
      http('c99', '/uploads/c99.php'),
      http('WSO', '/images/WSO.php?x=1'),
      http('JSP', '/cmd.jsp?cmd=whoami'),
      http('encoded', '/%63%39%39.php'),
      http('shell with a command', '/shell.php?cmd=ls'),
    ],
    benign: [
      http('an ordinary name', '/shell.php'),
      http('a picture', '/img/c99.png'),
      http('a longer name', '/my-c99.php'),
    ],
  },
  {
    ...shared,
    sid: 9_000_351,
    rev: 1,
    name: 'Web Shell Command Parameter',
    description:
      'A script is called with a parameter that holds a system command, as small web shells are. Find the script and how it came there.',
    match: [
      'flow:to_server',
      'http.uri',
      String.raw`pcre:"/\.(?:php\d?|phtml|aspx?|jspx?|cgi|pl)\?(?:[^&]*&){0,4}(?:cmd|exec|command|execute|shell)=(?:\/(?:usr\/)?bin\/)?(?:(?:id|whoami|uname(?:\s-[a-z]+)?|ifconfig|ipconfig|ls)(?:\s|&|\||\x3b|$)|net\s(?:user|localgroup)|cat\s\/|ls\s-?[\/a-z]|wget\s|curl\s|dir\s[c-z]:|type\s[c-z]:)/i"`,
      String.raw`pcre:!"/\/cmd\.(?:jsp|asp)|\/shell\.php/i"`,
    ],
    attacks: [
      http('id', '/up/x.php?cmd=id'),
      http('uname', '/a.aspx?a=1&exec=uname+-a'),
      http('encoded', '/x.jsp?cmd=%63at%20/etc/os-release'),
      http('Windows', '/x.asp?cmd=net+user'),
    ],
    benign: [
      http('a command of the application', '/index.php?cmd=login'),
      http('PayPal', '/cgi-bin/webscr.cgi?cmd=_s-xclick'),
      http('an identity', '/x.php?cmd=identity'),
    ],
  },
  {
    ...shared,
    sid: 9_000_352,
    rev: 1,
    name: 'China Chopper Web Shell Traffic',
    type: 'spyware',
    category: 'backdoor',
    severity: 'CRITICAL',
    description:
      'A request hands a web shell its code in the way of the tools China Chopper and AntSword. The server is taken over: isolate it.',
    match: [
      'flow:to_server',
      'http.request_body',
      String.raw`pcre:"/=(?:@|%40)?(?:eval|assert)(?:\s|%20|\+)?(?:\(|%28)(?:@|%40)?base64_decode(?:\(|%28)(?:\$|%24)_POST|=(?:@|%40)ini_set(?:\(|%28)(?:%22|\x22|%27|')display_errors|=Response\.Write\(\x22->\|\x22\)/i"`,
    ],
    attacks: [
      post('China Chopper', '/a.php', 'pass=@eval(base64_decode($_POST[z0]));&z0=QGluaV9zZXQo'),
      post('encoded', '/a.php', 'pass=%40eval%28base64_decode%28%24_POST%5Bz0%5D%29%29%3B&z0=QGlu'),
      post('AntSword', '/a.php', 'ant=%40ini_set(%22display_errors%22%2C%20%220%22)%3B%40set_time_limit(0)'),
    ],
    benign: [post('a question', '/ask', 'text=how does eval(base64_decode(x)) work?')],
  },
];
