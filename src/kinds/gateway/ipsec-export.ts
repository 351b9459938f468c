import type { Snapshot } from '#core/resource.ts';
import { formatAddress, lastOf, address as parse, prefix } from '#lib/ip.ts';
import { ipsecProfile } from '../ipsec-profile/kind.ts';
import { beginOf, type PlacedTunnel } from './ipsec.ts';

import type { ExportFormat } from './ipsec-export-formats.ts';

/** What the person at the other end must know. Secrets are not in it: they are sealed, and nobody reads them again. */
interface Facts {
  readonly name: string;
  readonly mine: string;
  readonly theirs: string;
  readonly myIdentity: string;
  readonly theirIdentity: string;
  readonly key: boolean;
  readonly keys: readonly string[];
  readonly packets: readonly string[];
  readonly keysSeconds: number;
  readonly packetsSeconds: number;
  readonly begins: boolean;
  readonly deadAfter: number;
  /** Seen from the peer: its own network first. */
  readonly pairs: readonly (readonly [own: string, other: string])[];
}

/** The settings of the peer of a tunnel as text, each line from the peer's own side. */
export function exported(it: PlacedTunnel, format: ExportFormat, snapshot: Snapshot): string {
  const facts = factsOf(it, snapshot);
  return format === 'strongswan'
    ? strongswanText(facts)
    : format === 'opnsense'
      ? opnsenseText(facts)
      : stormshieldText(facts);
}

function factsOf(it: PlacedTunnel, snapshot: Snapshot): Facts {
  const { peer, tunnel } = it;
  const profile = snapshot.get(ipsecProfile, peer.project, peer.spec.profile).spec;
  const packets = snapshot.get(ipsecProfile, peer.project, tunnel.spec.profile ?? peer.spec.profile).spec;
  return {
    name: tunnel.name,
    mine: it.local,
    theirs: it.remote[0] ?? '',
    myIdentity: peer.spec.localIdentity ?? it.local,
    theirIdentity: peer.spec.peerIdentity ?? it.remote[0] ?? '',
    key: peer.spec.preSharedKey !== undefined,
    keys: profile.keys,
    packets: packets.packets,
    keysSeconds: profile.keysSeconds,
    packetsSeconds: packets.packetsSeconds,
    begins: beginOf(it, snapshot) === 'respond',
    deadAfter: peer.spec.deadAfterSeconds,
    pairs: it.pairs.map((pair) => [pair.remote, pair.shown] as const),
  };
}

const SECRET = 'PUT-THE-PRE-SHARED-KEY-HERE';

