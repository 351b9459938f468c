import type { Session } from './session.ts';

/** A line of the log `vpn`. */
export type VpnEvent =
  | { readonly event: 'connected'; readonly by: 'password' | 'token'; readonly session: Session }
  | {
      readonly event: 'refused';
      readonly code: string;
      readonly reason: string;
      readonly username: string;
      readonly from: string;
      readonly transport: string;
      readonly client?: string | undefined;
    }
  | { readonly event: 'disconnected'; readonly reason: string; readonly session: Session };

/** One JSON object a line; people’s names and addresses come from the session. */
export function lineOf(it: VpnEvent, now: Date): string {
  const time = now.toISOString();
  if (it.event === 'refused') {
    const { client, ...rest } = it;
    return JSON.stringify({ vpn: 1, time, ...rest, ...(client === undefined ? {} : { client }) });
  }
  const { session } = it;
  const { email, username, address, from, transport, client, serial } = session;
  const about = { person: email, username, address, from, transport, client, serial };
  return it.event === 'connected'
    ? JSON.stringify({ vpn: 1, time, event: it.event, by: it.by, ...about })
    : JSON.stringify({
        ...{ vpn: 1, time, event: it.event, reason: it.reason, ...about },
        ...{ received: session.received, sent: session.sent },
        seconds: Math.max(0, Math.round((now.getTime() - session.since) / 1000)),
      });
}
