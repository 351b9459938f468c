import type { Rule } from '../rule.ts';
import { http, post } from '../traffic/http.ts';

const shared = { type: 'vulnerability', category: 'code-execution', on: 'http any any -> any any' } as const;

export const php: readonly Rule[] = [
  {
    ...shared,
    sid: 9_000_230,
    rev: 1,
    name: 'PHP Stream Wrapper in Request Parameter',
    severity: 'HIGH',
    description:
      'A parameter names a PHP stream in place of a file, to read source text or to run code from the request.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"="',
      String.raw`pcre:"/=(?:php:\/\/(?:input|filter|fd|memory|temp)|data:(?:\/\/)?(?:text|application)\/[a-z\-]+(?:\x3b|,)[^&]*(?:base64|<\?)|expect:\/\/|phar:\/\/|zip:\/\/[^&]*#)/i"`,
    ],
    attacks: [
      http('filter', '/?page=php://filter/convert.base64-encode/resource=index.php'),
      http('encoded', '/?page=php%3A%2F%2Finput'),
      http('mixed case', '/?page=PHP://Filter/read=string.rot13/resource=a'),
      http('data', '/?page=data://text/plain;base64,PD9waHAgcGhwaW5mbygpOz8%2b'),
      http('expect', '/?page=expect://id'),
      http('encoded twice', '/?page=php%253A%252F%252Finput'),
    ],
    benign: [
      http('a picture in a parameter', '/?img=data:image/png;base64,iVBORw0KGgo='),
      http('a search', '/search?q=what+is+php://input'),
      http('a link', '/go?url=http://php.example/input'),
    ],
  },
  {
    ...shared,
    sid: 9_000_231,
    rev: 1,
    name: 'PHP CGI Argument Injection Vulnerability',
    severity: 'CRITICAL',
    cves: ['CVE-2012-1823', 'CVE-2024-4577'],
    description:
      'The query of a request is taken for command line options of PHP, and switches on that code is read from the request.',
    match: [
      'flow:to_server',
      'http.uri.raw',
      'content:"allow_url_include"; nocase; fast_pattern',
      String.raw`pcre:"/\?[^=]{0,200}(?:-|%2d|%ad)d(?:\+|%20|\s)*(?:[a-z_.]+(?:=|%3d)[^+&%]{0,40}(?:\+|%20|\s)+(?:-|%2d|%ad)d(?:\+|%20|\s)*)*allow_url_include/i"`,
    ],
    attacks: [
      http('CVE-2012-1823', '/index.php?-d+allow_url_include%3d1+-d+auto_prepend_file%3dphp%3a//input', {
        body: '<?php echo 1;',
      }),
      http('encoded dashes', '/cgi-bin/php?%2D%64+allow_url_include%3Don'.replace('%64', 'd'), { body: 'x' }),
      http('CVE-2024-4577', '/php-cgi/php-cgi.exe?%ADd+allow_url_include%3d1+%ADd+auto_prepend_file%3dphp://input', {
        body: 'x',
      }),
    ],
    benign: [
      http('a search', '/search?q=allow_url_include+on'),
      http('documentation', '/manual/en/allow_url_include?page=-d'),
    ],
  },
  {
    ...shared,
    sid: 9_000_232,
    rev: 1,
    name: 'PHPUnit eval-stdin Remote Code Execution Vulnerability',
    severity: 'HIGH',
    cves: ['CVE-2017-9841'],
    description: 'A request to a test helper of PHPUnit that runs its body as PHP code. It must not be published.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"/eval-stdin.php"; nocase; fast_pattern',
      'http.request_body',
      'content:"<?"',
    ],
    attacks: [
      post('in vendor', '/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php', '<?php echo md5(1);', [
        'Content-Type: text/plain',
      ]),
      post('mixed case', '/lib/vendor/phpunit/Util/PHP/Eval-Stdin.php', '<?=system("id")?>', [
        'Content-Type: text/plain',
      ]),
    ],
    benign: [
      http('without code', '/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php'),
      post('code elsewhere', '/paste', '<?php echo 1;', ['Content-Type: text/plain']),
    ],
  },
  {
    ...shared,
    sid: 9_000_233,
    rev: 1,
    name: 'ThinkPHP Remote Code Execution Vulnerability',
    severity: 'HIGH',
    cves: ['CVE-2018-20062'],
    description: 'A request makes the ThinkPHP framework call any PHP function. Update ThinkPHP.',
    match: [
      'flow:to_server',
      'http.uri',
      'content:"invokefunction"; nocase; fast_pattern',
      'content:"call_user_func"; nocase',
    ],
    attacks: [
      http(
        'classic',
        '/index.php?s=/Index/\\think\\app/invokefunction&function=call_user_func_array&vars[0]=system&vars[1][]=id',
      ),
      http('encoded', '/index.php?s=index/think%5Capp/invokefunction&function=call_user%5Ffunc&vars[0]=phpinfo'),
    ],
    benign: [
      http('a search', '/search?q=call_user_func_array+in+php'),
      http('another', '/index.php?s=/index/app/list'),
    ],
  },
  {
    ...shared,
    sid: 9_000_234,
    rev: 1,
    name: 'Drupal Core Remote Code Execution Vulnerability',
    severity: 'CRITICAL',
    cves: ['CVE-2018-7600'],
    description: 'A form field names a render property of Drupal, which runs a PHP function. Update Drupal.',
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"render"; nocase; fast_pattern',
      String.raw`pcre:"/(?:\[|%5b)(?:#|%23)(?:post_render|pre_render|lazy_builder)(?:\]|%5d)/i"`,
    ],
    attacks: [
      post(
        'registration form',
        '/user/register?element_parents=account/mail/%23value&ajax_form=1',
        'form_id=user_register_form&mail[#post_render][]=exec&mail[#markup]=id',
      ),
      post('encoded', '/user/register', 'mail%5B%23post_render%5D%5B%5D=passthru&mail%5B%23markup%5D=id'),
    ],
    benign: [post('a comment', '/comment', 'text=use #post_render to change markup')],
  },
  {
    ...shared,
    sid: 9_000_235,
    rev: 1,
    name: 'PHP Code Upload Disguised as Image',
    severity: 'HIGH',
    category: 'webshell',
    description:
      'An upload is called an image but holds PHP code that runs what a visitor sends. Look for the file below the web folder.',
    match: [
      'flow:to_server',
      'http.request_body',
      'content:"filename="; nocase',
      'content:"<?php"; nocase; fast_pattern',
      String.raw`pcre:"/filename=\x22?[^\x22\r\n]{1,100}\.(?:php\d?|phtml|phar|gif|jpe?g|png)\x22?.{1,300}<\?php.{0,300}(?:eval|assert|system|passthru|shell_exec|exec|popen)\s*\(.{0,60}\$_(?:GET|POST|REQUEST|COOKIE|SERVER)/is"`,
    ],
    attacks: [
      post(
        'a picture',
        '/upload',
        '--x\r\nContent-Disposition: form-data; name="f"; filename="a.gif"\r\nContent-Type: image/gif\r\n\r\nGIF89a<?php system($_GET["c"]); ?>\r\n--x--\r\n',
        ['Content-Type: multipart/form-data; boundary=x'],
      ),
      post(
        'PHP by name',
        '/upload',
        '--x\r\nContent-Disposition: form-data; name="f"; filename="a.phtml"\r\nContent-Type: image/png\r\n\r\n<?php @eval($_POST[1]);\r\n--x--\r\n',
        ['Content-Type: multipart/form-data; boundary=x'],
      ),
    ],
    benign: [
      post(
        'an ordinary upload',
        '/upload',
        '--x\r\nContent-Disposition: form-data; name="f"; filename="a.php"\r\n\r\n<?php echo "hello";\r\n--x--\r\n',
        ['Content-Type: multipart/form-data; boundary=x'],
      ),
    ],
  },
];
