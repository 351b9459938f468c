import * as z from 'zod';
import { askSocket } from '../asking.ts';

/** Somebody who is connected, as the service tells. */
export const VpnSession = z.object({
  transport: z.enum(['udp', 'tcp']),
  email: z.string(),
  displayName: z.string().optional(),
  address: z.string().describe('In the tunnel.'),
  from: z.string().describe('Where the client is.'),
  since: z.number().describe('Milliseconds since 1970.'),
  received: z.number().describe('Bytes from the client.'),
  sent: z.number().describe('Bytes to the client.'),
  client: z.string().optional(),
});
export type VpnSession = z.infer<typeof VpnSession>;

export const VpnStatus = z.object({
  /** Hash of the input in force. */
  input: z.string(),
  /** Transports whose openvpn is there and lets people in. */
  ready: z.array(z.enum(['udp', 'tcp'])),
  sessions: z.array(VpnSession),
  refused: z.number().describe('Logins that were refused since the service started.'),
});
export type VpnStatus = z.infer<typeof VpnStatus>;

export const Steer = z.strictObject({ email: z.string().min(1).max(320) });
export type Steer = z.infer<typeof Steer>;

export async function statusAt(socket: string): Promise<VpnStatus> {
  return VpnStatus.parse(JSON.parse((await askSocket(socket, { path: '/status' })).body));
}
