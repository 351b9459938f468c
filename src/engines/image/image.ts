import * as z from 'zod';
import type { Machine } from '#core/machine.ts';
import { hashOf } from '#lib/hash.ts';

const packageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]{1,63}$/, 'not the name of a Debian package');

/** What an instance boots from: a Debian suite with packages in it, and more of them within reach of apt. */
export const ImageInput = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,38}[a-z0-9]$/, 'lower-case letters, digits and dashes')
    .describe('Name of the image family, such as debian-11.'),
  suite: z.enum(['bullseye', 'bookworm', 'trixie']).describe('The Debian release that it is built from.'),
  packages: z.array(packageName).max(200).describe('Installed in addition to the packages that every image has.'),
  available: z
    .array(packageName)
    .max(200)
    .describe('Fetched with what they need, so that `apt-get install` works inside without a network.'),
});
export type ImageInput = z.infer<typeof ImageInput>;

/** Raised when build.sh gives another image for the same input, so that the next apply builds it anew. */
const recipe = 1;

/** The instance's root is this user of the machine; its ids 0 to 65535 follow from here. */
export const firstUser = 100_000;
export const userCount = 65_536;

/** What a cloud host has and people use: the tools of the documents, a way in, and a first process that reaps. */
export const basePackages: readonly string[] = [
  'ca-certificates',
  'curl',
  'iproute2',
  'iputils-ping',
  'less',
  'netcat-openbsd',
  'openssh-server',
  'procps',
  'python3-minimal',
  'sudo',
  'tini',
  'wget',
];

const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort();

/** What build.sh is asked to install, in an order that does not depend on how it was declared. */
export const installedIn = (input: ImageInput): string[] => sorted([...basePackages, ...input.packages]);

export const availableIn = (input: ImageInput): string[] => sorted(input.available);

/** Equal images have equal hashes. The mirror does not count: it serves the same suite. 16 hex digits. */
export const imageHash = (input: ImageInput): string =>
  hashOf([recipe, firstUser, input.name, input.suite, installedIn(input), availableIn(input)]).slice(0, 16);

/** All deployments of a machine share one folder of images: it stands beside the agent's own state. */
export const imagesFolder = (machine: Pick<Machine, 'state'>): string =>
  `${machine.state.replace(/\/[^/]+\/*$/, '')}/images`;

/** Where an image stands once it is built; its files are under `rootfs`, its versions in `packages.txt`. */
export const imagePath = (machine: Pick<Machine, 'state'>, name: string, hash: string): string =>
  `${imagesFolder(machine)}/${name}-${hash}`;
