import * as z from 'zod';
import { Address, Mac, NamespaceName } from '../schemas.ts';

const Attributes = z.record(z.string().max(128), z.string().max(262_144));

export const MetadataInput = z.strictObject({
  namespace: NamespaceName,
  listen: Address.describe('Address that the metadata server answers on, port 80.'),
  hosts: z.array(
    z.strictObject({
      address: Address.describe('Who asks: requests are told apart by their source.'),
      project: z.strictObject({ id: z.string(), number: z.string(), attributes: Attributes }),
      instance: z.strictObject({
        id: z.string(),
        name: z.string(),
        hostname: z.string(),
        zone: z.string(),
        machineType: z.string(),
        image: z.string(),
        tags: z.array(z.string()),
        attributes: Attributes,
        interfaces: z
          .array(
            z.strictObject({
              address: Address,
              network: z.string(),
              mac: Mac,
              gateway: z.union([z.literal(''), Address]).describe('Empty: nobody leads out of there.'),
              length: z.int().min(0).max(32).optional().describe('Of the prefix that is on its link. Default: 32.'),
              externalAddress: z.union([z.literal(''), Address]),
            }),
          )
          .describe('All of its interfaces, in order.'),
        serviceAccount: z
          .strictObject({ email: z.string().max(254), scopes: z.array(z.string().max(250)) })
          .optional()
          .describe('The account that programs inside are told of. None: no account.'),
      }),
    }),
  ),
});

export type MetadataInput = z.infer<typeof MetadataInput>;
export type MetadataHost = MetadataInput['hosts'][number];

export type MetadataFragment = { readonly namespace: string } & (
  | { readonly listen: string }
  | { readonly host: MetadataHost }
  /** What others have to tell a host; its own attributes come first. */
  | { readonly address: string; readonly attributes: Readonly<Record<string, string>> }
);
