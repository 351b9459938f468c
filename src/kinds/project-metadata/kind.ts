import * as z from 'zod';
import { defineKind } from '../define.ts';

export const ProjectMetadataSpec = z
  .strictObject({
    attributes: z
      .record(z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/, 'not a metadata key'), z.string().max(262_144))
      .default({})
      .describe('Attributes that the metadata server hands out to every instance of the project.'),
  })
  .meta({
    id: 'ProjectMetadata',
    title: 'Project metadata',
    description: 'What every instance of the project finds at its metadata server under project/attributes.',
  });

export type ProjectMetadataSpec = z.infer<typeof ProjectMetadataSpec>;

export const projectMetadata = defineKind<ProjectMetadataSpec>({
  kind: 'projectMetadata',
  title: 'Project metadata',
  single: true,
  spec: ProjectMetadataSpec,
  columns: [{ title: 'KEYS', value: ({ spec }) => Object.keys(spec.attributes).sort().join(',') }],
  feeds: {},
  example: { 'project-metadata': { attributes: { environment: 'staging' } } },
});
