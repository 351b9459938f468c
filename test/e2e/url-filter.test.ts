import { copyFile, rename, truncate } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SquidInput } from '#engines/squid/input.ts';
import { eventually } from '../deployment.ts';
import {
  filterInput,
  GUEST,
  OTHER,
  STAFF,
  type UrlFilterLab,
  urlFilterLab,
  urlList,
  urlProfile,
  urlRule,
  WEB,
} from '../url-filter-lab.ts';

let lab: UrlFilterLab;

const lists = [
  urlList('games', 'games.example\nplay.example\n'),
  urlList('ads', '||ads.example^\n@@||good.ads.example^\n', 'adblock'),
];
const rules = [
  urlRule('guests-play', { lists: ['games'], sources: [`${GUEST}/32`], action: 'allow' }),
  urlRule('no-games', { lists: ['games'], reason: 'Games are for after work.' }),
  urlRule('no-ads', { lists: ['ads'] }),
];
const base = filterInput(urlProfile(rules), lists);

const profiled = (more: Partial<SquidInput['profiles'][number]>): SquidInput =>
  filterInput(urlProfile(rules, more), lists);

const closed = /^000curl: \((35|52|56)\)/;

/** What the log says of the last request for a host. */
const lastOf = async (host: string) =>
  eventually(
    async () => (await lab.log()).findLast((it) => it['host'] === host),
    (it) => it !== undefined,
  );

beforeAll(async () => {
  lab = await urlFilterLab();
  await lab.apply(base);
});

afterAll(() => lab?.cleanup());

test('what is allowed arrives, from the address of the client, and nobody sees the filter', async () => {
  const said = (host: string) => `${STAFF} asks ${WEB} for ${host}/a via nobody\n200`;
  expect(await lab.curl('http://good.example/a')).toBe(said('good.example'));
  expect(await lab.curl('https://good.example/a')).toBe(said('good.example'));
  const head = await lab.curl('-I', 'http://good.example/');
  expect(head).not.toMatch(/squid|x-cache|via:/i);
});

test('what is asked for a client leaves by a port that the client would not choose, or one of the two would wait for the other', async () => {
  const dripping = lab.curl('http://good.example/drip?count=20');
  const asked = await eventually(
    async () => (await lab.machine.exec(['ss', '-Htn', `dst ${WEB}`], { namespace: 'gateway' })).stdout,
    (it) => it.includes(`${STAFF}:`),
  );
  const ports = [...asked.matchAll(new RegExp(`${STAFF}:(\\d+)`, 'g'))].map((it) => Number(it[1]));
  expect(Math.max(...ports)).toBeLessThan(32_768);
  expect(await dripping).toMatch(/200$/);
});

