import type { Resource } from '#core/resource.ts';
import type { DirectoryAssigned, DirectorySpec } from './spec.ts';

export type Directory = Resource<DirectorySpec, DirectoryAssigned>;

export const baseDnOf = ({ project, spec }: Pick<Directory, 'project' | 'spec'>): string =>
  spec.baseDn ?? `dc=${project},dc=internal`;
