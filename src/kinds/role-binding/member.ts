import * as z from 'zod';
import { memberRule, parseMember } from '#access/policy/member.ts';

export const Member = z
  .string()
  .max(300)
  .refine((text) => parseMember(text) !== undefined, memberRule)
  .meta({ id: 'Member', examples: ['user:alice@example.com'] });
