import { afterAll, beforeAll, expect, test } from 'vitest';
import { FRONT, type ProxyLab, proxyLab, site } from '../proxy-lab.ts';

let lab: ProxyLab;

beforeAll(async () => {
  lab = await proxyLab();
  await lab.hold(site());
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

test('answers', async () => {
  expect(await lab.curl(`https://${FRONT}/`)).toMatch(/^10\.1\.0\.1[12]$/);
});
