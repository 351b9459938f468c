import { mkdirSync, writeFileSync } from 'node:fs';
import { references } from './reference/pages.ts';

/** Writes docs/reference/: `npm run docs`. A test demands that what is committed is fresh. */

const folder = new URL('../../docs/reference/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(await references())) writeFileSync(new URL(name, folder), text);
