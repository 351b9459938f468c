import * as z from 'zod';

/** A line of `ssh-keys` as metadata holds it: the user, a colon, the public key. */
export const SshKeyLine = z
  .string()
  .max(8192)
  .regex(
    /^[a-z_][a-z0-9_-]{0,31}:(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]{1,60} [A-Za-z0-9+/]{16,}={0,3}(?: [\x20-\x7e]*)?$/,
    'not a line such as alice:ssh-ed25519 AAAA… alice@laptop',
  );

/** A key that a host has for a while, beside those that are declared: state, and no revision. */
export const LentKey = z.strictObject({
  line: SshKeyLine.describe('As it stands in `ssh-keys`.'),
  expireTime: z.int().min(0).max(8_640_000_000_000).describe('Milliseconds since 1970.'),
});
export type LentKey = z.infer<typeof LentKey>;

/** By the address of the host. */
export const LentKeys = z.record(z.string().max(15), z.array(LentKey).max(1000));
export type LentKeys = z.infer<typeof LentKeys>;

/** Keys that one host may have lent at the same time; the oldest goes first. */
const MOST = 100;

/** User and key without the comment: a key that is lent again only gets another end. */
const identityOf = (line: string): string => line.split(' ').slice(0, 2).join(' ');

/** With one key more for a host, and without what has expired. Pure. */
export function lend(keys: LentKeys, address: string, key: LentKey, now: number): LentKeys {
  const others = (keys[address] ?? []).filter((it) => identityOf(it.line) !== identityOf(key.line));
  return current({ ...keys, [address]: [...others, key].slice(-MOST) }, now);
}

/** Without what has expired. Pure. */
export const current = (keys: LentKeys, now: number): LentKeys =>
  Object.fromEntries(
    Object.entries(keys)
      .map(([address, list]) => [address, list.filter((it) => it.expireTime > now)] as const)
      .filter(([, list]) => list.length > 0),
  );

/** When the next one expires; undefined when there is none. */
export const nextEnd = (keys: LentKeys): number | undefined => {
  const ends = Object.values(keys).flatMap((list) => list.map((it) => it.expireTime));
  return ends.length === 0 ? undefined : Math.min(...ends);
};
