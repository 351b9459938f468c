/** Somebody as a decision sees them. */
export interface Person {
  /** Stable for ever, also when the address changes: what `sub` and the id header carry. */
  readonly subject: string;
  /** In lower case. */
  readonly email: string;
  /** The organisation's domain that the provider vouches for (`hd`); absent for people without one. */
  readonly domain?: string;
  /** Addresses of the groups they are in, nested ones included. */
  readonly groups: readonly string[];
  readonly displayName: string;
  /** Name of the directory or identity provider. */
  readonly provider: string;
}

/** What is known of people now, as opposed to when they signed in. The sign-in side implements it. */
export interface People {
  /** By email or subject. Undefined: nobody here keeps an account of theirs (an external provider's user). */
  find(emailOrSubject: string): Promise<Person | undefined>;
  /** Groups of somebody now; those of external users come from declared groups that list their address. */
  groupsOf(email: string): Promise<readonly string[]>;
  /** Told after a change is visible in {@link find}; `email` absent: it may concern everybody. Gives the unsubscriber. */
  onChange(listener: (change: { readonly email?: string }) => void): () => void;
}

/** Before a directory is there. */
export const nobody: People = {
  find: async () => undefined,
  groupsOf: async () => [],
  onChange: () => () => {},
};
