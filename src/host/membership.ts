import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Deployment } from '#core/deployment.ts';
import { Membership } from '#core/joining.ts';

/** What a machine that has joined a deployment elsewhere keeps of it; root's alone. */

export const membershipPaths = ({ hostState }: Pick<Deployment, 'hostState'>) => ({
  membership: `${hostState}/membership.json`,
  key: `${hostState}/membership.key`,
  certificate: `${hostState}/membership.crt`,
});

/** `connected`, or why the line to control is not there; as long as the host agent runs. */
export const lineFileOf = ({ run }: Pick<Deployment, 'run'>): string => `${run}/host/line`;

export interface Member {
  readonly membership: Membership;
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
}

/** Undefined: control stands on this machine. */
export async function membershipOf(deployment: Pick<Deployment, 'hostState'>): Promise<Member | undefined> {
  const paths = membershipPaths(deployment);
  if (!existsSync(paths.membership)) return undefined;
  const [text, key, certificate] = await Promise.all([
    readFile(paths.membership, 'utf8'),
    readFile(paths.key, 'utf8'),
    readFile(paths.certificate, 'utf8'),
  ]);
  return { membership: Membership.parse(JSON.parse(text)), key, certificate };
}
