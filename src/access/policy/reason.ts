/**
 * Why a decision was as it was: a closed vocabulary that goes to the log, to the page a person sees and to whoever asks by
 * request id. Codes are API: never reworded, never reused.
 */
export const reasons = {
  'binding-allows': 'A role binding lets you in.',
  'no-binding': 'No role binding names you, one of your groups or your domain.',
  'condition-false': 'The role is bound to a condition that is not met now.',
  'condition-broken': 'The condition of a role binding cannot be evaluated, so it counts as not met.',
  'access-level-unmet': 'An access level that the condition asks for is not met.',
  'device-missing': 'Your device has not shown a certificate.',
  'device-refused': 'The certificate of your device is not accepted.',
  'not-signed-in': 'You are not signed in.',
  'session-unknown': 'Your session has ended.',
  'session-other-host': 'Your session belongs to another host.',
  'reauthentication-due': 'This application asks for a fresh sign-in.',
  'sign-in-too-weak': 'This application asks for a stronger sign-in.',
  'person-disabled': 'Your account is disabled.',
  'token-malformed': 'The bearer token is not a token that can be read.',
  'token-algorithm': 'The bearer token is signed with an algorithm that is not accepted.',
  'token-signature': 'The signature of the bearer token is not valid.',
  'token-key-unknown': 'The bearer token is signed with a key that nobody here has.',
  'token-audience': 'The bearer token was made for somebody else.',
  'token-issuer': 'The bearer token comes from an issuer that is not trusted here.',
  'token-expired': 'The bearer token has expired.',
  'token-not-yet': 'The bearer token is not valid yet.',
  'token-too-long': 'The bearer token is valid for longer than is accepted.',
  'token-unverified-email': 'The bearer token names no verified address.',
  'service-unknown': 'There is no such backend service.',
  'preflight-allowed': 'OPTIONS passes without a session.',
  'path-ambiguous': 'The path can be read in more than one way.',
} as const;

export type ReasonCode = keyof typeof reasons;

export interface Reason {
  readonly code: ReasonCode;
  /** Role binding, access level or claim that it is about. */
  readonly subject?: string;
  /** More, in words: the title of a condition, what broke it. */
  readonly detail?: string;
}
