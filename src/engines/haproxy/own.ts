import type { Issued, Machine } from '#core/machine.ts';
import { accessLogFormat, captured, clientRule } from './access-log.ts';
import type { Section } from './backend.ts';
import { ownFile } from './files.ts';
import { cleaningRules, REQUEST_ID } from './frontend.ts';
import { PAGES } from './iap.ts';
import type { HaproxyInput } from './input.ts';
import { quoted } from './names.ts';
import { PAGE_TYPE } from './pages.ts';
import type { HaproxyPaths } from './paths.ts';

/**
 * Front ends of Vauban itself: all that comes in is for the edge service (sign-in, tunnels, published keys). They show a
 * certificate of the site's, or one that the deployment's authority issues.
 */

export const ownSections = (input: HaproxyInput, paths: HaproxyPaths): readonly Section[] =>
  input.own.map((it) => ({
    head: `frontend own.${it.name}`,
    lines: [
      `bind ${it.address}:${it.port} ssl crt ${ownFile(it, paths)} alpn h2,http/1.1 ssl-min-ver TLSv1.2`,
      `log-format ${quoted(accessLogFormat('no queries'))}`,
      REQUEST_ID,
      clientRule,
      ...captured.map((header) => `capture request header ${header.header} len ${header.length}`),
      ...cleaningRules,
      'http-request set-var(txn.host) req.hdr(host),host_only,lower',
      // Under another name a browser would keep cookies and passkeys that nobody ever asks for again.
      `http-request return status 421 content-type ${PAGE_TYPE} lf-file ${paths.pages}/421.html unless { var(txn.host) -m str ${it.names.join(' ')} }`,
      'http-request set-header x-forwarded-proto https',
      `default_backend ${PAGES}`,
    ],
  }));

/** Certificates of front ends that bring none, by the name of the front end. */
export async function issuedFor(machine: Machine, input: HaproxyInput): Promise<ReadonlyMap<string, Issued>> {
  const issued = new Map<string, Issued>();
  for (const { name, names, address, certificate } of input.own) {
    if (certificate !== undefined) continue;
    const id = `edge.${input.project}.${name}`;
    issued.set(name, await machine.authority.issue({ id, names, addresses: [address] }));
  }
  return issued;
}
