import * as z from 'zod';

/** A text that may stand between quotes in nft's syntax: no quote, brace, space, newline or way up gets through. */
export const Key = z
  .string()
  .max(120)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]*(\/[A-Za-z0-9][A-Za-z0-9._:-]*)*$/,
    'not a key such as lab/filterPolicy/office/allow-web',
  );

/** One end of a connection, as a rule names it. */
export const Side = z
  .strictObject({
    sets: z.array(Key).describe('Keys of address sets; one is enough. None: any address.'),
    negated: z.boolean().describe('Whether it means every address that is in none of the sets.'),
  })
  .refine((it) => !it.negated || it.sets.length > 0, 'everything but nothing: name a set, or do not negate');

export type Side = z.infer<typeof Side>;

export const anySide: Side = { sets: [], negated: false };
