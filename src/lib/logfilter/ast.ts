/** A field of a log entry, from its top: `['jsonPayload', 'connection', 'src_ip']`. */
export type FieldPath = readonly string[];

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=' | ':';

/** A query of the Cloud Logging query language, in normal form: no `all` in an `all`, no `any` in an `any`. Frozen. */
export type Filter =
  /** The empty query. */
  | { readonly kind: 'everything' }
  | { readonly kind: 'all'; readonly terms: readonly Filter[] }
  | { readonly kind: 'any'; readonly terms: readonly Filter[] }
  | { readonly kind: 'not'; readonly term: Filter }
  /** A bare value: some field contains it. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'compare'; readonly path: FieldPath; readonly operator: Comparison; readonly value: string }
  /** `=~` and `!~`, with a pattern in RE2's syntax. */
  | { readonly kind: 'pattern'; readonly path: FieldPath; readonly negated: boolean; readonly pattern: string }
  /** `field:*`: the entry has the field. */
  | { readonly kind: 'present'; readonly path: FieldPath }
  /** `field=NULL_VALUE` and `field!=NULL_VALUE`. */
  | { readonly kind: 'null'; readonly path: FieldPath; readonly negated: boolean }
  /** `log_id("...")`, as it was written. */
  | { readonly kind: 'log'; readonly id: string }
  /** `source(projects/P)`: written by that project, folder or organization. */
  | { readonly kind: 'source'; readonly parent: string }
  | { readonly kind: 'sample'; readonly path: FieldPath; readonly fraction: number }
  | { readonly kind: 'network'; readonly path: FieldPath; readonly network: string }
  /** `SEARCH(...)`; no path: the whole entry. */
  | { readonly kind: 'search'; readonly path: FieldPath | undefined; readonly query: string };

export const everything: Filter = Object.freeze({ kind: 'everything' });

export const all = (terms: readonly Filter[]): Filter => join('all', terms);

export const any = (terms: readonly Filter[]): Filter => join('any', terms);

export const not = (term: Filter): Filter => Object.freeze({ kind: 'not', term });

function join(kind: 'all' | 'any', terms: readonly Filter[]): Filter {
  const flat = terms.flatMap((term) => (term.kind === kind ? term.terms : [term]));
  const [only] = flat;
  return flat.length === 1 && only !== undefined ? only : Object.freeze({ kind, terms: Object.freeze(flat) });
}
