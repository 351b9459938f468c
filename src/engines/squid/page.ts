import * as z from 'zod';

/** The page that people see who are stopped; only plain HTTP can show it. */
export const Page = z.strictObject({
  heading: z.string().max(100).describe('Empty: "This site is blocked".'),
  text: z.string().max(2000).describe('A paragraph of your own, plain text.'),
  organization: z.string().max(100).describe('Whose network it is; may be empty.'),
  contact: z
    .string()
    .max(254)
    .regex(/^([A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)?$/, 'not a mail address')
    .describe('Who is asked for access, by mail; empty: nobody is named.'),
});

export type Page = z.infer<typeof Page>;
