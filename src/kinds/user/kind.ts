import type { Resource, Snapshot } from '#core/resource.ts';
import { keyOf } from '#core/resource.ts';
import type { SlapdFragment } from '#engines/slapd/input.ts';
import { isSealed } from '#lib/seal.ts';
import { numericId } from '../allocation.ts';
import { defineKind, type Objection } from '../define.ts';
import { checkPlace, directoryOf } from '../directory/kind.ts';
import { type UserAssigned, UserSpec } from './spec.ts';

export const user = defineKind<UserSpec, UserAssigned>({
  kind: 'user',
  title: 'User',
  spec: UserSpec,
  assign: (resource) => resource.assigned ?? { subject: numericId(keyOf(resource)) },
  check: (resource, snapshot) => [
    ...checkPlace(resource, snapshot),
    ...checkEmail(resource, snapshot),
    ...checkPassword(resource, snapshot),
  ],
  meaning: (before, after) => [
    ...(after?.spec.disabled === true && before?.spec.disabled === false
      ? [`${after.spec.email} can no longer sign in, and is signed out`]
      : []),
    ...(before?.spec.disabled === true && after?.spec.disabled === false
      ? [`${after.spec.email} may sign in again`]
      : []),
    ...(before !== undefined && after === undefined
      ? [`${before.spec.email} no longer exists, and is signed out`]
      : []),
    ...(before !== undefined && after !== undefined && before.spec.password !== after.spec.password
      ? [`replaces the password of ${after.spec.email}`]
      : []),
    ...(before !== undefined && after !== undefined && before.spec.secondFactorReset !== after.spec.secondFactorReset
      ? [`forgets the authenticator app and passkeys of ${after.spec.email}`]
      : []),
  ],
  columns: [
    { title: 'EMAIL', value: ({ spec }) => spec.email },
    { title: 'DISPLAY_NAME', value: ({ spec }) => spec.displayName },
    { title: 'DISABLED', value: ({ spec }) => (spec.disabled ? 'yes' : '') },
    { title: 'LOCKED', value: (_, { values }) => (values['locked'] === 1 ? 'yes' : '') },
  ],
  feeds: { slapd: (resource, snapshot) => toSlapd(resource, snapshot) },
  example: {
    alice: {
      email: 'alice@example.com',
      displayName: 'Alice Martin',
      password: 'a first password',
      mustChangePassword: true,
    },
  },
});

export type User = Resource<UserSpec, UserAssigned>;

function checkEmail({ project, name, spec }: User, snapshot: Snapshot): Objection[] {
  const other = snapshot.all(user, project).find((it) => it.name !== name && it.spec.email === spec.email);
  return other === undefined
    ? []
    : [
        {
          path: ['email'],
          message: `user ${other.name} has the same address`,
          fix: 'Give each person an address of their own.',
        },
      ];
}

/** A sealed password was checked when it came. */
function checkPassword({ project, spec }: User, snapshot: Snapshot): Objection[] {
  const { password } = spec;
  const least = directoryOf({ project, spec }, snapshot)?.spec.passwordPolicy.minimumLength ?? 0;
  if (password === undefined || isSealed(password) || [...password].length >= least) return [];
  return [
    {
      path: ['password'],
      message: `the directory asks for at least ${least} characters`,
      fix: 'Choose a longer one, or lower `passwordPolicy.minimumLength` of the directory.',
    },
  ];
}

function toSlapd(resource: User, snapshot: Snapshot): readonly SlapdFragment[] {
  const place = directoryOf(resource, snapshot);
  if (place?.spec.type !== 'internal') return [];
  const { email, displayName, password, mustChangePassword, disabled, secondFactorReset } = resource.spec;
  return [
    {
      directory: `${place.project}.${place.name}`,
      user: {
        name: resource.name,
        subject: resource.assigned.subject,
        email,
        displayName,
        mustChangePassword,
        disabled,
        secondFactorReset,
        ...(password === undefined ? {} : { password }),
      },
    },
  ];
}
