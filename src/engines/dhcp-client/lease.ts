import type { Machine } from '#core/machine.ts';
import { openRegular } from '../regular.ts';
import { type DhcpClientInput, leaseFolder } from './input.ts';

/** What a client wrote down. It talks to strangers, so that what it says is bounded and has one of two shapes only. */

type Place = Pick<DhcpClientInput, 'namespace' | 'interface'>;

const LONGEST = 2048;

async function textOf(path: string): Promise<string | undefined> {
  const file = await openRegular(path);
  if (file === undefined) return undefined;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(LONGEST + 1), 0, LONGEST + 1, 0);
    return bytesRead > LONGEST ? undefined : buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The address that it was given, such as 10.200.0.7/16. */
export async function leaseOf(machine: Pick<Machine, 'run'>, it: Place): Promise<string | undefined> {
  const text = (await textOf(`${leaseFolder(machine, it)}/lease`))?.trim();
  return text !== undefined && /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/.test(text) ? text : undefined;
}

const lines = /^((search|nameserver|options)( [A-Za-z0-9.:-]{1,253}){1,16}\n){1,16}$/;

/** The resolv.conf of its lease. */
export async function leasedResolver(machine: Pick<Machine, 'run'>, it: Place): Promise<string | undefined> {
  const text = await textOf(`${leaseFolder(machine, it)}/resolv.conf`);
  return text !== undefined && lines.test(text) ? text : undefined;
}
