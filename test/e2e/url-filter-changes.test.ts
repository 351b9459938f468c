import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../deployment.ts';
import { inNamespace } from '../machine.ts';
import { filterInput, type UrlFilterLab, urlFilterLab, urlList, urlProfile, urlRule, WEB } from '../url-filter-lab.ts';
import { load } from '../url-filter-load.ts';

let lab: UrlFilterLab;

const games = (more = '') =>
  filterInput(urlProfile([urlRule('no-games', { lists: ['games'] })]), [
    urlList('games', `games.example\nplay.example\n${more}`),
  ]);
const million = () => Array.from({ length: 1_000_000 }, (_, index) => `site-${index}.listed${index % 1000}.example`);

beforeAll(async () => {
  lab = await urlFilterLab();
  await lab.apply(games());
});

afterAll(() => lab?.cleanup());

const isBlocked = async (host: string) => (await lab.curl(`http://${host}/`)).endsWith('403');

/** A transfer that goes on for a while; gives whether it came whole. */
function transfer(scheme: 'http' | 'https', count: number): { readonly done: Promise<number> } {
  const port = scheme === 'http' ? 80 : 443;
  const [program = '', ...words] = inNamespace(lab.machine.namespace('clients'), [
    ...['curl', '-sSkN', '--noproxy', '*', '--resolve', `good.example:${port}:${WEB}`],
    `${scheme}://good.example/drip?count=${count}`,
  ]);
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let drops = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    drops += text.split('drop').length - 1;
  });
  return { done: new Promise((done) => child.on('close', () => done(drops))) };
}

test('lists change while people browse: no request fails, none is judged wrongly', async () => {
  const stop = load(lab.machine.namespace('clients'));
  for (let turn = 0; turn < 8; turn++) await lab.apply(games(`turn-${turn}.example\n`));
  expect(await isBlocked('turn-7.example')).toBe(true);
  expect(await isBlocked('turn-6.example')).toBe(false);
  const { requests, wrong } = await stop();
  expect(wrong).toEqual([]);
  expect(requests).toBeGreaterThan(100);
});

test('a list of a million domains replaces a small one while people browse; the decision program stays small', async () => {
  const list = million().join('\n');
  const stop = load(lab.machine.namespace('clients'));
  await lab.apply(games(list));
  expect(await isBlocked('www.site-999999.listed999.example')).toBe(true);
  expect(await isBlocked('site-1000000.listed0.example')).toBe(false);
  const { wrong } = await stop();
  expect(wrong).toEqual([]);
  const seen = await lab.observe();
  expect(seen.values['lab/gateway/gw1']).toMatchObject({ domains: 1_000_002 });
  const { stdout } = await lab.machine.exec(['cat', `/proc/${await lab.pidOf('decisions')}/status`]);
  expect(Number(/VmRSS:\s+(\d+)/.exec(stdout)?.[1]) / 1024).toBeLessThan(100);
  await lab.apply(games());
});

test('the decision program is killed under load: nothing forbidden gets through, what flows goes on, another one starts', async () => {
  const flows = [transfer('http', 40), transfer('https', 40)];
  const stop = load(lab.machine.namespace('clients'));
  const before = await lab.pidOf('decisions');
  process.kill(before, 'SIGKILL');
  await eventually(
    () => lab.pidOf('decisions'),
    (it) => it > 0 && it !== before,
  );
  await eventually(
    () => lab.curl('http://good.example/'),
    (it) => it.endsWith('200'),
  );
  const { wrong } = await stop();
  // Some requests may be refused meanwhile; no forbidden one is let through.
  expect(wrong.filter((it) => /^(games|a\.play)\.example 2/.test(it))).toEqual([]);
  expect(await Promise.all(flows.map((it) => it.done))).toEqual([40, 40]);
});

test('squid is killed under load: nothing passes by it, and it comes back by itself', async () => {
  const stop = load(lab.machine.namespace('clients'));
  const before = await lab.pidOf('squid');
  process.kill(before, 'SIGKILL');
  await eventually(
    () => lab.pidOf('squid'),
    (it) => it > 0 && it !== before,
  );
  await eventually(
    () => lab.curl('http://good.example/'),
    (it) => it.endsWith('200'),
  );
  expect(await isBlocked('games.example')).toBe(true);
  const { wrong } = await stop();
  expect(wrong.filter((it) => / 2\d\d$/.test(it))).toEqual([]);
});

test('another set of ports is taken up without ending what flows', async () => {
  const flows = [transfer('http', 40), transfer('https', 40)];
  // Both must be under way.
  await eventually(
    async () =>
      (await lab.machine.exec(['ss', '-Htn', 'state', 'established', `dst ${WEB}`], { namespace: 'clients' })).stdout,
    (it) => it.trim().split('\n').length >= 2,
  );
  const more = games();
  await lab.apply({
    ...more,
    listeners: [...more.listeners, { http: 3139, https: 3140, profile: 'staff', rule: 'lab/filterPolicy/office/two' }],
  });
  expect(await isBlocked('games.example')).toBe(true);
  expect(await Promise.all(flows.map((it) => it.done))).toEqual([40, 40]);
});

test('taken off the machine, nothing of it is left, and what was diverted to it goes nowhere', async () => {
  await lab.remove();
  expect((await lab.machine.exec(['pgrep', '-f', lab.paths.config])).stdout).toBe('');
  expect((await lab.machine.exec(['ls', lab.paths.folder])).code).not.toBe(0);
  expect(await lab.curl('-m', '3', 'http://good.example/')).toContain('000');
});
