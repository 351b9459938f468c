import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { dataCiphers } from '#engines/openvpn/input.ts';
import { signingIn } from '../directory/signing-in.ts';
import { Address, Description, Host } from '../fields.ts';

const listener = (port: number) =>
  z.strictObject({
    port: z.int().min(1).max(65_535).default(port).describe('Port on the addresses of external interfaces.'),
    network: ref('networkObject').describe(
      'Network of its clients: an object with `network`, which nothing else uses. The first address is the server’s.',
    ),
  });

export const SslVpnServerSpec = z
  .strictObject({
    udp: listener(1194).optional().describe('Over UDP, which is faster; profiles try it first.'),
    tcp: listener(443).optional().describe('Over TCP, for where nothing else gets through.'),
    address: Host.optional().describe(
      'Name or address that profiles carry. None: the first address of the gateway’s external interface.',
    ),
    certificateAuthority: ref('certificateAuthority').describe(
      'Authority whose certificate profiles carry; it issues the server’s, and those of people.',
    ),
    requirePersonalCertificate: z
      .boolean()
      .default(false)
      .describe('Whether people must also show a certificate of their own, which their profile then holds.'),
    ...signingIn,
    routes: z
      .array(ref('networkObject'))
      .max(200)
      .default([])
      .describe('What clients reach through the tunnel, and may reach unless their role binding says less.'),
    fullTunnel: z
      .boolean()
      .default(false)
      .describe('Whether clients send everything through the tunnel, also what they want of the internet.'),
    dnsServers: z.array(Address).max(8).default([]).describe('Resolvers that clients are given.'),
    searchDomain: Host.optional().describe('Domain in which clients look for short names.'),
    dataCiphers: z
      .array(z.enum(dataCiphers))
      .min(1)
      .max(dataCiphers.length)
      .default(['AES-256-GCM', 'AES-128-GCM', 'CHACHA20-POLY1305'])
      .describe('Ciphers of data, best first; the first that a client knows is used. CBC is for clients before 2.4.'),
    maximumSessions: z.int().min(1).max(2000).default(250).describe('How many may be connected at once.'),
    sessionsPerPerson: z
      .int()
      .min(1)
      .max(50)
      .default(2)
      .describe('How many devices of one person may be connected at once; the one that came first gives way.'),
    pingSeconds: z.int().min(1).max(600).default(5).describe('Seconds of silence after which an end says it is there.'),
    timeoutSeconds: z
      .int()
      .min(3)
      .max(3600)
      .default(20)
      .describe('Seconds of silence after which a client connects anew, also to the gateway that has taken over.'),
    renegotiateMinutes: z.int().min(1).max(1440).default(60).describe('Minutes after which keys are renewed.'),
    tokenHours: z
      .int()
      .min(1)
      .max(720)
      .default(12)
      .describe('Hours for which a client comes back without asking for the password again.'),
    description: Description,
  })
  .meta({
    id: 'SslVpnServer',
    title: 'SSL VPN server',
    description:
      'Lets people in from anywhere with a stock OpenVPN client: name, password and, if wanted, a code and a certificate. A gateway or cluster puts it in force by `sslVpn`; role bindings of `roles/vpn.user` say who may.',
  });

export type SslVpnServerSpec = z.infer<typeof SslVpnServerSpec>;
