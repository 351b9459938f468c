import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Address, Description, secret } from '../fields.ts';
import { GatewayInterface } from '../gateway/interface.ts';

const Identity = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}]+$/u, 'not an identity such as 198.51.100.1, gw.example.com or gw@example.com')
  .meta({ id: 'IkeIdentity', examples: ['gw.example.com'] });

export const IpsecPeerSpec = z
  .strictObject({
    address: Address.optional().describe('Its address.'),
    addressObject: ref('networkObject')
      .optional()
      .describe('An object with its address, or with a few. Neither: it may be anywhere, and only it can begin.'),
    interface: GatewayInterface.optional().describe(
      'Interface of the gateway by which it is reached. None: the first external one.',
    ),
    localIdentity: Identity.optional().describe('What we call ourselves. None: the address of that interface.'),
    peerIdentity: Identity.optional().describe(
      'What it calls itself. None: its address. With a certificate it must be said: not everybody with one of that authority is the peer.',
    ),
    preSharedKey: secret()
      .optional()
      .describe('What both sides know and nobody else; long and random. Best `!file FILE`. This, or a `certificate`.'),
    certificate: ref('certificate')
      .optional()
      .describe('What we show instead; the peer must name the identity that it stands for.'),
    authority: ref('certificateAuthority')
      .optional()
      .describe('Who must have issued the peer’s certificate. None: who issued ours.'),
    profile: ref('ipsecProfile').default('strong').describe('Algorithms and lifetimes.'),
    deadAfterSeconds: z
      .int()
      .min(0)
      .max(600)
      .default(10)
      .describe('Seconds of silence until it is asked whether it lives; what is dead is begun anew. 0: never.'),
    description: Description,
  })
  .meta({
    id: 'IpsecPeer',
    title: 'IPsec peer',
    description:
      'The other end of IPsec tunnels: where it is, how both sides prove who they are, and by which algorithms.',
  });

export type IpsecPeerSpec = z.infer<typeof IpsecPeerSpec>;
