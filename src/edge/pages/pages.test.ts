import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { accountPage } from './account.ts';
import { html } from './html.ts';
import { failurePage, type Page, page, renderPage, securityHeaders } from './page.ts';
import { choicePage, codePage, consentPage, enrolPage, newPasswordPage, passwordPage } from './sign-in.ts';

const hostile = `"><script>alert(1)</script>'&`;
const around = { application: hostile, support: 'support@example.com' };
const who = { displayName: hostile, email: 'alice@example.com' };

const account = {
  ...who,
  groups: [hostile],
  problem: hostile,
  ownPassword: true,
  minimumLength: 12,
  totp: { qr: '<svg></svg>', secret: 'ABCDEFGH' },
  passkeys: [{ id: hostile, label: hostile, since: '2026-01-01' }],
  passkeyOptions: JSON.stringify({ challenge: hostile }),
  sessions: 2,
};

const pages: readonly [string, Page][] = [
  [
    'password',
    passwordPage({
      application: hostile,
      action: '/interaction/x',
      email: hostile,
      problem: hostile,
      passkey: hostile,
    }),
  ],
  ['code', codePage({ action: '/interaction/x', problem: hostile, ...who })],
  ['new password', newPasswordPage({ action: '/interaction/x', minimumLength: 12, ...who })],
  ['enrolment', enrolPage({ action: '/interaction/x', qr: '<svg></svg>', secret: 'ABCDEFGH', application: hostile })],
  ['consent', consentPage({ action: '/i', application: hostile, host: hostile, asked: [hostile], ...who })],
  ['choice', choicePage({ application: hostile, choices: [{ label: hostile, href: `/${hostile}` }] })],
  ['failure', failurePage({ title: hostile, cause: hostile, remedy: hostile, requestId: hostile })],
  ['account', accountPage(account)],
  ['account with an app', accountPage({ ...account, totp: { since: hostile }, ownPassword: false })],
];

test.each(pages)('%s: whatever comes from outside stays text', (_, it) => {
  const text = renderPage(it, around);
  expect(text).not.toContain('<script>alert');
  expect(text.match(/<script>/g)?.length ?? 0).toBe(it.script === undefined ? 0 : 1);
});

test.each(pages)('%s: every field has a label, and there is one heading of the first rank', (_, it) => {
  const text = renderPage(it, around);
  for (const [, id] of text.matchAll(/<input id="([^"]+)"/g)) expect(text).toContain(`<label for="${id}">`);
  expect(text.match(/<h1[ >]/g)).toHaveLength(1);
  expect(text).toContain('<html lang="en">');
});

test.each(pages)('%s: the policy lets through the very style and script of the page, and nothing else', (_, it) => {
  const text = renderPage(it, around);
  const policy = securityHeaders(it.script)['content-security-policy'] ?? '';
  const digest = (inner: string) => `'sha256-${createHash('sha256').update(inner).digest('base64')}'`;
  const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(text) ?? [];
  expect(policy).toContain(`style-src ${digest(style)}`);
  const [, script] = /<script>([\s\S]*?)<\/script>/.exec(text) ?? [];
  if (script !== undefined) expect(policy).toContain(`script-src ${digest(script)}`);
  else expect(policy).not.toContain('script-src');
  expect(text).not.toMatch(/ style="| on[a-z]+="|https?:\/\/(?!127)/);
});

test('a refusal of the proxy looks the same', () => {
  const text = page({ title: 'No access', application: 'Shop', body: html`<p>${hostile}</p>` });
  expect(text).toContain('<h1>No access</h1>');
  expect(text).not.toContain('<script>alert');
});
