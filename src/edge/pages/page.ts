import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Html, html, type Piece } from './html.ts';
import { style } from './style.ts';

/** What every page shows around its content. */
export interface Surroundings {
  /** Name of the application that people are on their way to. */
  readonly application: string;
  /** Whom to ask; absent: nobody is named. */
  readonly support?: string | undefined;
}

export interface Page {
  readonly title: string;
  readonly body: Html;
  readonly wide?: boolean;
  /** A script of ours; pages work without it, except for what no page can do without one (passkeys). */
  readonly script?: string;
}

const digest = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const styleDigest = digest(style);

/** A tower seen from the front. */
const mark = new Html(
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" aria-hidden="true"><path d="M5 21V9l-1-1V3h3v2h3V3h4v2h3V3h3v5l-1 1v12z"/><path d="M10 21v-5a2 2 0 0 1 4 0v5"/></svg>',
);

export function renderPage(page: Page, { application, support }: Surroundings): string {
  const script = page.script === undefined ? undefined : new Html(`<script>${page.script}</script>`);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<title>${page.title}${application !== '' && html` – ${application}`}</title>
<link rel="icon" href="data:,">
<style>${new Html(style)}</style>
</head>
<body>
<main${page.wide === true && new Html(' class="wide"')}>
<p class="mark">${mark}<span>${application}</span></p>
${page.body}
</main>
<footer>${support !== undefined && html`Need help? Ask <a href="mailto:${support}">${support}</a>`}</footer>
${script}
</body>
</html>
`.text;
}

/**
 * What a page of ours may do: no script but the one it came with, nothing from elsewhere, in nobody's frame. A form leads
 * on to other hosts, because browsers apply `form-action` to redirects after it as well.
 */
export const securityHeaders = (script?: string): Readonly<Record<string, string>> => ({
  'content-security-policy': [
    "default-src 'none'",
    `style-src ${styleDigest}`,
    'img-src data:',
    ...(script === undefined ? [] : [`script-src ${digest(script)}`, "connect-src 'self'"]),
    "form-action 'self' https: http://127.0.0.1:* http://localhost:*",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
});

export function sendPage(
  response: ServerResponse,
  page: Page,
  it: Surroundings & { readonly status?: number; readonly headers?: Readonly<Record<string, string>> },
): void {
  response.writeHead(it.status ?? 200, {
    ...securityHeaders(page.script),
    'content-type': 'text/html; charset=utf-8',
    'x-goog-iap-generated-response': 'true',
    ...it.headers,
  });
  response.end(renderPage(page, it));
}

/** By this id a field that is wrong refers to the box that says why. */
export const PROBLEM = 'problem';

/** A box that says what went wrong or well; read out at once by screen readers. */
export const note = (kind: 'bad' | 'good', ...content: readonly Piece[]): Html =>
  kind === 'bad'
    ? html`<div class="note bad" role="alert" id="${PROBLEM}"><p>${content}</p></div>`
    : html`<div class="note good" role="status"><p>${content}</p></div>`;

/** Something that cannot go on: what happened, what to do, and by which number the log knows it. */
export const failurePage = (it: {
  readonly title: string;
  readonly cause: string;
  readonly remedy: string;
  readonly requestId: string;
  readonly action?: { readonly label: string; readonly href: string };
}): Page => ({
  title: it.title,
  body: html`<h1>${it.title}</h1>
<p class="lead">${it.cause}</p>
<p>${it.remedy}</p>
${it.action !== undefined && html`<p><a class="button" href="${it.action.href}">${it.action.label}</a></p>`}
<dl><dt>Request</dt><dd><code>${it.requestId}</code></dd></dl>`,
});

/** Headers of a page without a script. */
export const pageHeaders: Readonly<Record<string, string>> = {
  ...securityHeaders(),
  'content-type': 'text/html; charset=utf-8',
};

/**
 * A page of one heading and some content, for who answers by other ways than {@link sendPage}: one line of plain ASCII, as
 * HAProxy needs it to send it as it is.
 */
export const page = (it: {
  readonly title: string;
  readonly application?: string | undefined;
  readonly support?: string | undefined;
  readonly body: Html;
}): string =>
  renderPage(
    { title: it.title, body: html`<h1>${it.title}</h1>${it.body}` },
    { application: it.application ?? '', support: it.support },
  )
    .replaceAll('\n', ' ')
    .replace(/[^\x20-\x7e]/gu, (letter) => `&#${letter.codePointAt(0)};`);
