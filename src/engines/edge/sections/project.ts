import * as z from 'zod';
import { NamespaceName } from '../../schemas.ts';

/** Whose edge it is. Every fragment carries it. */
export const EdgeProject = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$/)
    .describe('The project.'),
  number: z
    .string()
    .regex(/^\d{6,20}$/)
    .describe("The project's number, as it stands in audiences."),
  namespace: NamespaceName,
});

export type EdgeProject = z.infer<typeof EdgeProject>;
