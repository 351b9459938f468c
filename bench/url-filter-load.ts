/**
 * What the URL filter costs those who browse: requests a second and downloads over HTTP and TLS, in ratios to the same
 * gateway without it, judged by a list of a million domains; its memory; how long an update of that list takes while
 * nobody and while everybody asks, and what the update costs them. Run as root: node bench/url-filter-load.ts [rounds]
 * [domains] [seconds of each measurement]. Everything happens in namespaces of its own; needs wrk and nginx. Ratios are of
 * the same round; [a-b] are the lowest and the highest round.
 */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { selfSigned } from '../test/certificates.ts';
import {
  filterInput,
  OTHER,
  type UrlFilterLab,
  urlFilterLab,
  urlList,
  urlProfile,
  urlRule,
  WEB,
} from '../test/url-filter-lab.ts';
import { load } from '../test/url-filter-load.ts';
import { spread } from './spread.ts';

const rounds = Number(process.argv[2] ?? 3);
const domains = Number(process.argv[3] ?? 1_000_000);
const seconds = Number(process.argv[4] ?? 2);
const download = 200_000_000;

const folder = mkdtempSync(`${tmpdir()}/vauban-bench-url-`);

/** A web server that is no bottleneck beside a proxy, on both addresses; and names for it. */
function webServer(): readonly string[] {
  const { certificate, privateKey } = selfSigned(['good.example', '*.example']);
  writeFileSync(`${folder}/cert`, certificate);
  writeFileSync(`${folder}/key`, privateKey, { mode: 0o600 });
  writeFileSync(`${folder}/large`, '', { mode: 0o644 });
  truncateSync(`${folder}/large`, download);
  writeFileSync(
    `${folder}/nginx.conf`,
    `daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1; user root;
events { worker_connections 4096; }
http {
  access_log off; sendfile off; output_buffers 2 256k; keepalive_requests 100000000; ssl_certificate cert; ssl_certificate_key key;
  server {
    listen 80 backlog=4096; listen 443 ssl backlog=4096;
    location / { return 200 "${'x'.repeat(1000)}"; }
    location /large { root ${folder}; }
  }
}
`,
  );
  writeFileSync(`${folder}/hosts`, `${WEB} good.example games.example\n${OTHER} direct.example\n`);
  return ['nginx', '-p', folder, '-c', `${folder}/nginx.conf`];
}

const names = Array.from({ length: domains }, (_, index) => `site-${index}.listed${index % 1000}.example`).join('\n');

/** `games` is the large list; `few` a small one beside it. */
const input = ({ games = '', few = '' }) =>
  filterInput(urlProfile([urlRule('no-games', { lists: ['games', 'few'] })]), [
    urlList('games', `games.example\nplay.example\n${games}${names}`),
    urlList('few', `few.example\n${few}`),
  ]);

interface Asked {
  /** Answers a second. */
  readonly rate: number;
  /** Connections that failed, and answers that say no. */
  readonly failed: number;
  readonly refused: number;
}

const number = (pattern: RegExp, text: string): number => Number(pattern.exec(text)?.[1] ?? 0);

/** Sixteen at a time ask, over a connection each (`close`) or over one that they keep. */
async function ask({ client }: UrlFilterLab, url: string, { close = false, time = seconds }): Promise<Asked> {
  const wrk = [
    'wrk',
    '-t1',
    '-c16',
    `-d${time}s`,
    '--timeout',
    '10s',
    ...(close ? ['-H', 'Connection: close'] : []),
    url,
  ];
  const withNames = `mount --bind ${folder}/hosts /etc/hosts && exec "$@"`;
  const { stdout, stderr, code } = await client(['unshare', '--mount', 'sh', '-c', withNames, 'sh', ...wrk]);
  if (code !== 0) throw new Error(`wrk: ${stderr || stdout}`);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout) ?? [];
  return {
    rate: number(/Requests\/sec:\s+([\d.]+)/, stdout),
    failed: errors.slice(1).reduce((sum, it) => sum + Number(it), 0),
    refused: number(/Non-2xx or 3xx responses: (\d+)/, stdout),
  };
}

/** Bytes a second of one large file. */
async function fetch({ client }: UrlFilterLab, scheme: string, host: string): Promise<number> {
  const address = host === 'direct.example' ? OTHER : WEB;
  const resolve = ['--resolve', `${host}:80:${address}`, '--resolve', `${host}:443:${address}`];
  const words = ['-sSk', '-m', '50', '--noproxy', '*', '-o', '/dev/null', '-w', '%{speed_download} %{size_download}'];
  const { stdout, stderr } = await client(['curl', ...words, ...resolve, `${scheme}://${host}/large`]);
  const [speed = 0, size = 0] = stdout.split(' ').map(Number);
  if (size !== download) throw new Error(`${size} of ${download} bytes came: ${stderr}`);
  return speed;
}

