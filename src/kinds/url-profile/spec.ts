import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description } from '../fields.ts';
import { Objects, RuleName, ruleText } from '../filter-policy/spec.ts';

const UrlRule = z
  .strictObject({
    name: RuleName,
    ...ruleText,
    action: z.enum(['allow', 'block']).describe('What happens to a request that matches.'),
    categories: z
      .array(ref('webCategory'))
      .max(200)
      .default([])
      .describe('Categories, one of which holds the site. None: every site.'),
    source: Objects.describe('Objects that ask, any of them. None: everybody.'),
    schedule: ref('schedule').optional().describe('When the rule is in force. None: always.'),
    reason: z.string().max(300).default('').describe('What people read who are stopped. Empty: the category’s title.'),
  })
  .meta({ id: 'UrlRule' });

export const UrlProfileSpec = z
  .strictObject({
    title: z.string().max(100).default('').describe('What people read who are stopped. Empty: its name.'),
    rules: z.array(UrlRule).max(500).default([]).describe('In order: the first that matches decides.'),
    defaultAction: z.enum(['allow', 'block']).default('allow').describe('What happens to what no rule matches.'),
    noServerName: z
      .enum(['allow', 'block'])
      .default('block')
      .describe('TLS that does not say which site it wants. `allow`: rules without categories judge it.'),
    addressLiteral: z
      .enum(['allow', 'block'])
      .default('block')
      .describe('Sites that are called by an address. `allow`: rules without categories judge them.'),
    quic: z
      .enum(['allow', 'block'])
      .default('block')
      .describe(
        'HTTP/3 by UDP port 443, where no site can be judged. `block`: refused at once; browsers then take TCP.',
      ),
    dnsOverTls: z
      .enum(['allow', 'block'])
      .default('block')
      .describe(
        'DNS over TLS and over QUIC, port 853. `block`: refused at once; the segment’s resolver is asked instead.',
      ),
    dnsOverHttps: z
      .enum(['allow', 'block'])
      .default('block')
      .describe(
        'Resolvers that browsers reach by HTTPS. `block`: well-known ones are stopped by name (`doh-providers`) and by address, and resolvers of the segments behind the gateway tell browsers to leave it (`use-application-dns.net`).',
      ),
    encryptedClientHello: z
      .enum(['allow', 'strip', 'block'])
      .default('block')
      .describe(
        'TLS that hides which site it wants behind another name. `strip`: resolvers of the segments behind the gateway withhold what it needs (HTTPS and SVCB records). `block`: that, and well-known names to hide behind are stopped (`ech-providers`).',
      ),
    page: z
      .strictObject({
        heading: z.string().max(100).default('').describe('Heading; empty: "This site is blocked".'),
        text: z.string().max(2000).default('').describe('A paragraph of your own, plain text.'),
        organization: z.string().max(100).default('').describe('Whose network it is.'),
        contact: z
          .string()
          .max(254)
          .regex(/^([A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)?$/, 'not a mail address')
          .default('')
          .describe('Who is asked for access, by mail. Empty: nobody is named.'),
      })
      .prefault({})
      .describe('The page that plain HTTP shows to whoever is stopped. HTTPS cannot show one: it is closed.'),
    description: Description,
  })
  .meta({
    id: 'UrlProfile',
    title: 'URL profile',
    description: 'Which sites may be visited, by category. Judged by the name of the site alone; nothing is decrypted.',
  });

export type UrlProfileSpec = z.infer<typeof UrlProfileSpec>;
