import type { FieldPath, Filter } from './ast.ts';

/** The canonical text of a query: parsed again it gives the same query. */
export function formatFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'everything':
      return '';
    case 'all':
      return filter.terms.map(grouped).join(' AND ');
    case 'any':
      return filter.terms.map(grouped).join(' OR ');
    case 'not':
      return `NOT ${grouped(filter.term)}`;
    case 'text':
      return quote(filter.text);
    case 'compare':
      return `${formatPath(filter.path)}${filter.operator}${quote(filter.value)}`;
    case 'pattern':
      return `${formatPath(filter.path)}${filter.negated ? '!~' : '=~'}${quote(filter.pattern)}`;
    case 'present':
      return `${formatPath(filter.path)}:*`;
    case 'null':
      return `${formatPath(filter.path)}${filter.negated ? '!=' : '='}NULL_VALUE`;
    default:
      return formatCall(filter);
  }
}

function formatCall(filter: Extract<Filter, { kind: 'log' | 'source' | 'sample' | 'network' | 'search' }>): string {
  switch (filter.kind) {
    case 'log':
      return `log_id(${quote(filter.id)})`;
    case 'source':
      return `source(${quote(filter.parent)})`;
    case 'sample':
      return `sample(${formatPath(filter.path)}, ${filter.fraction})`;
    case 'network':
      return `ip_in_net(${formatPath(filter.path)}, ${quote(filter.network)})`;
    case 'search':
      return filter.path === undefined
        ? `SEARCH(${quote(filter.query)})`
        : `SEARCH(${formatPath(filter.path)}, ${quote(filter.query)})`;
  }
}

const grouped = (filter: Filter): string =>
  filter.kind === 'all' || filter.kind === 'any' || filter.kind === 'not'
    ? `(${formatFilter(filter)})`
    : formatFilter(filter);

/** `jsonPayload."end-user".id`: names that are more than letters, digits and underscores stand in quotes. */
export const formatPath = (path: FieldPath): string =>
  path.map((name) => (/^[A-Za-z_]\w*$/.test(name) ? name : quote(name))).join('.');

const escapes: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Every value in quotes: then no value can be taken for a keyword, a number or the end of the query. */
export const quote = (text: string): string =>
  `"${text.replace(/["\\\n\r\t]/g, (character) => escapes[character] ?? character)}"`;
