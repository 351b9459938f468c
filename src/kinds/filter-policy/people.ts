import { parseMember } from '#access/policy/member.ts';
import type { Objection } from '../define.ts';
import type { FilterPolicySpec } from './spec.ts';

/** What is wrong with the people that rules name. */
export const peopleFaults = ({ rules }: FilterPolicySpec): readonly Objection[] =>
  rules.flatMap(({ users }, index): Objection[] => {
    const seen = new Set<string>();
    return users.flatMap((text, place): Objection[] => {
      const path = ['rules', index, 'users', place];
      const member = parseMember(text);
      if (member?.type === 'serviceAccount' || member?.type === 'allUsers') {
        const message = `${text} does not sign in`;
        return [{ path, message, fix: 'Name user:, group:, domain: or allAuthenticatedUsers.' }];
      }
      const same = text.toLowerCase();
      if (seen.has(same)) return [{ path, message: `${text} is there twice`, fix: 'Take one out.' }];
      seen.add(same);
      return [];
    });
  });
