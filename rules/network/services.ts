import type { Rule, Sample } from '../rule.ts';

const shared = { type: 'vulnerability', on: 'tcp any any -> any any' } as const;

const resp = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;

const said = (label: string, port: number, ...data: readonly (string | Uint8Array)[]): Sample => ({
  kind: 'tcp',
  label,
  port,
  turns: data.map((it) => ({ from: 'client', data: it })),
});
const sent = (label: string, port: number, data: string): Sample => ({
  kind: 'udp',
  label,
  port,
  turns: [{ from: 'client', data }],
});

/** A NetBIOS frame around an SMB1 header: command, multiplex id, then the rest. */
const smb1 = (command: number, multiplex: number, rest: string): string => {
  const header = `\xffSMB${String.fromCharCode(command)}\x00\x00\x00\x00\x18\x07\xc0${'\x00'.repeat(12)}\x00\x08\xff\xfe\x00\x08${String.fromCharCode(multiplex & 255, multiplex >> 8)}`;
  const body = header + rest;
  return `\x00\x00${String.fromCharCode(body.length >> 8, body.length & 255)}${body}`;
};
const trans2 = (setup: string): string =>
  `\x0f\x0c\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xa6\xd9\xa4\x00\x00\x00\x0c\x00\x42\x00\x00\x00\x4e\x00\x01\x00${setup}\x0d\x00${'\x00'.repeat(13)}`;
const negotiate = smb1(0x72, 0x40, '\x00\x0c\x00\x02NT LM 0.12\x00');

const heartbeat = (declared: number, carried: number): string => {
  const body = `\x01${String.fromCharCode(declared >> 8, declared & 255)}${'a'.repeat(carried)}`;
  return `\x18\x03\x02${String.fromCharCode(body.length >> 8, body.length & 255)}${body}`;
};
const hello = `\x16\x03\x01\x00\x31\x01\x00\x00\x2d\x03\x02${'r'.repeat(32)}\x00\x00\x04\x00\x2f\x00\xff\x01\x00\x00\x00`;

