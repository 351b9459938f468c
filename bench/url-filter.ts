/**
 * The URL filter: what a list of domains costs in time and memory, and how fast it is asked.
 * `node bench/url-filter.ts`, as root.
 */
import { readFileSync } from 'node:fs';
import { compileList, encodeList, holds } from '#lib/domains/compiled.ts';
import { suffixHashes } from '#lib/domains/hash.ts';
import { parseList } from '#lib/domains/parse.ts';
import { filterInput, urlFilterLab, urlList, urlProfile, urlRule } from '../test/url-filter-lab.ts';

const names = (count: number) =>
  Array.from({ length: count }, (_, index) => `site-${index}.listed${index % 1000}.example`);
const input = (count: number) =>
  filterInput(urlProfile([urlRule('no-games', { lists: ['games'] })]), [urlList('games', names(count).join('\n'))]);
const seconds = (from: number) => ((performance.now() - from) / 1000).toFixed(2);

for (const count of [100_000, 1_000_000]) {
  const text = names(count).join('\n');
  const begin = performance.now();
  const list = compileList(parseList(text, 'plain').domains);
  const compiled = seconds(begin);
  const asked = names(200_000).map((it, index) => (index % 2 === 0 ? `www.${it}` : `x${it}`));
  const from = performance.now();
  let held = 0;
  for (const it of asked) if (holds(list, suffixHashes(it))) held += 1;
  const rate = asked.length / ((performance.now() - from) / 1000);
  const bytes = encodeList(list).length;
  console.log(
    `${count} domains: compiled in ${compiled} s, ${(bytes / count).toFixed(1)} bytes each, ${(rate / 1e6).toFixed(2)} M lookups/s (${held} held)`,
  );
}

const lab = await urlFilterLab();
try {
  const megabytes = async (program: 'squid' | 'decisions') =>
    (
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${await lab.pidOf(program)}/status`, 'utf8'))?.[1]) / 1024
    ).toFixed(0);
  for (const count of [1000, 100_000, 1_000_000]) {
    const begin = performance.now();
    await lab.apply(input(count));
    const took = seconds(begin);
    console.log(
      `${count} domains: checked, compiled and in force in ${took} s; squid ${await megabytes('squid')} MB, decisions ${await megabytes('decisions')} MB`,
    );
  }
} finally {
  await lab.cleanup();
}
