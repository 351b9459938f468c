import * as z from 'zod';
import type { Listed } from './management.ts';

export const transports = ['udp', 'tcp'] as const;
export const Transport = z.enum(transports);
export type Transport = z.infer<typeof Transport>;

const Grant = z.object({ set: z.string(), networks: z.array(z.string()) });

/** Somebody who is connected. Kept in a file, so that whoever succeeds this process knows them. */
export const Session = z.object({
  transport: Transport,
  /** What openvpn calls the connection; none is used twice while it runs. */
  cid: z.int().min(0),
  /** As the client writes it. */
  username: z.string(),
  email: z.string(),
  displayName: z.string().optional(),
  /** In the tunnel. */
  address: z.string(),
  /** Where the client is, as ADDRESS:PORT. */
  from: z.string(),
  /** Milliseconds since 1970. */
  since: z.number(),
  received: z.number().default(0),
  sent: z.number().default(0),
  /** Of the client's certificate, in lower-case hexadecimal. */
  serial: z.string().optional(),
  /** Openvpn’s name for what a token renews: the same device. */
  device: z.string().optional(),
  client: z.string().optional(),
  grants: z.array(Grant),
});
export type Session = z.infer<typeof Session>;

/** A session by connection, never by address: the end of an old one may be told after the beginning of a new one. */
export const holderOf = ({ transport, cid }: Pick<Session, 'transport' | 'cid'>): string => `${transport}-${cid}`;

/** Whether what openvpn lists is this very session, and not one of an openvpn that ran before. */
export const isSame = (session: Session, listed: Listed): boolean =>
  session.cid === listed.cid && session.address === listed.address && session.username === listed.username;

export interface Limits {
  readonly sessions: number;
  readonly sessionsPerPerson: number;
}

export type Place =
  | { readonly full: true }
  /** Sessions that give way: of the same device, or the person's oldest. */
  | { readonly full: false; readonly replaced: readonly Session[]; readonly ousted: readonly Session[] };

/** Who gives way to a session that begins. */
export function placeFor(
  sessions: Iterable<Session>,
  who: { readonly email: string; readonly device?: string | undefined },
  { sessions: most, sessionsPerPerson }: Limits,
): Place {
  const all = [...sessions];
  const own = all.filter((it) => it.email === who.email).sort((a, b) => a.since - b.since);
  const replaced = own.filter((it) => who.device !== undefined && it.device === who.device);
  const others = own.filter((it) => !replaced.includes(it));
  const ousted = others.slice(0, Math.max(0, others.length + 1 - sessionsPerPerson));
  const left = all.length - replaced.length - ousted.length;
  return left >= most ? { full: true } : { full: false, replaced, ousted };
}
