import { canonical, shortName } from '#lib/hash.ts';
import type { InstanceTemplateSpec } from './spec.ts';

/** A template as it was when a host was made from it: it stays when the template changes. */
export interface TemplateVersion {
  /** Name of the template. */
  readonly template: string;
  readonly spec: Omit<InstanceTemplateSpec, 'description'>;
}

export const versionOf = (template: string, spec: InstanceTemplateSpec): TemplateVersion => {
  const { description: _, ...rest } = spec;
  return { template, spec: rest };
};

export const versionId = (version: TemplateVersion): string => shortName(canonical(version), 8);
