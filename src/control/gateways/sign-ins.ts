import type { PortalSession } from '#engines/captive-portal/status.ts';
import { byText } from '#lib/text.ts';

/** Somebody who has signed in at the captive portal of a gateway. */
export interface SignIn {
  readonly email: string;
  /** Of the device that they signed in from. */
  readonly address: string;
  /** RFC 3339. */
  readonly since: string;
  /** When they have to sign in again. */
  readonly until: string;
}

/** As the service of the portal tells them, by person. */
export const signInsOf = (sessions: readonly PortalSession[]): readonly SignIn[] =>
  sessions
    .map(({ email, address, since, until }) => ({
      ...{ email, address },
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
    }))
    .sort((a, b) => byText(a.email, b.email) || byText(a.address, b.address));
