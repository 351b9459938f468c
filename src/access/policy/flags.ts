/**
 * What HAProxy has to know of a service's policy at once. They stand behind the service's epoch, in capitals, of which an
 * epoch has none.
 */
export const flags = {
  /** Somebody without credentials may be let in, so they are asked about. */
  anybody: 'A',
  /** OPTIONS passes without credentials. */
  options: 'O',
  /** Remembered decisions count for one host and one client address. */
  address: 'I',
  /** Remembered decisions count for one host, client address and path; ambiguous paths are refused. */
  path: 'P',
} as const;
