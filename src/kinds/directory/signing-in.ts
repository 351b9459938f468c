import * as z from 'zod';
import { ref } from '#core/resource.ts';

/** What every place says where people sign in with the name and password of their directory. */
export const signingIn = {
  secondFactor: z
    .enum(['whenSetUp', 'required'])
    .default('whenSetUp')
    .describe('Whether a code of an authenticator app is asked of who has one, or of everybody.'),
  directories: z
    .array(ref('directory'))
    .max(20)
    .default([])
    .describe('Directories whose people sign in here. None: those of the project.'),
};
