import { certificateList } from './frontend.ts';
import { AGENT, memoryFiles, protectsAny } from './iap.ts';
import { renderAgent, spoePath } from './iap-agent.ts';
import type { HaproxyInput } from './input.ts';
import { mapsOf, mapText } from './maps.ts';
import { pageOf, pageStatuses } from './pages.ts';
import type { HaproxyPaths } from './paths.ts';
import { renderConfig } from './render.ts';

/** Everything that the load balancer reads, by path. `open` gives the plain text of a private key. */
export function filesOf(
  input: HaproxyInput,
  paths: HaproxyPaths,
  open: (sealed: string) => string,
): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const status of pageStatuses) files.set(`${paths.pages}/${status}.html`, pageOf(status));
  for (const [name, pairs] of mapsOf(input)) files.set(`${paths.maps}/${name}`, mapText(pairs));
  for (const it of input.certificates) {
    files.set(certificateFile(it.name, paths), `${it.chain.trimEnd()}\n${open(it.key).trimEnd()}\n`);
  }
  for (const frontend of input.frontends) {
    if (frontend.tls === undefined) continue;
    const lines = frontend.tls.certificates.map((it) => `${certificateFile(it, paths)}\n`);
    files.set(certificateList(frontend, paths), lines.join(''));
  }
  for (const [path, text] of memoryFiles(input, paths)) files.set(path, text);
  if (protectsAny(input)) files.set(spoePath(paths), renderAgent(AGENT));
  files.set(paths.config, renderConfig(input, paths));
  return files;
}

export const certificateFile = (name: string, paths: HaproxyPaths): string => `${paths.certificates}/${name}.pem`;
