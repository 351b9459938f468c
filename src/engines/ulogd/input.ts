import * as z from 'zod';
import { NamespaceName } from '../schemas.ts';

export const UlogdInput = z.strictObject({
  namespace: NamespaceName,
  group: z.int().min(0).max(65_535).describe('Group number of nflog; one reader for each group of a namespace.'),
  file: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,159}$/)
    .describe('Name of the file that gets one JSON object a line, in the folder of packet logs.'),
});

export type UlogdInput = z.infer<typeof UlogdInput>;
