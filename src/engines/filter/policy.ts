import * as z from 'zod';
import { isTimeZone } from '#access/policy/window.ts';
import { lastPath } from '../routing/marks.ts';
import { InterfaceName } from '../schemas.ts';
import { Key, Side } from './side.ts';

const Interfaces = z.array(InterfaceName).describe('One is enough. None: any interface.');
const Services = z.array(Key).describe('Keys of service sets; one is enough. None: every protocol.');
const Port = z.int().min(1).max(65_535);

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const Window = z
  .strictObject({
    days: z.array(z.enum(days)).min(1),
    from: z
      .string()
      .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/)
      .describe('HH:MM; this minute is inside.'),
    to: z
      .string()
      .regex(/^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/)
      .describe('HH:MM, up to 24:00; this minute is outside.'),
    timeZone: z
      .string()
      .max(60)
      .refine(isTimeZone, 'not a time zone such as Europe/Paris')
      .optional()
      .describe('Whose clock. Default: UTC.'),
  })
  .refine((it) => it.from < it.to, 'it ends before it begins; a night is two windows');

const Divert = z.strictObject({
  ports: z.array(Port).min(1).describe('Destination ports of TCP that are handed over.'),
  to: Port.describe('Port of 127.0.0.1 where a transparent proxy listens.'),
});

export const Rule = z
  .strictObject({
    id: Key.describe('Key of the rule; counters, logs and errors come back under it.'),
    number: z.int().min(1).max(65_535).describe('The low 16 bits of the connection mark; stays with the rule.'),
    action: z
      .enum(['pass', 'block', 'reset'])
      .describe('Let through, drop in silence, or refuse so that the sender knows at once.'),
    enabled: z.boolean(),
    inInterfaces: Interfaces,
    outInterfaces: Interfaces,
    source: Side.describe('Who begins the connection.'),
    destination: Side.describe('Where to, as the sender wrote it: before address translation.'),
    services: Services.describe('Keys of service sets, ports before translation; one is enough. None: every protocol.'),
    people: Key.optional().describe('Key of a set of people: the rule holds for what they may reach at this moment.'),
    schedule: z.array(Window).min(1).optional().describe('When it holds; one window is enough. Default: always.'),
    inspection: z
      .enum(['firewall', 'ids', 'ips'])
      .describe('Passed on as it is; copied to an observer; or passed on when the inspection lets it.'),
    failOpen: z.boolean().describe('Whether packets pass while the inspection is down.'),
    divert: z.array(Divert).describe('What of it a local proxy takes over, after the rule has let it pass.'),
    path: z
      .int()
      .min(1)
      .max(lastPath)
      .optional()
      .describe('Path in the mark of what passes by it, for routing. Default: routes decide.'),
    log: z
      .enum(['none', 'connections', 'packets'])
      .describe('Nothing, the first packet of each connection, or every packet; limited for each sender.'),
  })
  .refine((it) => it.divert.length === 0 || it.action === 'pass', 'only what passes can be handed to a proxy')
  .refine((it) => it.path === undefined || it.action === 'pass', 'only what passes can be led somewhere')
  .refine((it) => it.inspection === 'firewall' || it.action === 'pass', 'only what passes can be inspected');

export const Local = z.strictObject({
  id: Key.describe('What it is counted under, such as lab/gateway/gw1/local/ssh.'),
  inInterfaces: Interfaces,
  source: Side,
  destination: Side.describe('Addresses of the gateway; groups such as 224.0.0.18 too. Any: all of them.'),
  services: Services,
  untracked: z
    .enum(['answers', 'both'])
    .optional()
    .describe(
      'Goes by the connection table, to get through while that is full: what comes and its answers, or also what the gateway asks the same ends for. Default: does not.',
    ),
});
