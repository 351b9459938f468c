import type { Resource } from '#core/resource.ts';
import type { DirectorySpec } from './spec.ts';

export type Directory = Resource<DirectorySpec>;

export const baseDnOf = ({ project, spec }: Directory): string => spec.baseDn ?? `dc=${project},dc=internal`;
