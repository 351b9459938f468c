import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import type { SlapdFragment, SlapdInput } from './input.ts';

export const slapdId = (directory: string): string => `slapd/${directory}`;

export const assembleSlapd: Assemble<SlapdFragment, SlapdInput> = (fragments) =>
  [...grouped(fragments, (it) => it.directory)].flatMap(([directory, group]) => {
    const base = group.fragments.find((it) => 'baseDn' in it);
    if (base === undefined || !('baseDn' in base)) return [];
    const users = group.fragments.flatMap((it) => ('user' in it ? [it.user] : []));
    const groups = group.fragments.flatMap((it) => ('group' in it ? [it.group] : []));
    const input = {
      directory,
      baseDn: base.baseDn,
      passwordPolicy: base.passwordPolicy,
      users: users.sort((a, b) => byText(a.name, b.name)),
      groups: groups.sort((a, b) => byText(a.name, b.name)),
    };
    return [{ id: slapdId(directory), engine: 'slapd', owners: group.owners, needs: [], input }];
  });
