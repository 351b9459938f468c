import { parseList } from '#lib/domains/parse.ts';
import { defineKind, type Objection } from '../define.ts';
import { builtInCategories } from './built-in.ts';
import { WebCategorySpec } from './spec.ts';

export const webCategory = defineKind<WebCategorySpec>({
  kind: 'webCategory',
  title: 'Web category',
  spec: WebCategorySpec,
  catalogue: builtInCategories,
  check: ({ name, spec }) => [
    ...(Object.hasOwn(builtInCategories, name)
      ? [{ path: [], message: `\`${name}\` is built in`, fix: 'Choose another name.' } satisfies Objection]
      : []),
    ...emptied(spec),
  ],
  columns: [
    { title: 'FORMAT', value: ({ spec }) => spec.format },
    { title: 'LINES', value: ({ spec }) => String(spec.domains.split('\n').filter((it) => it.trim() !== '').length) },
    { title: 'TITLE', value: ({ spec }) => spec.title },
  ],
  feeds: {},
  example: { games: { title: 'Games', domains: 'games.example\nplay.example\n' } },
});

/** A list of the wrong format holds nothing; a rule that blocks by it would let everything pass in silence. */
function emptied(spec: WebCategorySpec): readonly Objection[] {
  if (spec.domains.trim() === '') return [];
  const { domains, warnings } = parseList(spec.domains, spec.format);
  const [first] = warnings;
  if (domains.size > 0 || first === undefined) return [];
  return [
    {
      path: ['domains'],
      message: `no line holds a domain; line ${first.line}: ${first.message}`,
      fix: 'Set `format` to that of the list: plain, hosts or adblock.',
    },
  ];
}
