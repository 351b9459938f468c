import { html } from './html.ts';
import type { Page } from './page.ts';

/** At a captive portal: who is signed in from this address, and until when. */
export const signedInPage = (it: {
  readonly displayName: string;
  readonly email: string;
  readonly address: string;
  readonly until: Date;
}): Page => ({
  title: 'You are signed in',
  body: html`<h1>You are signed in</h1>
<p class="lead">What you may reach is open to this device now. Open the page that you wanted once more.</p>
<div class="who"><div><b>${it.displayName}</b><span>${it.email}</span></div></div>
<dl><dt>From</dt><dd><code>${it.address}</code></dd><dt>Until</dt><dd>${it.until.toISOString().slice(0, 16).replace('T', ' ')} UTC</dd></dl>
<form method="post" action="/sign-out" class="stack"><button class="plain">Sign out</button></form>`,
});

export const portalSignedOutPage: Page = {
  title: 'You are signed out',
  body: html`<h1>You are signed out</h1>
<p class="lead">What is open to you alone is closed to this device again.</p>
<div class="stack"><a class="button" href="/">Sign in again</a></div>`,
};
