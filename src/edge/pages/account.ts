import { type Html, html, type Piece } from './html.ts';
import { note, type Page } from './page.ts';
import { passkeyEnrol } from './scripts.ts';
import { codeField, currentPasswordField, newPasswordFields, totpSetUp } from './sign-in.ts';

export interface AccountView {
  readonly displayName: string;
  readonly email: string;
  readonly groups: readonly string[];
  readonly done?: string | undefined;
  readonly problem?: string | undefined;
  /** Whether the password can be changed here. */
  readonly ownPassword: boolean;
  readonly minimumLength: number;
  readonly totp: { readonly since: string } | { readonly qr: string; readonly secret: string };
  readonly passkeys: readonly { readonly id: string; readonly label: string; readonly since: string }[];
  readonly passkeyOptions: string;
  readonly sessions: number;
}

/** Where people look after their own account. Each section is a form of its own and works without a script, save one. */
export const accountPage = (it: AccountView): Page => ({
  title: 'Your account',
  wide: true,
  script: passkeyEnrol,
  body: html`<h1>${it.displayName}</h1>
<p class="lead">${it.email}</p>
${it.done !== undefined && note('good', it.done)}
${it.problem !== undefined && note('bad', it.problem)}
${it.groups.length > 0 && html`<dl><dt>Groups</dt><dd>${it.groups.join(', ')}</dd></dl>`}
${it.ownPassword ? passwordSection(it) : passwordElsewhere}
${totpSection(it)}
${passkeySection(it)}
${sessionSection(it.sessions)}`,
});

const passwordSection = ({ email, minimumLength }: AccountView): Html => html`<section aria-labelledby="h-password">
<h2 id="h-password">Password</h2>
<p>Changing it signs you out everywhere else.</p>
<form method="post" action="/account/password">
<input type="text" name="username" value="${email}" autocomplete="username" hidden>
${currentPasswordField(false)}
${newPasswordFields(minimumLength)}
<button>Change password</button>
</form>
</section>`;

const passwordElsewhere: Html = html`<section aria-labelledby="h-password">
<h2 id="h-password">Password</h2>
<p>Your password is kept by your organisation’s own directory. Change it where you change it for your computer.</p>
</section>`;

const totpSection = ({ totp }: AccountView): Html => html`<section aria-labelledby="h-totp">
<h2 id="h-totp">Authenticator app</h2>
${
  'since' in totp
    ? html`<p>On since ${totp.since}. After your password you are asked for the six digits that the app shows.</p>
<form method="post" action="/account/totp/remove">${codeField}<button class="risk">Turn off</button></form>`
    : html`<p>A second proof that it is you, beside your password: six digits that an app on your phone shows.</p>
<details><summary>Set up the app</summary>
${totpSetUp(totp)}
<form method="post" action="/account/totp">${codeField}<button>Turn on</button></form>
</details>`
}
</section>`;

const passkeySection = ({ passkeys, passkeyOptions }: AccountView): Html => html`<section aria-labelledby="h-passkeys">
<h2 id="h-passkeys">Passkeys</h2>
<p>Sign in with your fingerprint, face or the PIN of your device, without a password. Nobody can trick you out of it.</p>
${
  passkeys.length > 0 &&
  html`<ul class="plain">${passkeys.map(
    ({ id, label, since }): Piece =>
      html`<li><span>${label}<span class="hint">since ${since}</span></span><form method="post" action="/account/passkeys/remove"><input type="hidden" name="id" value="${id}"><button class="risk" aria-label="Remove the passkey ${label}">Remove</button></form></li>`,
  )}</ul>`
}
<noscript><p class="hint">Passkeys need a browser with scripts switched on.</p></noscript>
<div id="passkey" hidden>
<form method="post" action="/account/passkeys" data-options="${passkeyOptions}"><input type="hidden" name="response" value=""><button class="plain">Add a passkey</button></form>
<p class="hint" id="passkey-problem" role="alert"></p>
</div>
</section>`;

const sessionSection = (sessions: number): Html => html`<section aria-labelledby="h-sessions">
<h2 id="h-sessions">Where you are signed in</h2>
<p>${sessions === 0 ? 'On no site.' : sessions === 1 ? 'On one site.' : `On ${sessions} sites.`}</p>
<form method="post" action="/account/sign-out"><button class="plain">Sign out everywhere</button></form>
</section>`;
