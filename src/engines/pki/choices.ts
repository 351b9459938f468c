/** What a person chooses among. */

export const KEY_ALGORITHMS = ['ec-p256', 'ec-p384', 'rsa-3072'] as const;
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

export const USAGES = ['server', 'client', 'both'] as const;
export type Usage = (typeof USAGES)[number];

/** Reasons of RFC 5280 that a person may give. */
export const REASONS = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
] as const;
export type Reason = (typeof REASONS)[number];
