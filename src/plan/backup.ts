import * as z from 'zod';
import type { Snapshot } from '#core/resource.ts';
import { KeptAuthority } from '#engines/pki/kept.ts';
import { withoutImplied } from './admit.ts';

const named = { project: z.string().max(100), kind: z.string().max(100), name: z.string().max(200) };

const Declared = z.strictObject({ ...named, spec: z.unknown() });
const Chosen = z.strictObject({ ...named, assigned: z.unknown() });

/** All that was declared, and all that was chosen for it: what another deployment needs to become the same. */
export const Configuration = z.strictObject({
  resources: z.array(Declared).max(200_000).describe('What people declared.'),
  choices: z
    .array(Chosen)
    .max(200_000)
    .describe('What was chosen for these, and for what they bring along: addresses, numbers.'),
});
export type Configuration = z.infer<typeof Configuration>;

/** Media type of a configuration that goes line by line, one JSON document each: however large, nobody holds its text. */
export const LINES = 'application/x-ndjson';
export const ConfigurationLine = z.strictObject({ resource: Declared.optional(), choice: Chosen.optional() });
export type ConfigurationLine = z.infer<typeof ConfigurationLine>;

export function* linesOf({ resources, choices }: Configuration): Generator<string> {
  for (const resource of resources) yield `${JSON.stringify({ resource })}\n`;
  for (const choice of choices) yield `${JSON.stringify({ choice })}\n`;
}

/** What every profile of an SSL VPN server was made with. */
export const ProfileKey = z.strictObject({ server: z.string().max(300), key: z.string().max(10_000) });
export type ProfileKey = z.infer<typeof ProfileKey>;

/** What is in a backup file, once it is open. */
export const Backup = z.strictObject({
  version: z.literal(1),
  /** RFC 3339. */
  time: z.string().max(50),
  revision: z.int().min(0),
  authorities: z
    .array(KeptAuthority)
    .max(10_000)
    .default([])
    .describe('Certificate authorities, with their private keys and those of what they issued.'),
  profileKeys: z
    .array(ProfileKey)
    .max(10_000)
    .default([])
    .describe('Keys that profiles of SSL VPN servers were made with.'),
  ...Configuration.shape,
});
export type Backup = z.infer<typeof Backup>;

/** Secrets are as the snapshot has them: sealed. */
export const configurationOf = (snapshot: Snapshot): Configuration => ({
  resources: withoutImplied(snapshot.resources).map(({ project, kind, name, spec }) => ({ project, kind, name, spec })),
  choices: snapshot.resources.flatMap(({ project, kind, name, assigned }) =>
    assigned === undefined ? [] : [{ project, kind, name, assigned }],
  ),
});