test('what a rule blocks shows a page that says what, why, whom to ask and by which number; the log knows it', async () => {
  const page = await lab.curl('http://www.games.example/secret?q=1');
  expect(page).toMatch(/403$/);
  for (const it of ['www.games.example', 'Games are for after work.', 'Games', 'Staff', 'no-games', 'Example Ltd'])
    expect(page).toContain(it);
  expect(page).toContain('href="mailto:it@example.com?subject=Access%20to%20www.games.example');
  // Nothing is loaded from anywhere.
  expect(page).not.toMatch(/(src|href)="(?!mailto:|data:)/);
  const line = await lastOf('www.games.example');
  expect(page).toContain(`<code>${line?.['ref']}</code>`);
  expect(line).toMatchObject({
    ...{ client: STAFF, verdict: 'block', cause: 'rule', category: 'games', status: 403, method: 'GET' },
    ...{
      profile: 'lab/urlProfile/staff',
      rule: 'lab/urlProfile/staff/no-games',
      filter: 'lab/filterPolicy/office/web',
    },
  });
});

test('a site of HTTPS is judged by its server name: the connection is closed, nothing is decrypted', async () => {
  expect(await lab.curl('https://play.example/')).toMatch(closed);
  expect(await lastOf('play.example')).toMatchObject({ verdict: 'block', category: 'games', method: 'CONNECT' });
  const { stdout } = await lab.client(
    ['openssl', 's_client', '-connect', `${WEB}:443`, '-servername', 'good.example', '-showcerts'],
    '',
  );
  const { stdout: direct } = await lab.machine.exec(['openssl', 's_client', '-connect', '127.0.0.1:443'], {
    namespace: 'web',
  });
  const certificate = (text: string) => /-----BEGIN CERTIFICATE-----[^-]*/.exec(text)?.[0];
  expect(certificate(stdout)).toBe(certificate(direct));
});

test('a domain covers what lies below it, and nothing that only ends alike', async () => {
  expect(await lab.curl('http://a.b.games.example/')).toMatch(/403$/);
  expect(await lab.curl('http://GAMES.example./')).toMatch(/403$/);
  expect(await lab.curl('http://boardgames.example/')).toMatch(/200$/);
  expect(await lab.curl('http://games.example.good.example/')).toMatch(/200$/);
});

test('exceptions: within a list, and for who asks', async () => {
  expect(await lab.curl('http://x.ads.example/')).toMatch(/403$/);
  expect(await lab.curl('http://good.ads.example/')).toMatch(/200$/);
  expect(await lab.curl('--interface', GUEST, 'http://games.example/')).toContain(`${GUEST} asks ${WEB}`);
  expect(await lab.curl('--interface', GUEST, 'https://games.example/')).toContain(`${GUEST} asks ${WEB}`);
});

test('the name of a good site does not lead to the address of another', async () => {
  const forged = (scheme: 'http' | 'https', port: number) => [
    ...['--resolve', `good.example:${port}:${OTHER}`, `${scheme}://good.example/`],
  ];
  expect(await lab.curl(...forged('http', 80))).toMatch(/409$/);
  expect(await lab.curl(...forged('https', 443))).toMatch(closed);
});

test('addresses instead of names are refused, or judged where a profile says so', async () => {
  expect(await lab.curl(`http://${WEB}/`)).toMatch(/403$/);
  expect(await lab.curl(`https://${WEB}/`)).toMatch(closed);
  await lab.apply(profiled({ addressLiteral: 'allow' }));
  expect(await lab.curl(`http://${WEB}/`)).toMatch(/200$/);
  await lab.apply(base);
});

test('resolvers by HTTPS are stopped by name and by address, and names to hide behind; the log says by which option', async () => {
  const barred: SquidInput['profiles'][number]['barred'] = [
    { cause: 'dns_over_https', list: 'doh', addresses: [`${OTHER}/32`] },
    { cause: 'encrypted_client_hello', list: 'ech', addresses: [] },
  ];
  const more = [...lists, urlList('doh', 'doh.example'), urlList('ech', 'outer.example')];
  // A rule that allows everybody everything changes nothing about it.
  const rule = urlRule('all', { action: 'allow' });
  await lab.apply(filterInput(urlProfile([rule], { barred, noServerName: 'allow', addressLiteral: 'allow' }), more));
  for (const [host, category, cause] of [
    ['doh.example', 'doh', 'dns_over_https'],
    ['outer.example', 'ech', 'encrypted_client_hello'],
  ] as const) {
    expect(await lab.curl(`https://${host}/`)).toMatch(closed);
    expect(await lastOf(host)).toMatchObject({ verdict: 'block', category, cause });
  }
  expect(await lab.curl('http://doh.example/')).toContain('It answers names in place of this network’s own resolver.');
  expect(await lab.curl('--resolve', `${OTHER}:443:${OTHER}`, `https://${OTHER}/dns-query`)).toMatch(closed);
  expect(await lab.curl(`https://${WEB}/dns-query`)).toMatch(/200$/);
  expect(await lab.curl('https://good.example/')).toMatch(/200$/);
  await lab.apply(base);
});

test('TLS without a server name is closed, or judged where a profile says so', async () => {
  const shake = async () =>
    (await lab.client(['openssl', 's_client', '-connect', `${WEB}:443`, '-noservername', '-brief'], '')).stderr;
  expect(await shake()).not.toContain('CONNECTION ESTABLISHED');
  await lab.apply(profiled({ noServerName: 'allow' }));
  expect(await shake()).toContain('CONNECTION ESTABLISHED');
  await lab.apply(base);
});

test('what is no TLS on the port of HTTPS is closed, whoever speaks first', async () => {
  const speak = `
    const socket = require('node:net').connect(443, '${WEB}', () => socket.write('SSH-2.0-OpenSSH_9.2\\r\\n'));
    let got = '';
    socket.on('data', (it) => { got += it; }).on('error', () => {}).on('close', () => console.log('closed', got.includes('SSH')));`;
  expect((await lab.client([process.execPath, '-e', speak])).stdout.trim()).toBe('closed false');
});

test('tunnels and other schemes on the port of HTTP are refused', async () => {
  const ask = async (line: string) => {
    const script = `
      const socket = require('node:net').connect(80, '${WEB}', () => socket.write(${JSON.stringify(`${line}\r\nHost: good.example\r\n\r\n`)}));
      let got = '';
      socket.on('data', (it) => { got += it; socket.destroy(); }).on('error', () => {}).on('close', () => console.log(got.split('\\r\\n')[0]));`;
    return (await lab.client([process.execPath, '-e', script])).stdout.trim();
  };
  expect(await ask('CONNECT good.example:443 HTTP/1.1')).not.toMatch(/ 200/);
  expect(await ask('GET ftp://good.example/ HTTP/1.1')).not.toMatch(/ 200/);
  expect(await ask('GET http://games.example/ HTTP/1.1')).toMatch(/ 4\d\d/);
});

test('QUIC is refused at once, so that browsers fall back to what can be judged', async () => {
  const script = `
    const socket = require('node:dgram').createSocket('udp4');
    socket.connect(443, '${WEB}', () => socket.send('hello'));
    socket.on('error', (error) => { console.log(error.code); socket.close(); }).on('message', () => { console.log('answered'); socket.close(); });`;
  expect((await lab.client([process.execPath, '-e', script])).stdout.trim()).toBe('ECONNREFUSED');
});

test('address translation behind the filter: the gateway’s own address outside, the client’s in the log', async () => {
  const translation = `
table ip translated {
  chain source {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "ext" snat to 10.82.0.1
  }
}
`;
  await lab.machine.exec(['nft', '-f', '-'], { namespace: 'gateway', stdin: translation });
  expect(await lab.curl('http://translated.example/')).toContain(`10.82.0.1 asks ${WEB}`);
  expect(await lab.curl('https://translated.example/')).toContain(`10.82.0.1 asks ${WEB}`);
  expect(await lastOf('translated.example')).toMatchObject({ client: STAFF });
  await lab.machine.exec(['nft', 'delete', 'table', 'ip', 'translated'], { namespace: 'gateway' });
});

test('a rule with a schedule holds at its times only', async () => {
  const at = (shift: number) => {
    const day = new Date(Date.now() + shift * 86_400_000).getUTCDay();
    return [{ days: [day], from: 0, until: 1440, timeZone: 'UTC' }];
  };
  const news = (schedule: ReturnType<typeof at>) =>
    filterInput(urlProfile([urlRule('no-news', { lists: ['news'], schedule })]), [urlList('news', 'news.example')]);
  await lab.apply(news([...at(0), ...at(1)]));
  expect(await lab.curl('http://news.example/')).toMatch(/403$/);
  await lab.apply(news(at(3)));
  expect(await lab.curl('http://news.example/')).toMatch(/200$/);
  await lab.apply(base);
});

test('another default: only what a list allows', async () => {
  const rule = urlRule('allowed', { lists: ['games'], action: 'allow' });
  await lab.apply(filterInput(urlProfile([rule], { defaultAction: 'block' }), lists));
  expect(await lab.curl('http://games.example/')).toMatch(/200$/);
  expect(await lab.curl('http://good.example/')).toMatch(/403$/);
  await lab.apply(base);
});

test('counters come back under the rules, and the gateway says how many domains it knows', async () => {
  await lab.curl('http://games.example/');
  const { values } = await eventually(
    () => lab.observe(),
    (it) => (it.values['lab/urlProfile/staff/no-games']?.['blocked'] ?? 0) > 0,
  );
  expect(values['lab/gateway/gw1']).toMatchObject({ domains: 4 });
});

test('a list that is damaged is refused, said so, and the former goes on', async () => {
  const { stdout } = await lab.machine.exec(['ls', lab.paths.lists]);
  const file = `${lab.paths.lists}/${stdout.split('\n').find((it) => it.startsWith('games.'))}`;
  await copyFile(file, `${file}.kept`);
  await copyFile(file, `${file}.broken`);
  await truncate(`${file}.broken`, 70);
  await rename(`${file}.broken`, file);
  const seen = await eventually(
    () => lab.observe(),
    (it) => it.state === 'failed',
  );
  expect(seen.detail).toContain('is not a whole list');
  expect(await lab.curl('http://games.example/')).toMatch(/403$/);
  await lab.machine.exec(['chmod', '0640', `${file}.kept`]);
  await lab.machine.exec(['chgrp', '--reference', lab.paths.lists, `${file}.kept`]);
  await rename(`${file}.kept`, file);
  await eventually(
    () => lab.observe(),
    (it) => it.state === 'ready',
  );
});
