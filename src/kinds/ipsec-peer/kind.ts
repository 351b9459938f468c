import { isSealed } from '#lib/seal.ts';
import { checkInForce } from '../certificate/kind.ts';
import { defineKind, type Objection } from '../define.ts';
import { builtInProfiles } from '../ipsec-profile/built-in.ts';
import { IpsecPeerSpec } from './spec.ts';

/** Characters. Who records a handshake with a shorter one may find it by trying; only new ones are seen, kept ones are sealed. */
const shortest = 8;
const comfortable = 20;

export const ipsecPeer = defineKind<IpsecPeerSpec>({
  kind: 'ipsecPeer',
  title: 'IPsec peer',
  spec: IpsecPeerSpec,
  check: ({ project, spec }, snapshot): readonly Objection[] => [
    ...checkProof(spec),
    ...checkKey(spec.preSharedKey),
    ...(spec.certificate === undefined ? [] : checkInForce(snapshot, project, spec.certificate)),
  ],
  meaning: (_, after) => {
    const key = after?.spec.preSharedKey;
    return [
      ...(after !== undefined && key !== undefined && !isSealed(key) && key.length < comfortable
        ? [`the pre-shared key of ${after.name} is short: who records a handshake may find it by trying`]
        : []),
      ...(after?.spec.profile === 'legacy'
        ? [`${after.name} may use weak algorithms: ${builtInProfiles['legacy']?.description}`]
        : []),
    ];
  },
  columns: [
    { title: 'ADDRESS', value: ({ spec }) => spec.address ?? spec.addressObject ?? 'any' },
    { title: 'PROFILE', value: ({ spec }) => spec.profile },
    { title: 'DESCRIPTION', value: ({ spec }) => spec.description },
  ],
  feeds: {},
  example: {
    colleague: { peerIdentity: 'gw.example.org', certificate: 'vpn-server' },
    branch: { address: '203.0.113.20', preSharedKey: 'gJ7x0qkq8cWc1mS0tJr6cQ2T' },
  },
});

function checkProof({
  address,
  addressObject,
  preSharedKey,
  certificate,
  authority,
  peerIdentity,
}: IpsecPeerSpec): Objection[] {
  const at = (field: string, message: string, fix: string): Objection => ({ path: [field], message, fix });
  return [
    ...(address !== undefined && addressObject !== undefined
      ? [at('addressObject', 'it has an `address` already', 'Keep one of the two.')]
      : []),
    ...((preSharedKey === undefined) === (certificate === undefined)
      ? [
          at(
            'preSharedKey',
            'it has a key and a certificate, or none of both',
            'Give it exactly one of `preSharedKey` and `certificate`.',
          ),
        ]
      : []),
    ...(certificate === undefined && authority !== undefined
      ? [at('authority', 'nobody shows a certificate', 'Name our `certificate`, too.')]
      : []),
    ...(certificate !== undefined && peerIdentity === undefined
      ? [
          at(
            'peerIdentity',
            'anybody with a certificate of that authority could be the peer',
            'Say what the peer’s certificate stands for: a DNS name or an address in it.',
          ),
        ]
      : []),
  ];
}

function checkKey(key: string | undefined): Objection[] {
  if (key === undefined || isSealed(key)) return [];
  const at = (message: string, fix: string): Objection => ({ path: ['preSharedKey'], message, fix });
  return [
    ...(key.length < shortest
      ? [
          at(
            `it has ${key.length} characters, ${shortest} at least`,
            'Write a long one, such as `openssl rand -base64 32` prints.',
          ),
        ]
      : []),
    ...(/^\s|\s$/.test(key)
      ? [
          at(
            'it begins or ends with a space or the end of a line, which the other side will not have',
            'Take it away: `printf %s KEY >FILE` writes no line end.',
          ),
        ]
      : []),
  ];
}
