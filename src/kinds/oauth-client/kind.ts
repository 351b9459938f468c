import * as z from 'zod';
import { keyOf, type Resource } from '#core/resource.ts';
import { shortName } from '#lib/hash.ts';
import { defineKind } from '../define.ts';
import { secret } from '../fields.ts';
import { edgeProject } from '../instance/fabric.ts';
import { DisplayName } from '../user/spec.ts';

export const OauthClientSpec = z
  .strictObject({
    displayName: DisplayName.optional().describe('What people are told that they sign in to. None: its name.'),
    redirectUris: z
      .array(
        z
          .string()
          .max(500)
          .regex(
            /^(https:\/\/[a-z0-9.-]+(:\d{1,5})?|http:\/\/(127\.0\.0\.1|localhost)(:\d{1,5})?)(\/[A-Za-z0-9._~/-]*)?$/,
            'not an address such as https://shop.example.com/callback; http is for 127.0.0.1 alone',
          ),
      )
      .max(100)
      .default([])
      .describe('Where people may be sent back to, letter for letter.'),
    secret: secret()
      .optional()
      .describe('Its secret, of at least 24 characters. None: a public client, which proves itself with PKCE alone.'),
    programmatic: z
      .boolean()
      .default(false)
      .describe('Whether ID tokens made for this client let programs in through the identity-aware proxy.'),
  })
  .meta({
    id: 'OauthClient',
    title: 'OAuth client',
    description: 'An application that signs people in by our own pages, or a program that brings ID tokens.',
  });

export type OauthClientSpec = z.infer<typeof OauthClientSpec>;

export interface OauthClientAssigned {
  /** As the cloud’s: hard to guess, of no secrecy. */
  readonly clientId: string;
}

export const oauthClient = defineKind<OauthClientSpec, OauthClientAssigned>({
  kind: 'oauthClient',
  title: 'OAuth client',
  spec: OauthClientSpec,
  assign: (resource) => resource.assigned ?? { clientId: clientIdOf(resource) },
  check: ({ spec }) => [
    ...(spec.redirectUris.length === 0 && !spec.programmatic
      ? [
          {
            code: 'UNMET' as const,
            path: ['redirectUris'],
            message: 'nobody could ever use this client',
            fix: 'Add an address to come back to, or set `programmatic: true`.',
          },
        ]
      : []),
    ...(spec.secret !== undefined && spec.secret.length < 24
      ? [
          {
            path: ['secret'],
            message: 'it has fewer than 24 characters',
            fix: 'Make one with `openssl rand -base64 32`.',
          },
        ]
      : []),
  ],
  columns: [
    { title: 'CLIENT_ID', value: ({ assigned }) => assigned.clientId },
    { title: 'REDIRECT_URIS', value: ({ spec }) => spec.redirectUris.join(',') },
    { title: 'PROGRAMMATIC', value: ({ spec }) => (spec.programmatic ? 'yes' : '') },
  ],
  feeds: {
    edge: ({ project, name, spec, assigned }) => [
      {
        project: edgeProject(project),
        clients: [
          {
            name,
            id: assigned.clientId,
            displayName: spec.displayName ?? name,
            redirectUris: spec.redirectUris,
            programmatic: spec.programmatic,
            ...(spec.secret === undefined ? {} : { secret: spec.secret }),
          },
        ],
      },
    ],
  },
  example: { shop: { displayName: 'Shop', redirectUris: ['https://shop.example.com/callback'], programmatic: true } },
});

const clientIdOf = (it: Resource<OauthClientSpec, unknown>): string => `${shortName(keyOf(it), 32)}.${it.project}.apps`;
