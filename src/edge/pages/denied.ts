import { CLEAR_PATH } from '#access/iap.ts';
import { type Reason, reasons } from '#access/policy/reason.ts';
import { html } from './html.ts';
import { page } from './page.ts';

export interface Denied {
  /** Undefined: nobody has signed in. */
  readonly email?: string | undefined;
  readonly service: string;
  readonly reasons: readonly Reason[];
  readonly requestId: string;
  readonly application?: string | undefined;
  /** Whom to ask. */
  readonly support?: string | undefined;
}

/** Says who you are, what is missing, whom to ask, and under which number this very refusal can be looked up. */
export function deniedPage({ email, service, reasons: why, requestId, application, support }: Denied): string {
  return page({
    title: "You don't have access",
    application,
    body: html`<p class="lead">${email === undefined ? 'You have not signed in.' : html`You are signed in as <strong>${email}</strong>.`}</p>
${why.length === 1 ? why.map((it) => html`<p>${textOf(it)}</p>`) : html`<ul>${why.map((it) => html`<li>${textOf(it)}</li>`)}</ul>`}
${support === undefined ? undefined : html`<p>Ask <a href="mailto:${support}">${support}</a> for access.</p>`}
<p><a class="button plain" href="${CLEAR_PATH}">Sign in with another account</a></p>
<dl><dt>Service</dt><dd>${service}</dd><dt>Request</dt><dd><code>${requestId}</code></dd></dl>`,
  });
}

/** Titles of conditions and names of levels help whoever is asked; what broke a condition stays in the log. */
function textOf({ code, subject, detail }: Reason): string {
  const told = code === 'condition-false' || code === 'device-refused' ? detail : undefined;
  const name = code === 'access-level-unmet' ? subject : told;
  return name === undefined || name === '' ? reasons[code] : `${reasons[code]} (${name})`;
}
