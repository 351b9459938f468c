import { Html, html, type Piece } from './html.ts';
import { note, type Page, PROBLEM } from './page.ts';
import { passkeySignIn } from './scripts.ts';

/** The pages that people meet on their way in. All forms go to the page's own address with another last step. */

const field = (it: {
  readonly id: string;
  readonly label: string;
  readonly type: 'text' | 'email' | 'password';
  readonly autocomplete: string;
  readonly value?: string;
  readonly hint?: string;
  readonly autofocus?: boolean;
  readonly code?: boolean;
  /** What was typed was refused; the note on the page says why. */
  readonly wrong?: boolean | undefined;
}): Html => html`<div class="field">
<label for="${it.id}">${it.label}</label>
<input id="${it.id}" name="${it.id}" type="${it.type}" autocomplete="${it.autocomplete}" required maxlength="${it.code === true ? 12 : 1024}"${
  it.value !== undefined && html` value="${it.value}"`
}${it.code === true && new Html(' class="code" inputmode="numeric" pattern="[0-9 ]{6,7}"')}${
  it.type === 'email' && new Html(' autocapitalize="none" spellcheck="false"')
}${it.wrong === true && new Html(' aria-invalid="true"')}${describedBy(it)}${it.autofocus === true && new Html(' autofocus')}>
${it.hint !== undefined && html`<span class="hint" id="${it.id}-hint">${it.hint}</span>`}
</div>`;

const describedBy = ({ id, hint, wrong }: Parameters<typeof field>[0]): Piece => {
  const ids = [...(wrong === true ? [PROBLEM] : []), ...(hint === undefined ? [] : [`${id}-hint`])];
  return ids.length > 0 && html` aria-describedby="${ids.join(' ')}"`;
};

const who = (it: { readonly displayName: string; readonly email: string }): Html =>
  html`<div class="who"><div><b>${it.displayName}</b><span>${it.email}</span></div></div>`;

export interface SignInForm {
  readonly application: string;
  readonly action: string;
  readonly email?: string | undefined;
  readonly problem?: string | undefined;
  /** What the browser's authenticator is asked; absent: no passkeys here. */
  readonly passkey?: string | undefined;
}

export const passwordPage = (it: SignInForm): Page => ({
  title: 'Sign in',
  ...(it.passkey === undefined ? {} : { script: passkeySignIn }),
  body: html`<h1>Sign in</h1>
<p class="lead">to continue to ${it.application}</p>
${it.problem !== undefined && note('bad', it.problem)}
<form method="post" action="${it.action}/password">
${field({
  id: 'email',
  label: 'Email address',
  type: 'email',
  autocomplete: 'username webauthn',
  ...(it.email === undefined ? { autofocus: true } : { value: it.email }),
})}
${field({
  id: 'password',
  label: 'Password',
  type: 'password',
  autocomplete: 'current-password',
  wrong: it.problem !== undefined,
  ...(it.email === undefined ? {} : { autofocus: true }),
})}
<div class="stack"><button>Sign in</button></div>
</form>
${it.passkey !== undefined && passkeyForm(it.action, it.passkey)}
<form method="post" action="${it.action}/cancel" class="stack"><button class="quiet">Cancel</button></form>`,
});

/** Hidden until the script knows that the browser can do it. */
const passkeyForm = (action: string, options: string): Html => html`<div id="passkey" hidden>
<p class="or">or</p>
<form method="post" action="${action}/passkey" class="stack" data-options="${options}">
<input type="hidden" name="response" value="">
<button class="plain">Use a passkey</button>
</form>
<p class="hint" id="passkey-problem" role="alert"></p>
</div>`;

export const codePage = (it: {
  readonly action: string;
  readonly problem?: string | undefined;
  readonly displayName: string;
  readonly email: string;
}): Page => ({
  title: 'Enter your code',
  body: html`<h1>Enter your code</h1>
<p class="lead">Open your authenticator app and type the six digits that it shows.</p>
${it.problem !== undefined && note('bad', it.problem)}
${who(it)}
<form method="post" action="${it.action}/code">
${field({ id: 'code', label: 'Code', type: 'text', autocomplete: 'one-time-code', autofocus: true, code: true, wrong: it.problem !== undefined })}
<div class="stack"><button>Continue</button></div>
</form>
<form method="post" action="${it.action}/restart" class="stack"><button class="quiet">Sign in as somebody else</button></form>`,
});

