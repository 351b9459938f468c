import * as z from 'zod';
import { Address, NamespaceName } from '../schemas.ts';

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
              mac: z.string(),
              gateway: Address,
              externalAddress: z.string(),
            }),
          )
          .describe('All of its interfaces, in order.'),
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
