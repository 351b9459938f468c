import { emptySnapshot } from '#core/snapshot.ts';
import type { StrongswanInput } from '#engines/strongswan/input.ts';
import { ipsecOf } from '#kinds/gateway/ipsec.ts';
import { exported } from '#kinds/gateway/ipsec-export.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { admit } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { parseSite } from '#plan/site.ts';
import { addressOf, inputOf, KEY, networkOf } from './ipsec-lab.ts';

interface Declared {
  /** Fields of the peer, in place of its address. */
  readonly peer?: object;
  readonly tunnel?: object;
  /** Further networks behind the peer. */
  readonly more?: readonly string[];
}

/**
 * The tunnel of the lab as a person declares it for the gateway `here`: what our strongSwan gets of it, and what
 * `vauban ipsec export --for strongswan` prints for `there`, with the key filled in.
 */
export function declaredTunnel({ peer = {}, tunnel = {}, more = [] }: Declared): {
  readonly input: StrongswanInput;
  readonly text: string;
} {
  const remotes = [networkOf.there, ...more].map((network, index) => [`remote-${index + 1}`, { network }] as const);
  const document = {
    project: 'lab',
    segments: { outside: { range: '198.51.100.0/24' }, inside: { range: networkOf.here } },
    networkObjects: { inside: { network: networkOf.here }, ...Object.fromEntries(remotes) },
    ipsecPeers: { there: { address: addressOf.there, preSharedKey: KEY, ...peer } },
    ipsecTunnels: {
      'to-there': {
        peer: 'there',
        networks: remotes.map(([remote]) => ({ local: 'inside', remote })),
        ...tunnel,
      },
    },
    gateways: {
      here: {
        interfaces: [
          { name: 'ext', segment: 'outside', external: true, address: addressOf.here },
          { name: 'lan', segment: 'inside', address: '10.1.0.1' },
        ],
        ipsecTunnels: ['to-there'],
      },
    },
  };
  const { declared, ...unread } = parseSite([{ path: 'site.json', text: JSON.stringify(document) }]);
  const { snapshot, problems } = admit(declared, emptySnapshot, unread);
  const [placed] = ipsecOf(snapshot.get(gateway, 'lab', 'here'), snapshot).tunnels;
  const compiled = compile(snapshot).find((it) => it.engine === 'strongswan')?.input as StrongswanInput | undefined;
  if (placed === undefined || compiled === undefined) throw new Error(problems.map((it) => it.message).join('\n'));
  const text = exported(placed, 'strongswan', snapshot);
  const secret = text.replace('PUT-THE-PRE-SHARED-KEY-HERE', KEY);
  if (secret === text) throw new Error(`nothing asks for the key:\n${text}`);
  return { input: { ...inputOf('here'), connections: compiled.connections }, text: secret };
}
