import {
  Attribute,
  Change,
  type Client,
  InvalidCredentialsError,
  PasswordPolicyControl,
  PasswordPolicyError,
} from 'ldapts';
import type { Source } from './source.ts';

/** What came of a password. What a stranger is told is the same for every refusal; the reason is for the log. */
export type Verdict =
  | { readonly outcome: 'right' }
  /** Right, but another must be chosen before anything else. */
  | { readonly outcome: 'mustChange' }
  | { readonly outcome: 'refused'; readonly reason: 'unknown' | 'disabled' | 'wrongOrLocked' }
  | { readonly outcome: 'away'; readonly detail: string };

export type ChangeVerdict =
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'refused'; readonly reason: 'tooShort' | 'inHistory' | 'wrongOld' | 'notAllowed' }
  | { readonly outcome: 'away'; readonly detail: string };

/** Characters; more is no password but an attempt to keep the directory busy. */
export const LONGEST_PASSWORD = 1024;

const away = (error: unknown): { readonly outcome: 'away'; readonly detail: string } => ({
  outcome: 'away',
  detail: error instanceof Error ? error.message || error.name : String(error),
});

/**
 * Checks a password by binding with it. Whoever the address belongs to, or nobody, or an account that is locked and would
 * be refused unseen: one password is hashed, so that the time tells nothing. An empty
 * password would be an anonymous bind, which succeeds (RFC 4513, 5.1.2), so it is never sent.
 */
export async function verifyPassword(
  source: Source,
  reader: Client,
  it: { readonly email: string; readonly password: string; readonly disabled: boolean },
): Promise<Verdict> {
  const usable = it.password.length > 0 && it.password.length <= LONGEST_PASSWORD && !it.password.includes('\0');
  try {
    const found = await source.find(reader, it.email);
    const dn = found?.checkable === true && !it.disabled ? found.dn : source.nobody;
    const bound = await bind(source, dn, usable ? it.password : 'x');
    if (found === undefined) return { outcome: 'refused', reason: 'unknown' };
    if (it.disabled) return { outcome: 'refused', reason: 'disabled' };
    if (!usable || !found.checkable || bound === 'refused') return { outcome: 'refused', reason: 'wrongOrLocked' };
    return { outcome: bound };
  } catch (error) {
    return away(error);
  }
}

async function bind(source: Source, dn: string, password: string): Promise<'right' | 'mustChange' | 'refused'> {
  const client = await source.anonymous();
  const policy = new PasswordPolicyControl();
  try {
    await client.bind(dn, password, policy);
    return policy.value?.error === PasswordPolicyError.ChangeAfterReset ? 'mustChange' : 'right';
  } catch (error) {
    if (error instanceof InvalidCredentialsError) return mustChangeElsewhere(error) ? 'mustChange' : 'refused';
    throw error;
  } finally {
    await client.unbind().catch(() => {});
  }
}

/** Active Directory says so in its text: 773, after it has found the password right. */
const mustChangeElsewhere = (error: Error): boolean => /\bdata 773\b/.test(error.message);

/** Changes the own password, as the person: the directory's policy counts, and the old one must be right. */
export async function changePassword(
  source: Source,
  reader: Client,
  it: { readonly email: string; readonly before: string; readonly after: string },
): Promise<ChangeVerdict> {
  if (it.before === '' || it.after === '' || it.after.length > LONGEST_PASSWORD || it.after.includes('\0'))
    return { outcome: 'refused', reason: it.before === '' ? 'wrongOld' : 'notAllowed' };
  const policy = new PasswordPolicyControl();
  try {
    const dn = (await source.find(reader, it.email))?.dn ?? source.nobody;
    const client = await source.anonymous();
    try {
      await client.bind(dn, it.before);
      const change = (operation: 'add' | 'delete', value: string): Change =>
        new Change({ operation, modification: new Attribute({ type: 'userPassword', values: [value] }) });
      await client.modify(dn, [change('delete', it.before), change('add', it.after)], policy);
      return { outcome: 'changed' };
    } finally {
      await client.unbind().catch(() => {});
    }
  } catch (error) {
    return refusalOf(error, policy);
  }
}

function refusalOf(error: unknown, policy: PasswordPolicyControl): ChangeVerdict {
  const { PasswordTooShort, PasswordInHistory, MustSupplyOldPassword } = PasswordPolicyError;
  const refused = (reason: 'tooShort' | 'inHistory' | 'wrongOld' | 'notAllowed'): ChangeVerdict => ({
    outcome: 'refused',
    reason,
  });
  if (error instanceof InvalidCredentialsError) return refused('wrongOld');
  switch (policy.value?.error) {
    case PasswordTooShort:
      return refused('tooShort');
    case PasswordInHistory:
      return refused('inHistory');
    case MustSupplyOldPassword:
      return refused('wrongOld');
    case undefined:
    case null:
      return error instanceof Error && 'code' in error && typeof error.code === 'number' && error.code !== 51
        ? refused('notAllowed')
        : away(error);
    default:
      return refused('notAllowed');
  }
}
