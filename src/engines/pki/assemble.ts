import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { type PkiFragment, PkiInput } from './input.ts';

/** Artifact of an authority: whoever uses a file of it names this in `needs`. */
export const pkiId = (authority: string): string => `pki/${authority}`;

/** One for each authority, with all certificates that somebody wants of it. */
export const assemblePki: Assemble<PkiFragment, PkiInput> = (fragments) =>
  [...grouped(fragments, (it) => it.authority)].flatMap(([authority, group]) => {
    const base = group.fragments.find((it) => 'type' in it);
    if (base === undefined || !('type' in base)) return [];
    const input = PkiInput.parse(
      base.type === 'internal'
        ? { ...base, certificates: byId(group.fragments.flatMap((it) => ('wanted' in it ? [it.wanted] : []))) }
        : { ...base, imported: byId(group.fragments.flatMap((it) => ('imported' in it ? [it.imported] : []))) },
    );
    return [{ id: pkiId(authority), engine: 'pki', owners: group.owners, needs: [], input }];
  });

/** The same certificate may be asked for by several resources. */
const byId = <T extends { readonly id: string }>(list: readonly T[]): readonly T[] =>
  [...new Map(list.map((it) => [it.id, it])).values()].sort((a, b) => byText(a.id, b.id));
