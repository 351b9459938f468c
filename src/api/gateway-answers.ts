import { mays } from '#control/rights/matrix.ts';
import { failureCodes, tunnelStates } from '#engines/strongswan/status.ts';
import { choice, type Json, list, map, object, text, time, whole } from './json-schema.ts';

const direction = object({
  bitsPerSecond: { ...whole, description: 'The mean over the time that it was looked at.' },
  packetsPerSecond: whole,
  bytes: { ...whole, description: 'Since the interface was made.' },
  packets: whole,
  errors: whole,
  dropped: { ...whole, description: 'By the interface itself; what rules drop is not among them.' },
});

/** What is answered about gateways, tunnels, and people who come in through them. */
export const gatewayAnswers: Readonly<Record<string, Json>> = {
  Gateways: object({
    items: list(
      object(
        {
          name: text,
          role: choice('active', 'standby', 'fault', 'stopped', 'unknown'),
          state: choice('READY', 'DEGRADED', 'FAILED'),
          reasons: { ...list(text), description: 'Why it is not ready, a sentence each.' },
          interfaces: list(object({ name: text, external: { type: 'boolean' }, addresses: list(text) })),
          parts: { ...map(map({ type: 'number' })), description: 'What each part of it counts.' },
        },
        {
          cluster: text,
          machine: { type: 'string', description: 'The machine that it stands on, when that is not `local`.' },
          since: { ...time, description: 'When it got its role.' },
          filterPolicy: text,
          natPolicy: text,
          routers: { type: 'string', description: 'Router objects with several routers, and those in use of each.' },
          version: { type: 'string', description: 'Of the program that arbitrates for a member of a cluster.' },
          words: { type: 'string', description: 'What the cluster service says: role, last change and its reason.' },
        },
      ),
    ),
  }),
  IpsecTunnels: object({
    items: list(
      object(
        {
          name: text,
          gateway: text,
          state: choice(...tunnelStates),
          since: { type: 'number', description: 'Seconds since 1970.' },
          start: choice('start', 'respond', 'trap'),
          address: { type: 'string', description: 'Where the peer is; empty: nowhere.' },
          identity: text,
          initiator: { type: 'boolean' },
          behindNat: { type: 'boolean' },
          agreement: { type: 'string', description: 'Algorithms by which keys are agreed.' },
          rekeys: whole,
          bytesIn: whole,
          bytesOut: whole,
          packetsIn: whole,
          packetsOut: whole,
          pairs: list(object({ name: text, local: text, remote: text, up: { type: 'boolean' }, algorithms: text })),
        },
        {
          cluster: text,
          failure: object({
            code: choice(...failureCodes),
            message: { type: 'string', description: 'What is wrong, in words.' },
            fix: { type: 'string', description: 'What to do, and on which side.' },
            times: whole,
          }),
        },
      ),
    ),
  }),
  IpsecExport: object({ text }),
  GatewayNetwork: object({
    items: list(
      object(
        { gateway: text, part: { type: 'string', description: 'Such as `interface ext`.' } },
        {
          reason: { type: 'string', description: 'What was wrong with it. None: it was as it should be.' },
          failure: { type: 'string', description: 'Why it could not be applied.' },
        },
      ),
    ),
  }),
  GatewayRules: object({
    items: list(
      object(
        {
          position: { ...whole, description: 'Place in the list, from 1.' },
          name: text,
          policy: text,
          enabled: { type: 'boolean' },
          action: choice('pass', 'block', 'reset'),
          hits: { ...whole, description: 'New connections; of refused ones packets.' },
          bytes: whole,
          packets: whole,
        },
        {
          users: { ...list(text), description: 'People that it is for: who has signed in and is one of them.' },
          rights: { type: 'boolean', description: 'Whether it is for what their role bindings let them reach.' },
          warning: object(
            { kind: choice('idle', 'shadowed', 'contradicting', 'redundant', 'never-hit') },
            { by: { type: 'string', description: 'The rule that makes it so.' } },
          ),
        },
      ),
    ),
    before: { ...map(whole), description: 'Packets of what comes before the rules, such as management, by name.' },
    implicit: { ...map(whole), description: 'Packets that were dropped without a rule, by reason.' },
  }),
  Interfaces: object({
    items: list(
      object(
        {
          name: { ...text, description: 'What policies call it; `sslvpn` and `ipsec` are those of tunnels.' },
          device: { ...text, description: 'What the kernel calls it.' },
          external: { type: 'boolean' },
          up: { type: 'boolean', description: 'Switched on, and with a cable.' },
          addresses: list(text),
        },
        { mtu: { ...whole, description: 'Bytes.' }, received: direction, sent: direction },
      ),
    ),
  }),
  SignIns: object({
    items: list(
      object({
        email: text,
        address: { ...text, description: 'Of the device that they signed in from.' },
        since: time,
        until: { ...time, description: 'When they have to sign in again.' },
      }),
    ),
  }),
  GatewayRoutes: object({
    items: list(
      object(
        {
          destination: text,
          origin: choice('connected', 'static', 'default', 'policy', 'tunnel', 'other'),
          inUse: { type: 'boolean' },
        },
        {
          via: { type: 'string', description: 'The next router; without it the destination is on the link.' },
          interface: text,
          router: { type: 'string', description: 'The router object that says so.' },
          reason: { type: 'string', description: 'Why it is not in use, or not as declared.' },
        },
      ),
    ),
  }),
  Rights: object({
    items: list(
      object(
        {
          who: { ...text, description: 'A person’s address, a member that role bindings name, or a token.' },
          may: choice(...mays),
          on: {
            ...text,
            description: 'Server, application or host; `all` of the project. Of administration: the role.',
          },
          through: { ...text, description: 'Role binding that gives it; of administration: the token.' },
        },
        {
          networks: {
            ...list(text),
            description:
              'What may be reached by the SSL VPN or behind the captive portal; absent: what the server leads to.',
          },
          when: { ...text, description: 'Title of the condition under which it counts.' },
          by: { ...text, description: 'Member of the role binding that the person is: a group, a domain, everybody.' },
          but: { ...choice('disabled'), description: 'Why it counts for nothing at the moment.' },
        },
      ),
    ),
  }),
  VpnSessions: object({
    items: list(
      object(
        {
          ...{ server: text, gateway: text, email: text },
          address: { ...text, description: 'In the tunnel.' },
          from: { ...text, description: 'Where the client is.' },
          transport: choice('udp', 'tcp'),
          since: time,
          received: { ...whole, description: 'Bytes from the client.' },
          sent: { ...whole, description: 'Bytes to the client.' },
        },
        { displayName: text, client: text },
      ),
    ),
  }),
  VpnProfile: object({ profile: { ...text, description: 'One file, for a stock OpenVPN client.' } }),
  Connections: object({
    total: { ...whole, description: 'How many fit; more than items when the limit was reached.' },
    items: list(
      object(
        {
          protocol: text,
          source: text,
          destination: { type: 'string', description: 'As the sender wrote it.' },
          server: { type: 'string', description: 'Who answers, after address translation.' },
          seenAs: { type: 'string', description: 'What the server sees as the sender.' },
          bytes: { ...whole, description: 'Both ways.' },
          packets: whole,
          expires: { ...whole, description: 'Seconds until it is forgotten unless something comes.' },
        },
        {
          sourcePort: whole,
          destinationPort: whole,
          serverPort: whole,
          state: text,
          rule: { type: 'string', description: 'Key of the rule that let it in.' },
          user: {
            ...text,
            description: 'Who began it: somebody who has signed in, to the SSL VPN or at the captive portal.',
          },
          reached: { ...text, description: 'Who is reached by it.' },
          age: { ...whole, description: 'Seconds since it began.' },
        },
      ),
    ),
  }),
};
