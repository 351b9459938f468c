import type { Subject } from './facts.ts';
import type { Member } from './member.ts';

/** Whether a member stands for who asks. `allAuthenticatedUsers` is everybody who has signed in, programs included. */
export function matches(member: Member, subject: Subject): boolean {
  if (member.type === 'allUsers') return true;
  if (subject.kind === 'nobody') return false;
  switch (member.type) {
    case 'allAuthenticatedUsers':
      return true;
    case 'user':
      return subject.kind === 'person' && subject.email === member.email;
    case 'serviceAccount':
      return subject.kind === 'serviceAccount' && subject.email === member.email;
    case 'group':
      return subject.groups.includes(member.email);
    case 'domain':
      // Only a domain that the provider vouches for: an address alone proves nothing about an organisation.
      return subject.domain === member.domain;
  }
}
