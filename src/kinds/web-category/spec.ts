import * as z from 'zod';
import { Description } from '../fields.ts';

export const WebCategorySpec = z
  .strictObject({
    title: z.string().max(100).default('').describe('What people read who are stopped. Empty: its name.'),
    format: z
      .enum(['plain', 'hosts', 'adblock'])
      .default('plain')
      .describe(
        '`plain`: a domain on a line. `hosts`: lines of /etc/hosts. `adblock`: `||domain^`, and exceptions `@@||domain^`.',
      ),
    domains: z
      .string()
      .max(64 * 1024 * 1024)
      .describe('The list; a domain covers what lies below it. Large ones are best kept in a file: `!file games.txt`.'),
    description: Description,
  })
  .meta({
    id: 'WebCategory',
    title: 'Web category',
    description:
      'Domains under a name that URL profiles use. Lines that are no whole domain, or as broad as `com`, are left out. Built in: `doh-providers`, resolvers that browsers reach by HTTPS past the network’s own, and `ech-providers`, names that encrypted ClientHellos hide behind.',
  });

export type WebCategorySpec = z.infer<typeof WebCategorySpec>;
