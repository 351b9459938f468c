import * as z from 'zod';
import { askSocket } from '../asking.ts';
import { kernels } from './input.ts';

/** Why something failed, from a closed list: what is said about it is in `failure.ts`. */
export const failureCodes = [
  'wrong-key',
  'no-key',
  'unknown-identity',
  'wrong-identity',
  'refused-by-peer',
  'proposals',
  'proposals-refused-by-peer',
  'networks',
  'networks-refused-by-peer',
  'silent',
  'certificate-revoked',
  'certificate-expired',
  'certificate-foreign',
  'revocation-unknown',
  'unreachable',
  'system',
] as const;
export type FailureCode = (typeof failureCodes)[number];

export const Failure = z.strictObject({
  code: z.enum(failureCodes),
  message: z.string().max(600).describe('What is wrong, in words.'),
  fix: z.string().max(600).describe('What to do, and on which side.'),
  at: z.number().describe('When it was last seen, in seconds since 1970.'),
  times: z.number().describe('How often since the tunnel was last up.'),
});
export type Failure = z.infer<typeof Failure>;

export const tunnelStates = [
  'up',
  'connecting',
  'down',
  'waiting',
  'partly-up',
  'stopped',
  'disabled',
  'standby',
] as const;
export type TunnelState = (typeof tunnelStates)[number];

const Pair = z.strictObject({
  name: z.string(),
  local: z.string(),
  remote: z.string(),
  up: z.boolean(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  packetsIn: z.number(),
  packetsOut: z.number(),
  algorithms: z.string(),
});

export const TunnelStatus = z.strictObject({
  key: z.string(),
  peer: z.string().describe('Key of the peer.'),
  state: z.enum(tunnelStates),
  since: z.number().describe('Seconds since 1970.'),
  start: z
    .enum(['start', 'respond', 'trap'])
    .describe('What is really done, where the machine cannot do what was asked.'),
  address: z.string().describe('Where the peer is; empty: nowhere.'),
  identity: z.string().describe('What the peer calls itself; empty: it has not said so.'),
  initiator: z.boolean(),
  behindNat: z.boolean(),
  agreement: z.string().describe('Algorithms by which keys are agreed.'),
  rekeys: z.number(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  packetsIn: z.number(),
  packetsOut: z.number(),
  pairs: z.array(Pair),
  failure: Failure.nullable(),
});
export type TunnelStatus = z.infer<typeof TunnelStatus>;

/** What the keeper says of a gateway's tunnels. */
export const IpsecStatus = z.strictObject({
  input: z.string().describe('Hash of the input that is in force.'),
  running: z.boolean().describe('Whether strongSwan is there; on a standby member it is not.'),
  kernel: z.enum(kernels),
  problem: z.string().describe('Why strongSwan did not take its input; empty: it did.'),
  dropped: z.number().describe('Events that were too many to be told.'),
  tunnels: z.array(TunnelStatus),
});
export type IpsecStatus = z.infer<typeof IpsecStatus>;

export const Steer = z.strictObject({ tunnel: z.string(), state: z.enum(['up', 'down']) });

/** Milliseconds that a keeper may take. */
export const PATIENCE = 3000;

export const statusAt = async (socketPath: string): Promise<IpsecStatus> =>
  IpsecStatus.parse(JSON.parse((await askSocket(socketPath, { path: '/status', patience: PATIENCE })).body));
