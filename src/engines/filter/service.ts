import * as z from 'zod';

/** Protocols that a service may name; anything else goes by its number. */
export const protocolNumbers = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  gre: 47,
  esp: 50,
  ah: 51,
  vrrp: 112,
  sctp: 132,
} as const;

export type ProtocolName = keyof typeof protocolNumbers | 'all';

const withPorts: ReadonlySet<number> = new Set([protocolNumbers.tcp, protocolNumbers.udp, protocolNumbers.sctp]);

/** Whether packets of the protocol carry ports. */
export const hasPorts = (protocol: number): boolean => withPorts.has(protocol);

/** Number of an IP protocol; undefined for "all". */
export const protocolNumber = (protocol: ProtocolName | number): number | undefined =>
  typeof protocol === 'number' ? protocol : protocol === 'all' ? undefined : protocolNumbers[protocol];

const Protocol = z.custom<ProtocolName | number>(
  (it) =>
    it === 'all' ||
    (typeof it === 'string' && Object.hasOwn(protocolNumbers, it)) ||
    (typeof it === 'number' && Number.isInteger(it) && it >= 0 && it <= 255),
  `not a protocol: all, ${Object.keys(protocolNumbers).join(', ')} or a number from 0 to 255`,
);

const range = (max: number) =>
  z
    .tuple([z.int().min(0).max(max), z.int().min(0).max(max)])
    .refine(([from, to]) => from <= to, 'the first of the range is above the last');

export const Service = z
  .strictObject({
    protocol: Protocol.describe('IP protocol by name or number; "all" means every one.'),
    ports: z
      .array(range(65_535))
      .min(1)
      .optional()
      .describe('Closed ranges of destination ports; only for tcp, udp and sctp. None means every port.'),
    types: z.array(range(255)).min(1).optional().describe('Closed ranges of message types; only for icmp.'),
  })
  .refine(
    (it) => it.ports === undefined || hasPorts(protocolNumber(it.protocol) ?? -1),
    'only tcp, udp and sctp have ports',
  )
  .refine((it) => it.types === undefined || protocolNumber(it.protocol) === 1, 'only icmp has types');

export type Service = z.infer<typeof Service>;