/** `swanctl.conf` reads a text between quotes as it is, but for a quote and a backslash. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, (sign) => `\\${sign}`)}"`;

function strongswanText(it: Facts): string {
  const side = (identity: string): string =>
    it.key ? `auth = psk\n      id = ${quoted(identity)}` : `auth = pubkey\n      id = ${quoted(identity)}`;
  const children = it.pairs.map(
    ([own, other], index) => `      ${it.name}-${index + 1} {
        local_ts = ${own}
        remote_ts = ${other}
        esp_proposals = ${it.packets.join(',')}
        rekey_time = ${it.packetsSeconds}s
        start_action = ${it.begins ? 'start' : 'none'}
        dpd_action = ${it.begins ? 'restart' : 'clear'}
      }
`,
  );
  return `# /etc/swanctl/conf.d/${it.name}.conf: then \`swanctl --load-all\`.
connections {
  ${it.name} {
    version = 2
    local_addrs = ${it.theirs === '' ? '%any' : it.theirs}
    remote_addrs = ${it.mine}
    proposals = ${it.keys.join(',')}
    rekey_time = ${it.keysSeconds}s
    dpd_delay = ${it.deadAfter}s
    unique = replace
    mobike = no
    # Packets go inside of UDP port 4500: it passes wherever that does.
    encap = yes
    local {
      ${side(it.theirIdentity)}
    }
    remote {
      ${side(it.myIdentity)}
    }
    children {
${children.join('')}    }
  }
}
${
  it.key
    ? `secrets {
  ike-${it.name} {
    id-here = ${quoted(it.theirIdentity)}
    id-there = ${quoted(it.myIdentity)}
    secret = ${quoted(SECRET)}
  }
}
`
    : '# Certificate, private key and authority: /etc/swanctl/x509, private and x509ca.\n'
}`;
}

const words: Readonly<Record<string, string>> = {
  aes256gcm16: 'AES 256 GCM (16-byte tag)',
  aes192gcm16: 'AES 192 GCM (16-byte tag)',
  aes128gcm16: 'AES 128 GCM (16-byte tag)',
  chacha20poly1305: 'ChaCha20-Poly1305',
  aes256: 'AES 256',
  aes192: 'AES 192',
  aes128: 'AES 128',
  sha512: 'SHA2 512',
  sha384: 'SHA2 384',
  sha256: 'SHA2 256',
  sha1: 'SHA1',
  prfsha512: 'PRF SHA2 512',
  prfsha384: 'PRF SHA2 384',
  prfsha256: 'PRF SHA2 256',
  ecp521: 'DH 21 (NIST EC 521)',
  ecp384: 'DH 20 (NIST EC 384)',
  ecp256: 'DH 19 (NIST EC 256)',
  x25519: 'DH 31 (X25519)',
  modp4096: 'DH 16 (4096 bits)',
  modp3072: 'DH 15 (3072 bits)',
  modp2048: 'DH 14 (2048 bits)',
  modp1024: 'DH 2 (1024 bits)',
};

const spoken = (offer: string): string =>
  offer
    .split('-')
    .map((it) => words[it] ?? it)
    .join(', ');

const rows = (list: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...list.map(([name]) => name.length)) + 2;
  return list.map(([name, value]) => `  ${name.padEnd(width)}${value}\n`).join('');
};

const proof = (it: Facts): string => (it.key ? 'Pre-shared key' : 'Certificate');

function opnsenseText(it: Facts): string {
  return `OPNsense: VPN, IPsec, Connections (and Pre-Shared Keys)

${
  it.key
    ? `Pre-Shared Keys, add\n${rows([
        ['Local Identifier', it.theirIdentity],
        ['Remote Identifier', it.myIdentity],
        ['Pre-Shared Key', SECRET],
        ['Type', 'PSK'],
      ])}\n`
    : ''
}Connections, add
${rows([
  ['Proposals', it.keys.join(', ')],
  ['Version', 'IKEv2'],
  ['MOBIKE', 'off'],
  ['UDP encapsulation', 'on'],
  ['Local addresses', it.theirs === '' ? '(its own)' : it.theirs],
  ['Remote addresses', it.mine],
  ['Rekey time (s)', String(it.keysSeconds)],
  ['DPD delay (s)', String(it.deadAfter)],
  ['Unique', 'Replace'],
])}
Local Authentication
${rows([
  ['Authentication', proof(it)],
  ['Id', it.theirIdentity],
])}
Remote Authentication
${rows([
  ['Authentication', proof(it)],
  ['Id', it.myIdentity],
])}
${it.pairs
  .map(
    ([own, other], index) => `Child ${index + 1}
${rows([
  ['Mode', 'Tunnel'],
  ['Policies', 'on'],
  ['ESP proposals', it.packets.join(', ')],
  ['Local', own],
  ['Remote', other],
  ['Rekey time (s)', String(it.packetsSeconds)],
  ['Start action', it.begins ? 'Start' : 'None'],
  ['DPD action', it.begins ? 'Start' : 'Clear'],
])}`,
  )
  .join('\n')}
Firewall, Rules, WAN: let ${it.mine} reach UDP 500 and 4500, and ESP. Firewall, Rules, IPsec: what may come out of the tunnel.
`;
}

const maskOf = (text: string): string => {
  const [base = '', length = '32'] = text.split('/');
  const span = lastOf(prefix(text)) - parse(base);
  return `${base} / ${formatAddress(0xffff_ffff - span)} (/${length})`;
};

function stormshieldText(it: Facts): string {
  const offers = (list: readonly string[]) => list.map((one, index) => [`Proposal ${index + 1}`, spoken(one)] as const);
  return `Stormshield SNS: Configuration, VPN, IPsec VPN

Objects, network: a host for ${it.mine}, and a network for each remote one below.

Profiles, IKE profile (phase 1)
${rows([...offers(it.keys), ['Maximum lifetime', `${it.keysSeconds} s`]])}
Profiles, IPsec profile (phase 2)
${rows([...offers(it.packets), ['Lifetime', `${it.packetsSeconds} s`]])}
Peers, remote gateway
${rows([
  ['Remote gateway', it.mine],
  ['Local address', it.theirs === '' ? '(the external one)' : it.theirs],
  ['IKE version', 'IKEv2'],
  ['Identification', proof(it)],
  ...(it.key ? [['Pre-shared key', SECRET] as const] : []),
  ['Local ID', it.theirIdentity],
  ['Peer ID', it.myIdentity],
  ['Negotiation mode', 'Main'],
  ['Responder-only mode', it.begins ? 'off' : 'on'],
  ['DPD', it.deadAfter === 0 ? 'Passive' : `High (${it.deadAfter} s)`],
])}
Encryption policy, tunnels, site-to-site (Gateway - Gateway)
${it.pairs
  .map(([own, other]) =>
    rows([
      ['Local network', maskOf(own)],
      ['Remote network', maskOf(other)],
      ['Keepalive', it.begins ? '30' : '0'],
    ]),
  )
  .join('\n')}
Filter: a rule from the remote networks by IPsec VPN tunnel to the local ones, and back.
`;
}
