import * as z from 'zod';
import { askSocket } from '../asking.ts';
import { roles } from '../keepalived/observe.ts';

/** Reachability of one interface. Unknown: nothing to probe, or nothing to probe from. */
export const Reach = z.enum(['good', 'bad', 'unknown']);
export type Reach = z.infer<typeof Reach>;

/** What a person may say about a node: `automatic` unless told otherwise. */
export const Forced = z.enum(['automatic', 'active', 'standby']);
export type Forced = z.infer<typeof Forced>;

export const RoleName = z.enum(roles);

const Heard = z.strictObject({
  ageMs: z.number().nullable().describe('Since the last heartbeat; null: none was ever heard.'),
  roundTripMs: z.number().nullable(),
});

export const Change = z.strictObject({ at: z.number(), from: RoleName, to: RoleName, reason: z.string().max(200) });
export type Change = z.infer<typeof Change>;

/** What the service says of itself. */
export const GatewayStatus = z.strictObject({
  input: z.string().describe('Hash of the input that is in force.'),
  version: z.string().describe('Version of the program.'),
  role: RoleName,
  since: z.number(),
  forced: Forced,
  maintenance: z.boolean(),
  hold: z.string().nullable().describe('Why keepalived is held back.'),
  reach: z.record(z.string(), Reach),
  traffic: Heard,
  link: Heard,
  peer: z
    .strictObject({
      role: RoleName,
      version: z.string(),
      maintenance: z.boolean(),
      differs: z.array(z.string()).describe('Sections whose hashes are not equal.'),
    })
    .nullable(),
  refused: z.number().describe('Heartbeats that were forged, replayed or not understood.'),
  changes: z.array(Change).describe('The last changes of role, newest first.'),
  files: z.record(z.string(), z.number()).describe('Bytes of the copies of replicated files.'),
  memory: z.number(),
});
export type GatewayStatus = z.infer<typeof GatewayStatus>;

export const Steer = z.discriminatedUnion('part', [
  z.strictObject({ part: z.literal('role'), state: z.enum(['switch', ...Forced.options]) }),
  z.strictObject({ part: z.literal('maintenance'), state: z.enum(['on', 'off']) }),
]);
export type Steer = z.infer<typeof Steer>;

export async function statusAt(socketPath: string): Promise<GatewayStatus> {
  return GatewayStatus.parse(JSON.parse((await askSocket(socketPath, { path: '/status' })).body));
}

/** Key of an observation's words about what is not the same at the other node: its sections, with blanks between. */
export const differsKey = (owner: string): string => `${owner}/differs`;