export const services: readonly Rule[] = [
  {
    ...shared,
    sid: 9_000_530,
    rev: 1,
    name: 'Redis Unauthenticated File Write Attempt',
    category: 'code-execution',
    severity: 'CRITICAL',
    cves: ['CVE-2022-0543'],
    description:
      'A Redis client moves the database file to a place where its contents are executed (keys of SSH, cron, web folder). Ask for a password, and do not let Redis listen for strangers.',
    match: [
      'flow:established,to_server',
      'content:"config"; nocase; fast_pattern',
      String.raw`pcre:"/config\s+(?:\$3\r\n)?set\s+(?:\$\d+\r\n)?(?:dir\s+(?:\$\d+\r\n)?\x22?\/(?:root|home\/[^\/\s]+)\/\.ssh|dir\s+(?:\$\d+\r\n)?\x22?\/(?:var\/spool\/cron|etc\/cron|var\/www|usr\/share\/nginx)|dbfilename\s+(?:\$\d+\r\n)?\x22?(?:authorized_keys|[^\s\x22]+\.(?:php|jsp|so)))/i"`,
    ],
    oncePerFlow: true,
    attacks: [
      said('keys of SSH', 6379, resp('CONFIG', 'SET', 'dir', '/root/.ssh')),
      said('cron', 6379, resp('config', 'set', 'dir', '/var/spool/cron/crontabs')),
      said('typed by hand', 6379, 'config set dbfilename authorized_keys\r\n'),
      said('after other commands, another port', 7001, resp('PING'), resp('CONFIG', 'SET', 'dbfilename', 'x.php')),
    ],
    benign: [
      said('a setting', 6379, resp('CONFIG', 'SET', 'maxmemory', '100mb')),
      said('its own folder', 6379, resp('CONFIG', 'SET', 'dir', '/var/lib/redis')),
      said('a value', 6379, resp('SET', 'note', 'config of /root/.ssh')),
    ],
  },
  {
    ...shared,
    sid: 9_000_531,
    rev: 1,
    name: 'Redis Rogue Replication or Module Load Attempt',
    category: 'code-execution',
    severity: 'HIGH',
    description:
      'A Redis client makes the server copy another one or load a program. With a rogue server this runs code.',
    match: [
      'flow:established,to_server',
      String.raw`pcre:"/^(?:\*\d+\r\n\$\d+\r\n)?(?:slaveof|replicaof)\s+(?:\$\d+\r\n)?\d{1,3}(?:\.\d{1,3}){3}\s+|^(?:\*\d+\r\n\$6\r\n)?module\s+(?:\$4\r\n)?load\s+(?:\$\d+\r\n)?\.?\//mi"`,
    ],
    oncePerFlow: true,
    attacks: [
      said('replication', 6379, resp('SLAVEOF', '10.9.9.9', '21000')),
      said('by its new name', 6379, resp('REPLICAOF', '10.9.9.9', '6379')),
      said('module', 6379, resp('MODULE', 'LOAD', './exp.so')),
      said('typed by hand', 6379, 'slaveof 10.9.9.9 21000\r\n'),
    ],
    benign: [
      said('end of replication', 6379, resp('REPLICAOF', 'NO', 'ONE')),
      said('a key', 6379, resp('GET', 'module')),
    ],
  },
  {
    ...shared,
    sid: 9_000_532,
    rev: 1,
    name: 'DoublePulsar Backdoor Ping or EternalBlue Exploit Traffic',
    category: 'code-execution',
    severity: 'CRITICAL',
    cves: ['CVE-2017-0144', 'CVE-2017-0143'],
    description:
      'An SMB1 request that no Windows implements and that the DoublePulsar implant (planted with EternalBlue) understands. Look for hosts without the update MS17-010, and switch SMB1 off.',
    references: ['https://nvd.nist.gov/vuln/detail/CVE-2017-0144'],
    match: [
      'flow:established,to_server',
      'content:"|ff|SMB2"; fast_pattern',
      'content:"|0e 00|"; distance:56; within:2',
    ],
    oncePerFlow: true,
    attacks: [said('ping', 445, negotiate, smb1(0x32, 65, trans2('\x0e\x00')))],
    benign: [said('ordinary transactions', 445, negotiate, smb1(0x32, 65, trans2('\x05\x00')))],
  },
  {
    ...shared,
    sid: 9_000_533,
    rev: 1,
    name: 'SMB Remote Service Execution (PsExec)',
    category: 'hacktool',
    severity: 'MEDIUM',
    description:
      'A service of the PsExec family is being installed on another host. Administrators do so, and attackers who move on.',
    match: [
      'flow:established,to_server',
      'content:"SMB"; offset:5; depth:3',
      String.raw`pcre:"/P\x00S\x00E\x00X\x00E\x00S\x00V\x00C\x00|P\x00A\x00E\x00X\x00e\x00c\x00-\x00|R\x00e\x00m\x00C\x00o\x00m\x00_\x00/i"`,
    ],
    oncePerFlow: true,
    attacks: [
      said('PsExec', 445, `\x00\x00\x00\x60\xfeSMB@\x00${'\x00'.repeat(58)}${[...'PSEXESVC.exe'].join('\x00')}\x00`),
      said(
        'RemCom',
        445,
        `\x00\x00\x00\x60\xfeSMB@\x00${'\x00'.repeat(58)}${[...'RemCom_communicaton'].join('\x00')}\x00`,
      ),
    ],
    benign: [
      said(
        'another file',
        445,
        `\x00\x00\x00\x60\xfeSMB@\x00${'\x00'.repeat(58)}${[...'report.docx'].join('\x00')}\x00`,
      ),
    ],
  },
  {
    ...shared,
    sid: 9_000_534,
    rev: 1,
    name: 'RDP BlueKeep Channel Request',
    category: 'overflow',
    severity: 'HIGH',
    cves: ['CVE-2019-0708'],
    description:
      'A remote desktop client asks for the inner channel MS_T120, which clients never do. Old Windows servers can be taken over by it.',
    match: [
      'flow:established,to_server',
      'content:"|03 00|"; startswith',
      'content:"MS_T120|00|"; fast_pattern; distance:0',
    ],
    oncePerFlow: true,
    attacks: [
      said(
        'in the connect request',
        3389,
        `\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x00\x00\x00\x00`,
        `\x03\x00\x01\x10\x02\xf0\x80\x7f\x65${'\x00'.repeat(40)}\x03\xc0\x20\x00\x02\x00\x00\x00rdpsnd\x00\x00\xc0\x00\x00\x00MS_T120\x00\x80\x80\x00\x00`,
      ),
    ],
    benign: [
      said(
        'ordinary channels',
        3389,
        `\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x00\x00\x00\x00`,
        `\x03\x00\x01\x10\x02\xf0\x80\x7f\x65${'\x00'.repeat(40)}\x03\xc0\x14\x00\x01\x00\x00\x00rdpsnd\x00\x00\xc0\x00\x00\x00`,
      ),
    ],
  },
  {
    ...shared,
    sid: 9_000_535,
    rev: 1,
    name: 'OpenSSL TLS Heartbeat Information Disclosure Vulnerability (Heartbleed)',
    category: 'info-leak',
    severity: 'HIGH',
    cves: ['CVE-2014-0160'],
    description:
      'A TLS heartbeat declares more bytes than it carries; an old OpenSSL answers with its memory, in which keys and passwords lie.',
    match: [
      'flow:established,to_server',
      'content:"|18 03|"; fast_pattern',
      String.raw`pcre:"/\x18\x03[\x00-\x03]\x00\x03\x01(?!\x00[\x00-\x02])[\x00-\xff]{2}/s"`,
    ],
    oncePerFlow: true,
    attacks: [
      said('sixteen kilobytes', 443, hello, heartbeat(0x4000, 0)),
      said('another port', 8443, hello, heartbeat(0xffff, 0)),
    ],
    benign: [said('an honest heartbeat', 443, hello, heartbeat(16, 32))],
  },
  {
    ...shared,
    sid: 9_000_536,
    rev: 1,
    name: 'NTP Monitor List Amplification Request',
    on: 'udp any any -> any 123',
    category: 'dos',
    severity: 'MEDIUM',
    cves: ['CVE-2013-5211'],
    description:
      'A request that old time servers answer with a list many times larger. With a forged source it floods a victim.',
    match: ['content:"|17 00|"; startswith', 'content:"|2a|"; offset:3; depth:1'],
    attacks: [sent('monlist', 123, `\x17\x00\x03\x2a${'\x00'.repeat(4)}`)],
    benign: [sent('a time request', 123, `\x23\x00\x06\xec${'\x00'.repeat(44)}`)],
  },
  {
    ...shared,
    sid: 9_000_537,
    rev: 1,
    name: 'Memcached UDP Amplification Request',
    on: 'udp any any -> any 11211',
    category: 'dos',
    severity: 'MEDIUM',
    cves: ['CVE-2018-1000115'],
    description:
      'A memcached request over UDP, whose answer is many times larger. With a forged source it floods a victim. Switch UDP off.',
    match: ['content:"|00 00 00 01 00 00|"; offset:2; depth:6', String.raw`pcre:"/^.{8}(?:stats|gets?\s)/s"`],
    attacks: [
      sent('statistics', 11211, '\x00\x01\x00\x00\x00\x01\x00\x00stats\r\n'),
      sent('a stored value', 11211, '\x00\x00\x00\x00\x00\x01\x00\x00get a\r\n'),
    ],
    benign: [sent('another datagram', 11211, 'hello memcached\r\n')],
  },
  {
    ...shared,
    sid: 9_000_538,
    rev: 1,
    name: 'Telnet Login of Known Device Malware',
    on: 'tcp any any -> any [23,2323]',
    category: 'insecure-credentials',
    severity: 'HIGH',
    description:
      'A Telnet session uses the steps with which worms of the Mirai family take over devices with default passwords.',
    match: [
      'flow:established,to_server',
      'content:"/bin/busybox "; fast_pattern',
      String.raw`pcre:"/\/bin\/busybox [A-Z]{3,10}\r?\n/"`,
    ],
    oncePerFlow: true,
    attacks: [
      said('probe for an applet', 23, 'root\r\n', 'xc3511\r\n', 'enable\r\n', 'sh\r\n', '/bin/busybox MIRAI\r\n'),
      said('another name', 2323, 'sh\r\n', '/bin/busybox ECCHI\n'),
    ],
    benign: [said('an ordinary command', 23, 'root\r\n', '/bin/busybox ls\r\n')],
  },
  {
    ...shared,
    sid: 9_000_539,
    rev: 1,
    name: 'FTP Anonymous Login',
    on: 'tcp any any -> any 21',
    category: 'insecure-credentials',
    severity: 'INFORMATIONAL',
    description: 'Somebody logged in to an FTP server without an account. Fine for a public archive, a leak elsewhere.',
    match: [
      'flow:established,to_server',
      'content:"USER "; nocase; fast_pattern',
      String.raw`pcre:"/^USER\s+(?:anonymous|ftp)\s*\r?\n/mi"`,
    ],
    oncePerFlow: true,
    attacks: [
      {
        kind: 'tcp',
        label: 'anonymous',
        port: 21,
        turns: [
          { from: 'server', data: '220 ready\r\n' },
          { from: 'client', data: 'USER anonymous\r\n' },
          { from: 'server', data: '331 ok\r\n' },
        ],
      },
      {
        kind: 'tcp',
        label: 'lower case',
        port: 21,
        turns: [
          { from: 'server', data: '220 ready\r\n' },
          { from: 'client', data: 'user ftp\r\n' },
          { from: 'server', data: '331 ok\r\n' },
        ],
      },
    ],
    benign: [
      {
        kind: 'tcp',
        label: 'an account',
        port: 21,
        turns: [
          { from: 'server', data: '220 ready\r\n' },
          { from: 'client', data: 'USER ftpadmin\r\n' },
          { from: 'server', data: '331 ok\r\n' },
        ],
      },
    ],
  },
];