const megabytes = async (lab: UrlFilterLab, program: 'squid' | 'decisions'): Promise<number> =>
  number(/VmRSS:\s+(\d+)/, readFileSync(`/proc/${await lab.pidOf(program)}/status`, 'utf8')) / 1024;

async function inSeconds(does: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await does();
  return (performance.now() - began) / 1000;
}

const row = (name: string, text: string) => console.log(`  ${name.padEnd(42)} ${text}`);

async function compareRates(lab: UrlFilterLab): Promise<void> {
  console.log('in ratios to the same gateway without a URL filter');
  const kinds = ['http', 'https'].flatMap((scheme) => [true, false].map((close) => ({ scheme, close })));
  for (const { scheme, close } of kinds) {
    const [ratios, rates]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const without = await ask(lab, `${scheme}://direct.example/`, { close });
      const through = await ask(lab, `${scheme}://good.example/`, { close });
      if (through.refused > 0 || through.failed > 0) console.log('  not all were answered:', through);
      ratios.push(through.rate / without.rate);
      rates.push(through.rate);
    }
    const title = `${scheme}, ${close ? 'a connection for each request' : 'connections that are kept'}`;
    row(title, `${spread(ratios)}   (${spread(rates, 0)} requests/s)`);
  }
  const blocked: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { rate, refused, failed } = await ask(lab, 'http://games.example/', { close: true });
    if (refused === 0 || failed > 0) console.log('  not all were refused:', { refused, failed });
    blocked.push(rate);
  }
  row('http, refused with the page', `(${spread(blocked, 0)} requests/s)`);
  for (const scheme of ['http', 'https']) {
    const [ratios, rates]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const without = await fetch(lab, scheme, 'direct.example');
      const through = await fetch(lab, scheme, 'good.example');
      ratios.push(through / without);
      rates.push(through / 1e6);
    }
    row(`${scheme}, one download`, `${spread(ratios)}   (${spread(rates, 0)} MB/s)`);
  }
}

/** Changes lists while people browse: how long until they are in force, and what those notice who ask meanwhile. */
async function updates(lab: UrlFilterLab): Promise<void> {
  const times = { few: [] as number[], idle: [] as number[], busy: [] as number[] };
  const [ratios, wrong]: [number[], string[]] = [[], []];
  let [requests, failed] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    times.few.push(await inSeconds(() => lab.apply(input({ few: `few-${round}.example\n` }))));
    times.idle.push(await inSeconds(() => lab.apply(input({ games: `idle-${round}.example\n` }))));
    const time = Math.ceil((times.idle[0] ?? 1) * 2) + 1;
    const stop = load(lab.machine.namespace('clients'));
    const quiet = await ask(lab, 'http://good.example/', { close: true, time });
    const asked = ask(lab, 'http://good.example/', { close: true, time });
    await sleep(500);
    times.busy.push(await inSeconds(() => lab.apply(input({ games: `busy-${round}.example\n` }))));
    const meanwhile = await asked;
    const judged = await stop();
    ratios.push(meanwhile.rate / quiet.rate);
    failed += quiet.failed + quiet.refused + meanwhile.failed + meanwhile.refused;
    requests += judged.requests + Math.round((quiet.rate + meanwhile.rate) * time);
    wrong.push(...judged.wrong);
  }
  console.log('updates, from the changed list to in force');
  row('a small list beside the large one', `${spread(times.few)} s`);
  row(`the large one, ${domains} domains, idle`, `${spread(times.idle)} s`);
  row('the large one, while people browse', `${spread(times.busy)} s`);
  row('requests/s meanwhile, to those without update', spread(ratios));
  row('requests that failed or were judged wrongly', `${failed + wrong.length} of ${requests}`);
  if (wrong.length > 0) console.log([...new Set(wrong)].slice(0, 10));
}

let lab: UrlFilterLab | undefined;
const cleanup = async (): Promise<void> => {
  await lab?.cleanup();
  rmSync(folder, { recursive: true, force: true });
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void cleanup().finally(() => process.exit(130)));
}
try {
  lab = await urlFilterLab(webServer());
  const { exec } = lab.machine;
  await exec(['nft', 'insert', 'rule', 'ip', 'gw', 'divert', 'ip', 'daddr', OTHER, 'accept'], { namespace: 'gateway' });
  // Those who ask are one address here, and would run out of ports.
  await exec(['sysctl', '-q', '-w', 'net.ipv4.tcp_tw_reuse=1', 'net.ipv4.ip_local_port_range=32768 65535'], {
    namespace: 'clients',
  });
  const now = lab;
  const first = await inSeconds(() => now.apply(input({})));
  const memory = async () =>
    `squid ${(await megabytes(now, 'squid')).toFixed(0)} MB, decisions ${(await megabytes(now, 'decisions')).toFixed(0)} MB`;
  console.log(`${domains} domains: in force in ${first.toFixed(2)} s; ${await memory()}`);
  await compareRates(lab);
  await updates(lab);
  console.log(`after all that: ${await memory()}`);
} finally {
  await cleanup();
}
