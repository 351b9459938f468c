import { describe, expect, test } from 'vitest';
import { guardedFetch } from './fetch.ts';
import { objectionTo } from './resolve.ts';

test.each([
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '169.254.169.254',
  '224.0.0.1',
  '255.255.255.255',
  '130.211.0.1',
  '35.235.240.1',
  '::1',
  '::ffff:127.0.0.1',
])('%s is never asked', (address) => {
  expect(objectionTo(address, true)).toBeDefined();
});

test.each(['10.0.0.1', '172.16.5.4', '192.168.1.1', '100.64.0.1'])('%s only where that was allowed', (address) => {
  expect(objectionTo(address, false)).toContain('private');
  expect(objectionTo(address, true)).toBeUndefined();
});

test.each(['203.0.113.5', '198.51.100.7', '8.8.8.8'])('%s may be asked', (address) => {
  expect(objectionTo(address, false)).toBeUndefined();
});

describe('what is configured or answered', () => {
  const ask = guardedFetch({ allowPrivate: false, servers: ['127.0.0.1'] });
  test.each([
    ['http://accounts.example/', 'only https'],
    ['file:///etc/passwd', 'only https'],
    ['https://127.0.0.1/', 'an address of our own'],
    ['https://2130706433/', 'an address of our own'],
    ['https://0x7f.1/', 'an address of our own'],
    ['https://[::1]/', 'no IPv4 address'],
    ['https://[::ffff:7f00:1]/', 'no IPv4 address'],
    ['https://169.254.169.254/computeMetadata/', 'an address of our own'],
    ['https://10.1.2.3/', 'a private address'],
    ['https://localhost/', 'an address of our own'],
  ])('%s is not fetched', async (url, why) => {
    await expect(ask(url)).rejects.toThrow(why);
  });
});
