import * as z from 'zod';
import { isTimeZone } from '#access/policy/window.ts';
import { Address, NamespaceName, Prefix, ResourceKeyText } from '../schemas.ts';
import { contradictions } from './contradictions.ts';
import { Page } from './page.ts';

const Port = z.int().min(1).max(65_535);
const Name = z.string().regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'not a name such as staff');

const Window = z.strictObject({
  days: z.array(z.int().min(0).max(6)).max(7).describe('Days on which it begins; 0 is Sunday. None: every day.'),
  from: z.int().min(0).max(1440).describe('Minute of the day.'),
  until: z.int().min(0).max(1440).describe('Minute of the day, outside. Not after `from`: on the next day.'),
  timeZone: z.string().max(60).refine(isTimeZone, 'not a time zone such as Europe/Paris').describe('Whose clock.'),
});

const Rule = z.strictObject({
  id: ResourceKeyText.describe('Key of the rule, such as lab/urlProfile/staff/no-games: decisions carry it.'),
  lists: z.array(Name).describe('Lists, one of which holds the site. None: every site, also one without a name.'),
  sources: z.array(Prefix).describe('Who asks. None: everybody.'),
  schedule: z.array(Window).describe('When it holds, at any of these. None: always.'),
  action: z.enum(['allow', 'block']),
  reason: z.string().max(300).describe('What people are told who are stopped; empty: the titles of the lists.'),
});

const Barred = z.strictObject({
  cause: z.enum(['dns_over_https', 'encrypted_client_hello']).describe('What decisions call it.'),
  list: Name.describe('Sites.'),
  addresses: z.array(Prefix).describe('Servers of TLS, whatever site they are asked for.'),
});

const Profile = z.strictObject({
  name: Name,
  id: ResourceKeyText.describe('Key of the profile.'),
  title: z.string().max(100).describe('What people call it.'),
  rules: z.array(Rule).describe('In order: the first that matches decides.'),
  defaultAction: z.enum(['allow', 'block']).describe('For what no rule matches.'),
  noServerName: z
    .enum(['allow', 'block'])
    .describe(
      'TLS that does not say which site it wants. `allow`: rules that name no list judge it. What is no TLS is closed.',
    ),
  addressLiteral: z
    .enum(['allow', 'block'])
    .describe('Sites that are called by an address. `allow`: the rules judge them, but no list holds them.'),
  barred: z.array(Barred).optional().describe('What is stopped before any rule is asked. Default: nothing.'),
  page: Page,
});

const Listener = z.strictObject({
  http: Port.describe('Port of 127.0.0.1 where diverted HTTP arrives (nft: tproxy).'),
  https: Port.describe('Port of 127.0.0.1 where diverted HTTPS arrives.'),
  profile: Name.describe('Profile that judges what arrives here.'),
  rule: ResourceKeyText.describe('Key of the filter rule that diverts it: decisions carry it.'),
});

const List = z.strictObject({
  name: Name,
  title: z.string().min(1).max(100).describe('What people call it.'),
  format: z
    .enum(['plain', 'hosts', 'adblock'])
    .describe('A domain on a line; lines of /etc/hosts; or `||domain^` with exceptions `@@||domain^`.'),
  domains: z
    .string()
    .max(64 * 1024 * 1024)
    .describe('The list itself. A domain covers what lies below it.'),
});

/** The URL filter of one gateway: one squid that intercepts, and what its decisions rest on. */
export const SquidInput = z
  .strictObject({
    namespace: NamespaceName,
    owner: ResourceKeyText.describe('Key of the gateway.'),
    resolver: Address.describe('The same that the clients ask; otherwise names and addresses do not fit each other.'),
    control: Port.describe('Port of 127.0.0.1 that squid needs for itself; it serves nobody.'),
    listeners: z.array(Listener).min(1).max(500).describe('One for each filter rule that diverts.'),
    profiles: z.array(Profile).min(1),
    lists: z.array(List),
    hostCheck: z
      .boolean()
      .describe('Whether a name is refused that does not lead to the address that the client connects to.'),
  })
  .superRefine((input, context) => {
    for (const [path, message] of contradictions(input)) context.addIssue({ code: 'custom', path: [...path], message });
  });

export type SquidInput = z.infer<typeof SquidInput>;
export type SquidListener = SquidInput['listeners'][number];
export type SquidList = SquidInput['lists'][number];
export type UrlProfile = SquidInput['profiles'][number];
export type UrlRule = UrlProfile['rules'][number];

/** What a gateway gives at once; lists and profiles come from other kinds. */
export type SquidFragment = { readonly namespace: string } & (
  | Pick<SquidInput, 'owner' | 'resolver' | 'control' | 'hostCheck'>
  | { readonly listener: SquidListener }
  | { readonly profile: UrlProfile }
  | { readonly list: SquidList }
);
