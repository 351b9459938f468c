import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description } from '../fields.ts';

const Pair = z
  .strictObject({
    local: ref('networkObject').describe('What is behind the gateway.'),
    remote: ref('networkObject').describe('What is behind the peer, as it shows it.'),
    localAs: ref('networkObject')
      .optional()
      .describe(
        'A network of the same size that ours is shown as, one address for each: for sites with the same addresses. The peer then names this one, and so do filter rules for what comes in.',
      ),
  })
  .meta({ id: 'IpsecPair' });

export const IpsecTunnelSpec = z
  .strictObject({
    peer: ref('ipsecPeer').describe('The other end.'),
    networks: z.array(Pair).min(1).max(16).describe('Which networks reach each other.'),
    start: z
      .enum(['start', 'respond', 'trap'])
      .default('start')
      .describe(
        'Who begins. `start`: we, at once and again whenever it is down. `respond`: the peer. `trap`: we, when there is traffic; where strongSwan protects packets instead of the kernel, that is the same as `start`. Of two gateways of one deployment that both say `start`, the one of the lower address does.',
      ),
    profile: ref('ipsecProfile')
      .optional()
      .describe('How its packets are protected. None: as the peer’s profile says.'),
    enabled: z
      .boolean()
      .default(true)
      .describe('Whether it may be up. Packets that are meant for it never leave in the clear, either way.'),
    maxSegmentSize: z
      .int()
      .min(536)
      .max(1460)
      .default(1360)
      .describe('Largest TCP segment in it, in bytes: what tunnels add to packets must still fit.'),
    description: Description,
  })
  .meta({
    id: 'IpsecTunnel',
    title: 'IPsec tunnel',
    description:
      'Networks of two sites that reach each other through an encrypted tunnel. A gateway or cluster puts it in force by `ipsecTunnels`; filter rules name its traffic as the interface `ipsec`.',
  });

export type IpsecTunnelSpec = z.infer<typeof IpsecTunnelSpec>;
