import { createPublicKey } from 'node:crypto';
import * as z from 'zod';
import { keyOf } from '#core/resource.ts';
import { numericId } from '../allocation.ts';
import { defineKind } from '../define.ts';
import { Description } from '../fields.ts';
import { edgeProject } from '../instance/fabric.ts';
import { DisplayName } from '../user/spec.ts';

export const ServiceAccountSpec = z
  .strictObject({
    displayName: DisplayName.optional().describe('What it is called. None: its name.'),
    description: Description,
    disabled: z.boolean().default(false).describe('A disabled service account gets in nowhere.'),
    keys: z
      .array(
        z.strictObject({
          id: z
            .string()
            .regex(/^[A-Za-z0-9_-]{1,128}$/, 'not the id of a key: letters, digits, - and _')
            .describe('What tokens name the key by: `kid` in their header.'),
          publicKey: z
            .string()
            .max(16_384)
            .regex(/-----BEGIN (PUBLIC KEY|CERTIFICATE)-----/, 'not a public key or certificate in PEM')
            .describe(
              'The public half, in PEM: RSA from 2048 bits, or P-256. The private half stays with the program.',
            ),
        }),
      )
      .max(10)
      .default([])
      .describe('Keys that its tokens may be signed with.'),
  })
  .meta({
    id: 'ServiceAccount',
    title: 'Service account',
    description:
      'A program that has rights of its own: NAME@PROJECT.iam.gserviceaccount.com. It shows who it is by tokens that it signs.',
  });

export type ServiceAccountSpec = z.infer<typeof ServiceAccountSpec>;

export interface ServiceAccountAssigned {
  /** The cloud’s unique id of a service account. */
  readonly uniqueId: string;
}

export const serviceAccountEmail = (it: { readonly project: string; readonly name: string }): string =>
  `${it.name}@${it.project}.iam.gserviceaccount.com`;

export const serviceAccount = defineKind<ServiceAccountSpec, ServiceAccountAssigned>({
  kind: 'serviceAccount',
  title: 'Service account',
  spec: ServiceAccountSpec,
  assign: (resource) => resource.assigned ?? { uniqueId: numericId(keyOf(resource)) },
  check: ({ spec }) =>
    spec.keys.flatMap(({ id, publicKey }, index) => [
      ...(isGoodKey(publicKey)
        ? []
        : [
            {
              code: 'INVALID_DOCUMENT' as const,
              path: ['keys', index, 'publicKey'],
              message: 'it is no RSA key of at least 2048 bits and no P-256 key',
              fix: 'Make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`, and declare what `openssl pkey -pubout` prints.',
            },
          ]),
      ...(spec.keys.findIndex((it) => it.id === id) === index
        ? []
        : [
            {
              path: ['keys', index, 'id'],
              message: `another key is called ${id}`,
              fix: 'Give each key an id of its own.',
            },
          ]),
    ]),
  columns: [
    { title: 'EMAIL', value: (it) => serviceAccountEmail(it) },
    { title: 'DISPLAY_NAME', value: ({ name, spec }) => spec.displayName ?? name },
    { title: 'KEYS', value: ({ spec }) => String(spec.keys.length) },
    { title: 'DISABLED', value: ({ spec }) => (spec.disabled ? 'yes' : '') },
  ],
  feeds: {
    edge: (resource) => [
      {
        project: edgeProject(resource.project),
        serviceAccounts: [
          {
            name: resource.name,
            email: serviceAccountEmail(resource),
            uniqueId: resource.assigned.uniqueId,
            keys: resource.spec.keys,
            disabled: resource.spec.disabled,
          },
        ],
      },
    ],
  },
  example: { deployer: { displayName: 'Deploys the shop' } },
});

function isGoodKey(pem: string): boolean {
  try {
    const key = createPublicKey(pem);
    const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    return key.asymmetricKeyType === 'rsa' ? modulusLength >= 2048 : namedCurve === 'prime256v1';
  } catch {
    return false;
  }
}
