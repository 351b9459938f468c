/** What the edge service does not say, as the client shows it to whoever sits there. */
const told: Readonly<Record<string, string>> = {
  full: 'Too many people are connected. Try again later.',
  'no-address': 'No address is left for you. Ask the administrator.',
  unreadable: 'What was sent as password cannot be read.',
  'certificate-needed': 'A certificate of your own is needed. Get a profile of your own.',
  revoked: 'The certificate in this profile is revoked. Get a new profile.',
};

/**
 * What a client is told. While the sign-in service is away it tries again by itself, and a token that is over is forgotten
 * instead of being shown once more.
 */
export function toldOf({ refused, reason }: { readonly refused: string; readonly reason: string }): string {
  if (refused === 'unavailable') return 'TEMP[backoff 3]:Sign-in is not possible at this moment.';
  if (refused === 'token-over') return 'SESSION:Your session is over. Sign in again.';
  return (told[refused] ?? reason).slice(0, 400);
}
