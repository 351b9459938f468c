import type * as z from 'zod';
import type { Role } from '#access/roles.ts';
import type { Json } from './json-schema.ts';

/** What the OpenAPI document says of one route, and words that many share. */

export interface Route {
  readonly summary: string;
  /** The least role that may; default viewer. */
  readonly role?: Role;
  readonly query?: z.ZodObject;
  readonly body?: Json;
  /** Status and the schema's name, or a content type that is no JSON. */
  readonly answers: Readonly<Record<number, { readonly schema: string } | { readonly type: string }>>;
}

type Method = 'get' | 'post' | 'put' | 'delete';
export type Routes = Readonly<Record<string, Readonly<Partial<Record<Method, Route>>>>>;

export const ok = (schema: string) => ({ 200: { schema } });
export const accepted = { 202: { schema: 'OperationAnswer' } };
export const planned = { 200: { schema: 'Difference' }, ...accepted };
export const events = { 200: { type: 'text/event-stream' } };
export const operator = { role: 'operator' } as const;
