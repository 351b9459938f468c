import { canonical, shortName } from '#lib/hash.ts';

/** An insertId that depends on the content only: a line delivered twice is kept once. */
export const insertIdOf = (content: unknown): string => shortName(canonical(content), 20);
