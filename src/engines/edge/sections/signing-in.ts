import * as z from 'zod';
import { Name } from '#core/resource.ts';

/** What every place says where people sign in with the name and password of their directory. */
export const signingIn = {
  directories: z.array(Name).max(20).describe('Directories whose people sign in there; none: all.'),
  secondFactor: z
    .enum(['whenSetUp', 'required'])
    .describe('Whether a code of an authenticator app is asked of who has one, or of everybody.'),
};
