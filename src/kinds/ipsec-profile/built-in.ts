import type { IpsecProfileSpec } from './spec.ts';

const lives = { keysSeconds: 14_400, packetsSeconds: 3600 };

/** Profiles that every peer may name. */
export const builtInProfiles: Readonly<Record<string, IpsecProfileSpec>> = {
  strong: {
    keys: ['aes256gcm16-prfsha384-ecp384', 'aes256gcm16-prfsha384-x25519', 'chacha20poly1305-prfsha384-x25519'],
    packets: ['aes256gcm16-ecp384', 'aes256gcm16-x25519', 'chacha20poly1305-x25519'],
    ...lives,
    description: 'What today’s products all can. Take it unless a peer cannot.',
  },
  good: {
    keys: ['aes256-sha256-modp2048', 'aes256-sha384-ecp384', 'aes128gcm16-prfsha256-ecp256', 'aes256-sha256-ecp256'],
    packets: ['aes256-sha256-modp2048', 'aes256-sha256', 'aes128gcm16-ecp256', 'aes256gcm16'],
    ...lives,
    description: 'For peers of some years ago; nothing of it is broken.',
  },
  legacy: {
    keys: ['aes128-sha1-modp2048', 'aes128-sha1-modp1024'],
    packets: ['aes128-sha1'],
    ...lives,
    description: 'For what cannot do better. SHA-1 and a group of 1024 bits: replace the peer.',
  },
};
