import { openApi } from '#api/openapi.ts';
import { problems } from '#core/problem.ts';
import { commandPage } from './commands.ts';
import { sitePage } from './site.ts';
import { table } from './table.ts';

const generated = '<!-- Written by `npm run docs`. -->\n';

/** Every page of the reference, by its name. The same sources give the same bytes. */
export async function references(): Promise<Readonly<Record<string, string>>> {
  return {
    'site.md': `${generated}${sitePage()}`,
    'cli.md': `${generated}${await commandPage()}`,
    'problems.md': `${generated}${problemPage()}`,
    'api.md': `${generated}${apiPage()}`,
    'openapi.json': `${JSON.stringify(openApi(), null, 2)}\n`,
  };
}

const problemPage = (): string =>
  `# Problems

Every failure has a code that never changes, the place (\`at\`), what is wrong (\`message\`) and what to do (\`fix\`). Several
mistakes come together in \`details\`. The API answers \`{"error": {...}}\` with the status below; the command line prints
the same, as JSON with \`-o json\`.

${table(
  ['Code', 'Status', 'Meaning'],
  Object.entries(problems)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { status, title }]) => [`\`${code}\``, String(status), title]),
)}
`;

interface Described {
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
}

function apiPage(): string {
  const { paths } = openApi() as { paths: Record<string, Record<string, Described>> };
  const rows = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, it]) => [
      `\`${method.toUpperCase()} ${path}\``,
      it.summary,
      /role (\w+)/.exec(it.description)?.[1] ?? '',
      it.parameters
        .filter((parameter) => parameter.in === 'query')
        .map((parameter) => `\`${parameter.name}\``)
        .join(', '),
    ]),
  );
  return `# API

The whole description is [openapi.json](openapi.json), which a running Vauban serves at \`/v1/openapi.json\`. Every request
carries \`Authorization: Bearer TOKEN\`. A change is answered with 202 and an operation, whose progress is at
\`/v1/operations/{id}/events\`; with \`dryRun=true\` it only says what would change. \`If-Match\` with a resource's etag
refuses a change of something that has changed meanwhile. Lists come in pages: \`pageToken\` takes \`nextPageToken\`.

${table(['Route', 'What it does', 'Role', 'Query'], rows)}
`;
}
