import { expect, test } from 'vitest';
import { firstMarker, type Marker, nextMarker, parseMarker } from './marker.ts';

const [a, b] = [`holds_${'a'.repeat(64)}_${'0'.repeat(16)}`, `holds_${'b'.repeat(64)}_${'0'.repeat(16)}`];
const listing = (chains: readonly string[]): string =>
  `table ip gw_state {\n${[...chains, 'epoch_0011223344556677'].map((it) => `\tchain ${it} {\n\t}\n`).join('\n')}}\n`;

test('what the state table says is read back, however often the same rules have come and gone', () => {
  let marker: Marker = firstMarker(a);
  expect(parseMarker(listing(marker.chains))).toEqual(marker);
  for (const holds of [b, a, b, b, a]) {
    marker = nextMarker(marker, holds).after;
    expect(parseMarker(listing(marker.chains))).toEqual({ ...marker, holds });
  }
});

test('a change fails on what it does not start from: it asks for the marker and ends its turn, which works once', () => {
  const { text } = nextMarker(firstMarker(a), b);
  expect(text.split('\n').slice(0, 2)).toEqual([`flush chain ip gw_state ${a}_0`, 'create chain ip gw_state left_0']);
});

test('nothing is deleted for a change, because nft would read all chains first, until many have gathered', () => {
  let marker: Marker = firstMarker(a);
  let deleting = 0;
  for (let turn = 0; turn < 1000; turn++) {
    const { text, after } = nextMarker(marker, turn % 2 === 0 ? b : a);
    if (text.includes('delete')) deleting++;
    marker = after;
    expect(marker.chains.length).toBeLessThan(403);
    expect(parseMarker(listing(marker.chains))?.turn).toBe(turn + 1);
  }
  expect(deleting).toBe(4);
});

test.each([
  ['an empty table', []],
  ['two that hold', [`${a}_0`, `${b}_1`]],
  ['none that holds any more', [`${a}_0`, 'left_0']],
  ['markers without turns', [a]],
])('%s says nothing', (_, chains) => {
  expect(parseMarker(listing(chains))).toBeUndefined();
});
