import * as z from 'zod';
import { Description } from '../fields.ts';

const encryption = ['aes256gcm16', 'aes192gcm16', 'aes128gcm16', 'chacha20poly1305', 'aes256', 'aes192', 'aes128'];
const integrity = ['sha512', 'sha384', 'sha256', 'sha1'];
const agreement = ['ecp521', 'ecp384', 'ecp256', 'x25519', 'modp4096', 'modp3072', 'modp2048', 'modp1024'];

/** Good by itself: encrypts and protects in one. */
const whole = (word: string): boolean => /gcm|poly/.test(word);

/** Why an offer of algorithms is none; undefined when it is. */
function fault(offer: string, use: 'keys' | 'packets'): string | undefined {
  const words = offer.split('-');
  const [cipher = ''] = words;
  const rest = words.slice(1).map((it) => it.replace(/^prf/, ''));
  if (!encryption.includes(cipher)) return `${cipher} is not one of ${encryption.join(', ')}`;
  const unknown = rest.find((it) => !integrity.includes(it) && !agreement.includes(it));
  if (unknown !== undefined) return `${unknown} is not one of ${[...integrity, ...agreement].join(', ')}`;
  const hashes = rest.filter((it) => integrity.includes(it));
  const groups = rest.filter((it) => agreement.includes(it));
  if (groups.length > 1) return 'an offer has one group for key agreement';
  if (use === 'keys' && groups.length === 0) return 'it needs a group for key agreement, such as ecp384';
  if (use === 'keys' && hashes.length === 0)
    return 'it needs a hash, such as prfsha384 after gcm or sha256 after aes256';
  if (use === 'keys' && whole(cipher) && !/-prfsha/.test(offer))
    return `after ${cipher} the hash is written prfsha256 or prfsha384`;
  if (use === 'packets' && whole(cipher) && hashes.length > 0)
    return `${cipher} protects packets by itself: leave the hash out`;
  if (use === 'packets' && !whole(cipher) && hashes.length === 0) return `${cipher} needs a hash, such as sha256`;
  return undefined;
}

const offers = (use: 'keys' | 'packets') =>
  z
    .array(
      z
        .string()
        .max(100)
        .check(({ value, issues }) => {
          const message = fault(value, use);
          if (message !== undefined)
            issues.push({
              code: 'custom',
              message,
              input: value,
              params: { fix: 'Write the words of an offer with dashes, such as aes256gcm16-prfsha384-ecp384.' },
            });
        }),
    )
    .min(1)
    .max(10);

export const IpsecProfileSpec = z
  .strictObject({
    keys: offers('keys').describe(
      'What keys may be agreed by (IKE), best first: cipher, hash and group, such as aes256gcm16-prfsha384-ecp384.',
    ),
    packets: offers('packets').describe(
      'What packets may be protected by (ESP), best first: cipher, hash if the cipher needs one, and a group for new keys, such as aes256gcm16-ecp384.',
    ),
    keysSeconds: z
      .int()
      .min(60)
      .max(604_800)
      .default(14_400)
      .describe('Seconds until the keys of the agreement are made anew.'),
    packetsSeconds: z
      .int()
      .min(60)
      .max(86_400)
      .default(3600)
      .describe('Seconds until the keys of packets are made anew.'),
    description: Description,
  })
  .meta({
    id: 'IpsecProfile',
    title: 'IPsec profile',
    description: 'Algorithms and lifetimes of IPsec tunnels. Both sides must have one offer in common.',
  });

export type IpsecProfileSpec = z.infer<typeof IpsecProfileSpec>;

/** What is broken or soon will be. */
const weakWords = ['sha1', 'modp1024'];

/** Words of a profile that nobody should need any more. */
export const weaknessOf = ({ keys, packets }: Pick<IpsecProfileSpec, 'keys' | 'packets'>): readonly string[] => {
  const words = [...keys, ...packets].flatMap((it) => it.split('-')).map((it) => it.replace(/^prf/, ''));
  return weakWords.filter((it) => words.includes(it));
};
