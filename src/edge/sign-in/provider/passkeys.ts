import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { Factors, Passkey } from './factors.ts';

/** Passkeys of one sign-in host; they work on no other. */
export interface Passkeys {
  signInOptions(): Promise<{ readonly challenge: string; readonly text: string }>;
  /** The passkey that has signed the challenge; undefined when none has. */
  signIn(response: string, challenge: string): Promise<Passkey | undefined>;
  enrolOptions(it: {
    readonly account: string;
    readonly email: string;
    readonly displayName: string;
  }): Promise<{ readonly challenge: string; readonly text: string }>;
  enrol(
    response: string,
    it: { readonly challenge: string; readonly account: string; readonly label: string },
  ): Promise<boolean>;
}

/** A person may have so many. */
const MOST = 20;

export function passkeysOf(host: string, rpName: () => string, factors: Factors): Passkeys {
  const expected = { expectedOrigin: `https://${host}`, expectedRPID: host.replace(/:\d+$/, '') };
  return {
    async signInOptions() {
      const options = await generateAuthenticationOptions({
        rpID: expected.expectedRPID,
        userVerification: 'required',
      });
      return { challenge: options.challenge, text: JSON.stringify(options) };
    },
    async signIn(text, expectedChallenge) {
      const response = parsed(text) as AuthenticationResponseJSON | undefined;
      const known = response === undefined ? undefined : factors.passkey(response.id);
      // Without a challenge of ours nothing is answered.
      if (response === undefined || known === undefined || expectedChallenge === '') return undefined;
      const { id, publicKey, counter, account } = known;
      // The authenticator says whose passkey it is; it must be the one that we know it as.
      const handle: unknown = response.response.userHandle;
      if (handle !== undefined && textOf(handle) !== account) return undefined;
      const verdict = await verifyAuthenticationResponse({
        response,
        expectedChallenge,
        ...expected,
        requireUserVerification: true,
        credential: { id, publicKey, counter },
      }).catch(() => undefined);
      if (verdict?.verified !== true) return undefined;
      return factors.usedPasskey(id, verdict.authenticationInfo.newCounter) ? known : undefined;
    },
    async enrolOptions({ account, email, displayName }) {
      const options = await generateRegistrationOptions({
        rpName: rpName(),
        rpID: expected.expectedRPID,
        userName: email,
        userDisplayName: displayName,
        userID: Uint8Array.from(Buffer.from(account, 'utf8')),
        attestationType: 'none',
        excludeCredentials: factors.passkeysOf(account).map(({ id }) => ({ id })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      });
      return { challenge: options.challenge, text: JSON.stringify(options) };
    },
    async enrol(text, { challenge, account, label }) {
      const response = parsed(text) as RegistrationResponseJSON | undefined;
      if (response === undefined || factors.passkeysOf(account).length >= MOST) return false;
      const verdict = await verifyRegistrationResponse({
        response,
        expectedChallenge: challenge,
        ...expected,
        requireUserVerification: true,
      }).catch(() => undefined);
      if (verdict?.verified !== true) return false;
      const { id, publicKey, counter } = verdict.registrationInfo.credential;
      if (factors.passkey(id) !== undefined) return false;
      const transports = (response.response.transports ?? []).map(String).filter((it) => /^[a-z-]{1,20}$/.test(it));
      factors.addPasskey({ id, account, publicKey, counter, transports, label });
      return true;
    },
  };
}

const textOf = (handle: unknown): string | undefined =>
  typeof handle === 'string' ? Buffer.from(handle, 'base64url').toString('utf8') : undefined;

function parsed(text: string): object | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    const sound = value !== null && typeof value === 'object' && 'id' in value && typeof value.id === 'string';
    return sound && 'response' in value && typeof value.response === 'object' && value.response !== null
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}
