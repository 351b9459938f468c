import { stringify } from 'yaml';
import * as z from 'zod';
import { type AnyKind, kinds } from '#kinds/index.ts';
import { unwrapped } from '#plan/issues.ts';
import { refOf } from '#plan/references.ts';
import { table } from './table.ts';

/** Every kind with its fields, and an example that a test compiles. */
export const sitePage = (): string => `# The site file

A site is one YAML file or a folder of them. It begins with \`project: NAME\`; then each kind is a mapping of names to
resources. \`vauban schema\` prints the JSON Schema for editors, \`vauban explain KIND\` shows what stands here.

${kinds.map(section).join('\n')}`;

function section(kind: AnyKind): string {
  const about = z.globalRegistry.get(kind.spec);
  const example = kind.single === true ? Object.values(kind.example)[0] : kind.example;
  const builtIn = Object.keys(kind.catalogue ?? {}).map((it) => `\`${it}\``);
  return `## ${kind.plural}

${about?.description ?? ''}
${kind.service === undefined ? '' : `\nIt needs the service \`${kind.service}\`.\n`}${builtIn.length === 0 ? '' : `\nBuilt in: ${builtIn.join(', ')}.\n`}
${table(['Field', 'Type', 'Default', 'Meaning'], rowsOf(kind.spec, ''))}

\`\`\`yaml
${stringify({ [kind.plural]: example }, { lineWidth: 110 }).trimEnd()}
\`\`\`
`;
}

function rowsOf(schema: unknown, path: string): string[][] {
  const at = unwrapped(schema);
  if (at instanceof z.ZodArray) return rowsOf(at.element, `${path}[]`);
  if (!(at instanceof z.ZodObject)) return [];
  return Object.entries(at.shape as Record<string, z.ZodType>).flatMap(([name, field]) => {
    const own = path === '' ? name : `${path}.${name}`;
    return [[`\`${own}\``, typeOf(field), startOf(field), field.description ?? ''], ...rowsOf(field, own)];
  });
}

const startOf = (field: z.ZodType): string =>
  field instanceof z.ZodDefault
    ? `\`${JSON.stringify(field.def.defaultValue)}\``
    : field instanceof z.ZodOptional || field instanceof z.ZodPrefault
      ? ''
      : '**required**';

/** The type in words, with its bounds. */
function typeOf(schema: unknown): string {
  const at = unwrapped(schema);
  if (at instanceof z.ZodArray) return `list of ${typeOf(at.element)}`;
  if (at instanceof z.ZodEnum) return at.options.map((it) => `\`${it}\``).join(', ');
  if (at instanceof z.ZodBoolean) return '`true`, `false`';
  if (at instanceof z.ZodNumber) return `number, ${at.minValue} to ${at.maxValue}`;
  if (at instanceof z.ZodRecord) return 'mapping of texts';
  if (!(at instanceof z.ZodString)) return 'mapping';
  const kind = refOf(at);
  const example = z.globalRegistry.get(at)?.examples;
  const shown = Array.isArray(example) ? ` such as \`${String(example[0])}\`` : '';
  return kind === undefined ? `text${shown}` : `name of a ${kind}`;
}
