import * as z from 'zod';
import { parsePrefix } from '#lib/ip.ts';
import { Address, InterfaceName, Prefix } from '../schemas.ts';
import { lastTranslated } from './marks.ts';
import { Key, Side } from './side.ts';

const Interfaces = z.array(InterfaceName);
const Services = z.array(Key).describe('Keys of service sets, ports before translation; none: every protocol.');

const match = {
  id: Key.describe('Key of the rule; counters come back under it.'),
  inInterfaces: Interfaces.describe('Where the connection comes in; none: anywhere.'),
  source: Side.describe('Who begins the connection.'),
  services: Services,
};

const Told = z
  .int()
  .min(1)
  .max(lastTranslated)
  .optional()
  .describe('What the mark of its connections says, for the log. Default: nothing.');

const Hairpin = z.strictObject({
  interface: InterfaceName.describe('Where both the sender and the server stand.'),
  address: Address.describe("The gateway's own address there, which the server sees as the sender."),
});

/** Rules see a connection as its sender wrote it, like those of the filter. */
export const Translation = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('source'),
      ...match,
      outInterfaces: Interfaces.min(1).describe('Where it leaves.'),
      destination: Side,
      addresses: z.array(Address).describe('What the sender becomes; of several, a sender keeps to one.'),
      each: z
        .array(z.strictObject({ interface: InterfaceName, address: Address }))
        .optional()
        .describe('What the sender becomes where it leaves by these interfaces instead; then `addresses` is empty.'),
    })
    .refine((it) => it.addresses.length > 0 !== (it.each ?? []).length > 0, 'a sender becomes one thing or another'),
  z.strictObject({
    kind: z.literal('publish'),
    ...match,
    address: Address.describe('Where it is published.'),
    to: Address.describe('Who answers.'),
    told: Told,
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe('Port that answers. Default: the same; needs tcp, udp or sctp.'),
    hairpin: z.array(Hairpin).describe('Where senders stand next to the server, so that answers must come back by us.'),
  }),
  z.strictObject({
    kind: z.literal('exempt'),
    ...match,
    outInterfaces: Interfaces.describe('Where it leaves; none: anywhere.'),
    destination: Side,
  }),
  z
    .strictObject({
      kind: z.literal('bidirectional'),
      id: match.id,
      interfaces: Interfaces.min(1).describe('Where the outside addresses are seen.'),
      outside: Prefix,
      inside: Prefix.describe('As long as the outside one.'),
      told: Told,
    })
    .refine(
      (it) => parsePrefix(it.outside)?.length === parsePrefix(it.inside)?.length,
      'inside and outside must be prefixes of one length',
    ),
]);

export type Translation = z.infer<typeof Translation>;
