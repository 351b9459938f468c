import * as z from 'zod';
import { askSocket } from '../asking.ts';

/** Somebody who has signed in at a captive portal. */
export const PortalSession = z.object({
  email: z.string(),
  address: z.string(),
  since: z.number().describe('Milliseconds since 1970.'),
  until: z.number(),
});
export type PortalSession = z.infer<typeof PortalSession>;

export const PortalStatus = z.object({
  /** Hash of the input in force. */
  input: z.string(),
  sessions: z.array(PortalSession),
});
export type PortalStatus = z.infer<typeof PortalStatus>;

export const portalStatusAt = async (socket: string): Promise<PortalStatus> =>
  PortalStatus.parse(JSON.parse((await askSocket(socket, { path: '/status' })).body));
