import type { InstanceGroupSpec } from './spec.ts';

/** Most regions have a, b and c; these have others. */
const letters: Readonly<Record<string, readonly string[]>> = {
  'us-east1': ['b', 'c', 'd'],
  'europe-west1': ['b', 'c', 'd'],
};

/** Where hosts of a group stand, in the order in which zones are filled. */
export function zonesOf({ zone, region, distributionPolicy }: InstanceGroupSpec): readonly string[] {
  if (zone !== undefined) return [zone];
  if (distributionPolicy !== undefined) return distributionPolicy.zones;
  return region === undefined ? [] : (letters[region] ?? ['a', 'b', 'c']).map((it) => `${region}-${it}`);
}
