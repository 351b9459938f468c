import * as z from 'zod';
import type { Edge } from '../edge.ts';
import type { Admission } from '../vpn/admission.ts';
import type { VpnGrant } from '../vpn/rights.ts';
import type { SignedIn, SignedInStore } from './signed-in.ts';

const Short = z.string().max(320);

export const Portal = z.object({ portal: Short });

/** Sign-ins that shall be over: of one address, the one that began at an instant, those of one person. */
export const Ending = z.object({
  portal: Short,
  address: Short.optional(),
  since: z.number().optional(),
  email: Short.optional(),
  reason: Short,
});
export type Ending = z.infer<typeof Ending>;

export interface PortalSession {
  readonly address: string;
  readonly email: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly until: number;
  /** Absent while the person's directory does not answer: what was granted stays. */
  readonly grants?: readonly VpnGrant[];
}

export interface PortalParts {
  readonly edge: Pick<Edge, 'log'>;
  readonly admission: Pick<Admission, 'rights'>;
  readonly store: SignedInStore;
  /** Told when time alone changes who is signed in. */
  readonly due: (email: string, until: number) => void;
  readonly changed: (email: string) => void;
}

/** What the service of a captive portal asks, and the ends of sign-ins. */
export function portalQuestions({ edge, admission, store, due, changed }: PortalParts) {
  const note = (it: SignedIn, reason: string): void =>
    edge.log('portal.signOut', { server: it.portal, principal: it.email, client: it.address, reason });
  return {
    /** Everybody who counts now. Whose right is gone is signed out by asking. */
    sessions(portal: string): readonly PortalSession[] {
      for (const it of store.sweep(portal)) note(it, 'its time is over');
      return store.of(portal).flatMap(({ address, email, since, until }): PortalSession[] => {
        const verdict = admission.rights({ server: portal, email, from: address });
        if (!('refused' in verdict)) {
          due(email, until);
          return [{ address, email, since, until, grants: verdict.grants }];
        }
        if (verdict.refused === 'unavailable') return [{ address, email, since, until }];
        for (const it of store.end({ portal, address })) note(it, verdict.reason);
        return [];
      });
    },
    /** Gives how many have ended. */
    end({ portal, address, since, email, reason }: Ending): number {
      const ended = store.end({ portal, address, since, email: email?.toLowerCase() });
      for (const it of ended) {
        note(it, reason);
        changed(it.email);
      }
      return ended.length;
    },
  };
}

export type PortalQuestions = ReturnType<typeof portalQuestions>;
