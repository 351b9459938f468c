import { readFileSync, writeFileSync } from 'node:fs';
import { compileList, encodeList } from '#lib/domains/compiled.ts';
import { type ListFormat, parseList } from '#lib/domains/parse.ts';

// `url-list.ts FORMAT FILE`: compiles the list on standard input into a file. A process of its own, because a million
// domains take a second and some 200 MB, which the agent shall not be busy with.
const [, , format = 'plain', file = ''] = process.argv;
const { domains, exceptions } = parseList(readFileSync(0, 'utf8'), format as ListFormat);
writeFileSync(file, encodeList(compileList(domains, exceptions)), { mode: 0o640 });
