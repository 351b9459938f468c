import * as z from 'zod';
import { type Resource, ref, type Snapshot } from '#core/resource.ts';
import type { ImageInput } from '#engines/image/image.ts';
import { shortName } from '#lib/hash.ts';
import { defineKind } from '../define.ts';
import { Description } from '../fields.ts';

const PackageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]{1,63}$/, 'not the name of a Debian package');

export const ImageSpec = z
  .strictObject({
    base: ref('image')
      .default('debian-12')
      .describe('The image that this one extends: `debian-11`, `debian-12` or `debian-13`.'),
    packages: z.array(PackageName).max(200).default([]).describe('Debian packages that are installed in it.'),
    available: z
      .array(PackageName)
      .max(200)
      .default([])
      .describe('Debian packages kept ready, so that `apt-get install` needs no network.'),
    description: Description,
  })
  .meta({
    id: 'Image',
    title: 'Image',
    description: 'What an instance boots from. It is built once on this machine from its own Debian mirror.',
  });

export type ImageSpec = z.infer<typeof ImageSpec>;

const suites = { 'debian-11': 'bullseye', 'debian-12': 'bookworm', 'debian-13': 'trixie' } as const;

const isFamily = (name: string): name is keyof typeof suites => name in suites;

export const image = defineKind<ImageSpec>({
  kind: 'image',
  title: 'Image',
  spec: ImageSpec,
  catalogue: {
    'debian-11': { base: 'debian-11', packages: [], available: ['nginx'], description: 'Debian 11 (bullseye)' },
    'debian-12': { base: 'debian-12', packages: [], available: ['nginx'], description: 'Debian 12 (bookworm)' },
    'debian-13': { base: 'debian-13', packages: [], available: ['nginx'], description: 'Debian 13 (trixie)' },
  },
  // The cloud's dated names: debian-11-bullseye-v20240709 is the family debian-11.
  alias: (name) => /^(debian-1[123])-(bullseye|bookworm|trixie)-v\d{8}$/.exec(name)?.[1],
  check: (resource, snapshot) => {
    const seen = new Set<string>();
    let at: Resource<ImageSpec> | undefined = resource;
    while (at !== undefined && !(isFamily(at.name) && at.spec.base === at.name)) {
      if (seen.has(at.name))
        return [
          {
            path: ['base'],
            message: 'its bases lead back to itself',
            fix: 'Base it on debian-11, debian-12 or debian-13.',
          },
        ];
      seen.add(at.name);
      at = snapshot.find(image, resource.project, at.spec.base);
    }
    return [];
  },
  columns: [
    { title: 'BASE', value: ({ spec }) => spec.base },
    { title: 'PACKAGES', value: ({ spec }) => spec.packages.join(',') },
  ],
  feeds: {},
  example: { web: { base: 'debian-12', packages: ['nginx-light'] } },
});

/** At most 40 characters, and never the same for two images. */
function familyName(project: string, name: string): string {
  const whole = `${project}-${name}`;
  return whole.length <= 40 ? whole : `${whole.slice(0, 31)}-${shortName(whole, 8)}`;
}

/** What the image engine builds for a name that some instance uses; packages of all bases add up. */
export function imageInputOf(snapshot: Snapshot, project: string, name: string): ImageInput {
  const found = snapshot.get(image, project, name);
  const family = isFamily(found.name) && found.spec.base === found.name ? found.name : undefined;
  if (family !== undefined) {
    return {
      name: family,
      suite: suites[family],
      packages: [...found.spec.packages],
      available: [...found.spec.available],
    };
  }
  const below = imageInputOf(snapshot, project, found.spec.base);
  return {
    name: familyName(project, found.name),
    suite: below.suite,
    packages: [...new Set([...below.packages, ...found.spec.packages])].sort(),
    available: [...new Set([...below.available, ...found.spec.available])].sort(),
  };
}
