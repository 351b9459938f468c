import type { Issued } from '#core/machine.ts';
import { placeOf } from '#lib/seal.ts';
import { asksClients } from './clients.ts';
import { certificateList } from './frontend.ts';
import { AGENT, memoryFiles, protectsAny } from './iap.ts';
import { renderAgent, spoePath } from './iap-agent.ts';
import type { HaproxyInput, OwnFront } from './input.ts';
import { mapsOf, mapText } from './maps.ts';
import { pageOf, pageStatuses } from './pages.ts';
import type { HaproxyPaths } from './paths.ts';
import { renderConfig } from './render.ts';

/** Certificate and private key as the load balancer reads them, in one file. */
export const together = ({ certificate, privateKey }: Issued): string =>
  `${certificate.trimEnd()}\n${privateKey.trimEnd()}\n`;

/**
 * Everything that the load balancer reads, by path. `open` gives the plain text of a private key, `issued` what was not
 * brought, by its path; `trusted` what front ends know of the authorities of their clients.
 */
export function filesOf(
  input: HaproxyInput,
  paths: HaproxyPaths,
  open: (sealed: string, place: string) => string,
  issued: ReadonlyMap<string, Issued> = new Map(),
  trusted: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const files = new Map(trusted);
  for (const status of pageStatuses) files.set(`${paths.pages}/${status}.html`, pageOf(status));
  for (const [name, pairs] of mapsOf(input)) files.set(`${paths.maps}/${name}`, mapText(pairs));
  for (const it of input.certificates) {
    const { chain: certificate = '', key = '' } = it;
    const own = issued.get(certificateFile(it.name, paths));
    const pair = own ?? { certificate, privateKey: open(key, placeOf(it.id, 'privateKey')) };
    files.set(certificateFile(it.name, paths), together(pair));
  }
  for (const front of input.own) {
    const own = issued.get(ownFile(front, paths));
    if (own !== undefined) files.set(ownFile(front, paths), together(own));
  }
  for (const frontend of input.frontends) {
    if (frontend.tls === undefined) continue;
    const lines = frontend.tls.certificates.map((it) => `${certificateFile(it, paths)}\n`);
    files.set(certificateList(frontend, paths), lines.join(''));
  }
  for (const [path, text] of memoryFiles(input, paths)) files.set(path, text);
  if (protectsAny(input)) files.set(spoePath(paths), renderAgent(AGENT, asksClients(input)));
  files.set(paths.config, renderConfig(input, paths));
  return files;
}

export const certificateFile = (name: string, paths: HaproxyPaths): string => `${paths.certificates}/${name}.pem`;

/** The file of the certificate that a front end of our own shows. */
export const ownFile = ({ name, certificate }: OwnFront, paths: HaproxyPaths): string =>
  certificate === undefined ? `${paths.certificates}/own.${name}.pem` : certificateFile(certificate, paths);
