import { keyOf, type ResourceKey } from '#core/resource.ts';
import { byText } from '#lib/text.ts';
import type { Observations } from './observations.ts';

/** Who has which address of a segment by DHCP, as its server remembers it. */
export interface SegmentLease {
  readonly address: string;
  readonly mac: string;
  /** What the host calls itself, or what the site calls it; absent when neither does. */
  readonly name?: string;
  /** RFC 3339; absent for a lease without an end. */
  readonly expireTime?: string;
}

/** The server tells each lease under `KEY/MAC`: its end as a number, address and name as words. */
export function leasesOf(
  seen: Observations,
  segment: { readonly project: string; readonly name: string },
): readonly SegmentLease[] {
  const key: ResourceKey = keyOf({ ...segment, kind: 'segment' });
  return seen.list
    .flatMap(({ values, details = {} }) =>
      Object.entries(details).flatMap(([of, words]): SegmentLease[] => {
        const mac = of.slice(key.length + 1);
        const expires = values[of]?.['expires'];
        if (!of.startsWith(`${key}/`) || expires === undefined) return [];
        const [address = '', name = ''] = words.split(' ');
        const end = expires === 0 ? {} : { expireTime: new Date(expires * 1000).toISOString() };
        return [{ address, mac, ...(name === '' ? {} : { name }), ...end }];
      }),
    )
    .sort((a, b) => byText(a.mac, b.mac));
}
