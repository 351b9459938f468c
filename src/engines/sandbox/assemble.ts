import { type Assemble, grouped } from '../fragments.ts';
import { imageId } from '../image/assemble.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { SandboxInput } from './input.ts';

export const sandboxId = (name: string): string => `sandbox/${name}`;

export interface SandboxFragment {
  readonly input: SandboxInput;
  /** Artifacts that must stand before it boots: its links, its resolver. */
  readonly after: readonly string[];
}

export const assembleSandboxes: Assemble<SandboxFragment, SandboxInput> = (fragments) =>
  [...grouped(fragments, (it) => it.input.name)].flatMap(
    ([
      name,
      {
        owners,
        fragments: [fragment],
      },
    ]) => {
      if (fragment === undefined) return [];
      const { input, after } = fragment;
      const needs = [imageId(input.image, input.imageHash), namespaceId(input.namespace), ...after];
      return [{ id: sandboxId(name), engine: 'sandbox', owners, needs: [...new Set(needs)].sort(), input }];
    },
  );
