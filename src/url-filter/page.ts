import { html } from '#edge/pages/html.ts';
import { renderPage } from '#edge/pages/page.ts';
import type { Cause, Decision } from './decide.ts';

const because: Readonly<Record<Exclude<Cause, 'rule'>, string>> = {
  default_action: 'It is in none of the categories that you may visit.',
  no_server_name: 'The connection does not say which site it wants.',
  address_literal: 'Sites cannot be called by a bare address here.',
  malformed_host: 'The request does not name a site.',
  dns_over_https: 'It answers names in place of this network’s own resolver.',
  encrypted_client_hello: 'The connection hides which site it wants.',
  no_profile: 'Nobody has said what may be visited from here.',
};

const lastPart = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

/** What somebody sees who is stopped on plain HTTP: what, why, since when, whom to ask, and by which number. */
export function blockPage(decision: Decision, it: { readonly ref: string; readonly now: number }): string {
  const { profile, rule, list, host } = decision;
  const page = profile?.page;
  const site = host === '' ? 'This site' : host;
  const when = `${new Date(it.now).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  const title = page?.heading || 'This site is blocked';
  const reason =
    decision.cause !== 'rule'
      ? because[decision.cause]
      : rule?.reason ||
        (list === undefined ? 'A rule for all sites stops it.' : `It is in the category ${list.title}.`);
  const row = (name: string, value: string | undefined) =>
    value !== undefined && value !== '' && html`<dt>${name}</dt><dd>${value}</dd>`;
  const mail = page?.contact && mailLink(page.contact, { site, when, ref: it.ref });
  const body = html`<h1>${title}</h1>
<p class="lead"><strong>${site}</strong> cannot be reached from this network. ${reason}</p>
${page !== undefined && page.text !== '' && html`<p>${page.text}</p>`}
<dl>${row('Site', host)}${row('Category', list?.title)}${row('Profile', profile?.title)}${row(
    'Rule',
    rule === undefined ? undefined : lastPart(rule.id),
  )}${row('Time', when)}<dt>Reference</dt><dd><code>${it.ref}</code></dd></dl>
${mail ? html`<p><a class="button" href="${mail}">Ask for access</a></p>` : html`<p>If you need it, tell whoever runs this network, with the reference.</p>`}`;
  return renderPage(
    { title, body },
    { application: page?.organization ?? '', support: page?.contact === '' ? undefined : page?.contact },
  );
}

function mailLink(to: string, it: { readonly site: string; readonly when: string; readonly ref: string }): string {
  const subject = `Access to ${it.site}`;
  const body = `I would like to reach ${it.site}.\n\nWhat I need it for:\n\nReference: ${it.ref}\nStopped at: ${it.when}\n`;
  return `mailto:${to}?subject=${encodeURIComponent(subject)}&body=${encodeURIComponent(body)}`;
}
