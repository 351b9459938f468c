import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Deployment } from '#core/deployment.ts';
import { blocksIn } from '#engines/pki/external.ts';
import { currentOf, Ledger } from '#engines/pki/ledger.ts';
import type { Validity } from '#engines/pki/openssl.ts';
import { pathsIn, pkiFolder } from '#engines/pki/paths.ts';
import { lastingOf, validityOf } from '#engines/pki/status.ts';
import { count } from '#lib/text.ts';
import type { Finding } from './doctor.ts';

/** Certificates of projects that end soon or have ended; also when none of our processes lives to say so. */

interface Ending {
  readonly name: string;
  readonly validity: Validity;
}

/** Empty: this deployment has no authorities. */
export function certificateFindings({ hostState }: Pick<Deployment, 'hostState'>, now: number): Finding[] {
  const folder = pkiFolder({ state: hostState });
  const authorities = existsSync(folder) ? readdirSync(folder).filter((it) => it.split('.').length === 2) : [];
  if (authorities.length === 0) return [];
  const findings = authorities.flatMap((it) => findingsOf(it, `${folder}/${it}`, now));
  if (findings.length > 0) return findings;
  const text = `${count(authorities.length, 'authority', 'authorities')}; nothing ends soon`;
  return [{ part: 'certificates', state: 'ok', text }];
}

function findingsOf(authority: string, folder: string, now: number): Finding[] {
  try {
    return endingsIn(folder).flatMap(({ name, validity }) => {
      const lasting = lastingOf(validity, now);
      if (lasting === 'VALID') return [];
      const isOver = lasting === 'EXPIRED';
      const day = new Date(validity.until).toISOString().slice(0, 10);
      const text = `${name} of ${authority} ${isOver ? 'ended' : 'ends'} on ${day}`;
      return [{ part: 'certificates', state: isOver ? ('failed' as const) : ('warning' as const), text }];
    });
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return [{ part: 'certificates', state: 'failed', text: `${authority} is damaged: ${why}` }];
  }
}

function endingsIn(folder: string): readonly Ending[] {
  const paths = pathsIn(folder);
  const own = { name: 'the certificate of the authority itself', validity: validityIn(paths.certificate) };
  if (!existsSync(paths.ledger)) return [own, ...importedIn(folder)];
  const ledger = Ledger.parse(JSON.parse(readFileSync(paths.ledger, 'utf8')));
  const counting = ledger.entries.filter(
    (it) => it.withdrawn === undefined && currentOf(ledger, it.origin, it.id) === it,
  );
  return [
    own,
    { name: 'the revocation list', validity: ledger.crl },
    ...counting.map((it) => ({
      name: it.origin === 'demand' ? `people/${it.id}` : it.id.replace(/^certificate\./, ''),
      validity: it,
    })),
  ];
}

/** Of an authority elsewhere: whoever brought them has to bring the next ones. */
function importedIn(folder: string): readonly Ending[] {
  const names = existsSync(`${folder}/issued`) ? readdirSync(`${folder}/issued`) : [];
  return names
    .filter((it) => it.endsWith('.crt'))
    .map((it) => ({
      name: it.slice(0, -4).replace(/^certificate\./, ''),
      validity: validityIn(`${folder}/issued/${it}`),
    }));
}

const validityIn = (path: string): Validity =>
  validityOf(new X509Certificate(blocksIn(readFileSync(path, 'utf8'))[0] ?? ''));
