import { defineKind } from '../define.ts';
import { builtInProfiles } from './built-in.ts';
import { IpsecProfileSpec, weaknessOf } from './spec.ts';

export const ipsecProfile = defineKind<IpsecProfileSpec>({
  kind: 'ipsecProfile',
  title: 'IPsec profile',
  spec: IpsecProfileSpec,
  catalogue: builtInProfiles,
  check: ({ name }) =>
    Object.hasOwn(builtInProfiles, name)
      ? [{ path: [], message: `\`${name}\` is built in`, fix: 'Choose another name.' }]
      : [],
  meaning: (_, after) => {
    const weak = after === undefined ? [] : weaknessOf(after.spec);
    return weak.length === 0 ? [] : [`${after?.name} offers what is weak: ${weak.join(', ')}`];
  },
  columns: [
    { title: 'KEYS', value: ({ spec }) => spec.keys.join(',') },
    { title: 'PACKETS', value: ({ spec }) => spec.packets.join(',') },
  ],
  feeds: {},
  example: { 'old-branch': { keys: ['aes256-sha256-modp2048'], packets: ['aes256-sha256-modp2048'] } },
});
