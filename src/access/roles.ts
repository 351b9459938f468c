/** What a token may do. Each role includes the ones before it. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

export const isRole = (text: string): text is Role => roles.some((it) => it === text);

/** Why an answer was yes or no; a closed vocabulary that goes to the log and to the person. */
export type Reason = 'role-suffices' | 'role-too-small' | 'no-token' | 'unknown-token' | 'expired-token';

export interface Decision {
  readonly allowed: boolean;
  readonly reason: Reason;
}

export interface Identity {
  /** Name of the token. */
  readonly name: string;
  readonly role: Role;
}

export const mayAct = (identity: Identity, needed: Role): Decision =>
  roles.indexOf(identity.role) >= roles.indexOf(needed)
    ? { allowed: true, reason: 'role-suffices' }
    : { allowed: false, reason: 'role-too-small' };
