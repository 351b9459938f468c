import { bare } from './columns.ts';
import type { Row } from './rows.ts';

/** What a row declares; or why it is left out; or what is wrong with it. */
export type Declared =
  | { readonly spec: Readonly<Record<string, unknown>>; readonly notes?: readonly string[] }
  | { readonly leftOut: string }
  | { readonly mistake: string; readonly fix: string };

export const value = (row: Row, name: string): string => row.field(name).trim();
export const descriptionOf = (row: Row): { readonly description: string } => ({
  description: bare(row.field('comment')),
});
