import * as z from 'zod';
import { Name, ProjectName } from '#core/resource.ts';
import { kinds } from '#kinds/index.ts';

/** JSON Schema of a site file, from the kinds. Editors complete and check by it. */
export function siteSchema(): Record<string, unknown> {
  const shape = Object.fromEntries(
    kinds.map((kind) => [
      kind.plural,
      kind.single === true
        ? (kind.spec as z.ZodType).optional()
        : z.record(Name, kind.spec).optional().describe(`${kind.title}s, by name.`),
    ]),
  );
  const site = z.strictObject({
    project: ProjectName.describe('The project that everything in this file belongs to.'),
    ...shape,
  });
  return { ...z.toJSONSchema(site, { io: 'input', target: 'draft-2020-12' }), title: 'Vauban site' };
}

/** JSON Schema of one kind's spec: as it is written (`input`) or as it is answered (`output`). */
export const specSchema = (plural: string, io: 'input' | 'output'): Record<string, unknown> | undefined => {
  const kind = kinds.find((it) => it.plural === plural);
  return kind === undefined
    ? undefined
    : (z.toJSONSchema(kind.spec, { io, target: 'draft-2020-12' }) as Record<string, unknown>);
};