export const newPasswordPage = (it: {
  readonly action: string;
  readonly problem?: string | undefined;
  readonly minimumLength: number;
  readonly displayName: string;
  readonly email: string;
}): Page => ({
  title: 'Choose a new password',
  body: html`<h1>Choose a new password</h1>
<p class="lead">Your administrator gave you the first one. From now on, only you know it.</p>
${it.problem !== undefined && note('bad', it.problem)}
${who(it)}
<form method="post" action="${it.action}/new-password">
<input type="text" name="username" value="${it.email}" autocomplete="username" hidden>
${currentPasswordField(true)}
${newPasswordFields(it.minimumLength)}
<div class="stack"><button>Save and continue</button></div>
</form>`,
});

export const newPasswordFields = (minimumLength: number): Html => html`${field({
  id: 'password',
  label: 'New password',
  type: 'password',
  autocomplete: 'new-password',
  hint:
    minimumLength > 0
      ? `At least ${minimumLength} characters. A few words in a row are good.`
      : 'A few words in a row are good.',
})}
${field({ id: 'again', label: 'New password again', type: 'password', autocomplete: 'new-password' })}`;

export const currentPasswordField = (autofocus: boolean): Html =>
  field({ id: 'before', label: 'Present password', type: 'password', autocomplete: 'current-password', autofocus });

export const codeField: Html = field({
  id: 'code',
  label: 'Six digits from the app',
  type: 'text',
  autocomplete: 'one-time-code',
  code: true,
});

export const totpSetUp = (it: {
  readonly qr: string;
  readonly secret: string;
}): Html => html`<div class="qr">${new Html(it.qr)}</div>
<p>Scan this with the app, or type this key into it:</p>
<p class="key"><code>${it.secret.replace(/(.{4})(?=.)/g, '$1 ')}</code></p>`;

/** For who must have a second factor and has none yet. */
export const enrolPage = (it: {
  readonly action: string;
  readonly problem?: string | undefined;
  readonly qr: string;
  readonly secret: string;
  readonly application: string;
}): Page => ({
  title: 'Set up your authenticator app',
  body: html`<h1>Set up your authenticator app</h1>
<p class="lead">${it.application} asks for a second proof that it is you: six digits that an authenticator app on your phone shows.</p>
${it.problem !== undefined && note('bad', it.problem)}
${totpSetUp(it)}
<form method="post" action="${it.action}/enrol">
${codeField}
<div class="stack"><button>Continue</button></div>
</form>`,
});

const scopes: Readonly<Record<string, string>> = {
  openid: 'Recognise you when you come back',
  email: 'See your email address',
  profile: 'See your name',
  groups: 'See which groups you are in',
};

export const consentPage = (it: {
  readonly action: string;
  readonly application: string;
  readonly host: string;
  readonly asked: readonly string[];
  readonly displayName: string;
  readonly email: string;
}): Page => ({
  title: `Continue to ${it.application}`,
  body: html`<h1>Continue to ${it.application}</h1>
<p class="lead"><code>${it.host}</code> would like to know who you are.</p>
${who(it)}
<h2>It will be able to</h2>
<ul class="plain">${it.asked.map((scope): Piece => html`<li>${scopes[scope] ?? scope}</li>`)}</ul>
<div class="stack">
<form method="post" action="${it.action}/consent" class="stack"><button>Continue</button></form>
<form method="post" action="${it.action}/cancel" class="stack"><button class="quiet">Cancel</button></form>
</div>`,
});

/** Which provider, when there are several. */
export const choicePage = (it: {
  readonly application: string;
  readonly choices: readonly { readonly label: string; readonly href: string }[];
}): Page => ({
  title: 'Sign in',
  body: html`<h1>Sign in</h1>
<p class="lead">Choose how you would like to continue to ${it.application}.</p>
<nav class="stack" aria-label="Ways to sign in">${it.choices.map(
    ({ label, href }): Piece => html`<a class="button plain" href="${href}">${label}</a>`,
  )}</nav>`,
});

export const signedOutPage = (it: { readonly href?: string; readonly everywhere: boolean }): Page => ({
  title: 'You are signed out',
  body: html`<h1>You are signed out</h1>
<p class="lead">${it.everywhere ? 'On every site that you had signed in to here.' : 'This site does not know you any more. Others may, unless you signed out of them as well.'}</p>
${it.href !== undefined && html`<div class="stack"><a class="button" href="${it.href}">Sign in again</a></div>`}`,
});

export const signOutPage = (form: string): Page => ({
  title: 'Sign out',
  body: html`<h1>Sign out?</h1>
<p class="lead">You will be signed out of every site that you signed in to with this account in this browser.</p>
${new Html(form)}
<div class="stack"><button form="op.logoutForm" name="logout" value="yes">Sign out</button>
<button class="plain" form="op.logoutForm">Stay signed in</button></div>`,
});
