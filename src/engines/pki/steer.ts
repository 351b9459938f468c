import * as z from 'zod';
import type { Steering } from '#core/engine.ts';
import { Problem } from '#core/problem.ts';
import { authorityAt, type Place } from './authority.ts';
import { REASONS } from './choices.ts';
import { CertificateId, DemandRequest, type InternalInput, type PkiInput } from './input.ts';
import { issue, issued, orderOf, revoked, withCrl } from './issue.ts';
import { currentOf, type Ledger, requestHash } from './ledger.ts';

/** Certificates of people come and go without a revision, and declared ones are renewed before their time. */

/** The part that one of a person is steered by. */
export const demandPart = (id: string): string => `demand/${id}`;
/** The part that a declared one is steered by. */
export const declaredPart = (id: string): string => `declared/${id}`;

const Revocation = z.strictObject({ reason: z.enum(REASONS).default('unspecified') });
const Renewal = z.strictObject({ reason: z.enum(REASONS).optional() });

type States = Readonly<Record<string, (it: Wish) => Promise<Ledger>>>;

interface Wish {
  readonly place: Place;
  readonly ledger: Ledger;
  readonly input: InternalInput;
  readonly id: string;
  readonly to: Steering;
}

/**
 * `issued`: there is one that says what {@link Steering.detail} asks for, and lasts; the one that is there stays when it
 * does. `revoked`: all that was ever issued under this id counts no more, at once.
 */
const ofPeople: States = {
  issued: ({ place, ledger, input, id, to }) => {
    const request = detailOf(DemandRequest, to);
    // One that is only renewed counts on until its end: who holds it may not have the next one yet.
    const isOther = currentOf(ledger, 'demand', id)?.request !== requestHash(request);
    const revokeFormer = isOther ? 'superseded' : undefined;
    return issued(place, ledger, { id, origin: 'demand', request, keyAlgorithm: input.keyAlgorithm, revokeFormer });
  },
  revoked: async ({ place, ledger, id, to }) => {
    const { reason } = detailOf(Revocation, to);
    if (currentOf(ledger, 'demand', id) === undefined) throw unknown(to.part);
    return revoked(place, ledger, { id, origin: 'demand', reason });
  },
};

/** `renewed`: another one at once, with another key; with a reason the former counts no more. */
const declared: States = {
  renewed: async ({ place, ledger, input, id, to }) => {
    const { reason } = detailOf(Renewal, to);
    const wanted = input.certificates.find((it) => it.id === id && it.revoked === undefined);
    if (wanted === undefined) throw unknown(to.part);
    return issue(place, ledger, { ...orderOf(wanted, input), revokeFormer: reason });
  },
};

const partsOf: Readonly<Record<string, States>> = { demand: ofPeople, declared };

export async function steered(place: Place, input: PkiInput, to: Steering): Promise<void> {
  const [, kind = '', name] = /^([a-z]+)\/(.+)$/.exec(to.part) ?? [];
  const id = CertificateId.safeParse(name);
  const states = Object.hasOwn(partsOf, kind) ? partsOf[kind] : undefined;
  if (!id.success || states === undefined)
    throw refused(to.part, 'there is no such part', `Name one such as ${demandPart('alice')}.`);
  if (input.type === 'external')
    throw refused(to.part, 'an authority elsewhere issues its certificates itself', 'Name one of type internal.');
  const bring = Object.hasOwn(states, to.state) ? states[to.state] : undefined;
  if (bring === undefined)
    throw refused(to.part, `it cannot be ${to.state}`, `Use one of ${Object.keys(states).join(', ')}.`);
  const ledger = await bring({ place, ledger: await authorityAt(place, input), input, id: id.data, to });
  await withCrl(place, ledger, input.crlDays);
}

const unknown = (part: string): Problem =>
  refused(part, 'there is no such certificate', '`vauban certificates list` shows which there are.');

function detailOf<T>(schema: z.ZodType<T>, { part, detail = '{}' }: Steering): T {
  try {
    return schema.parse(JSON.parse(detail));
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : [];
    const what = issue === undefined ? 'not JSON' : `${issue.path.join('.')}: ${issue.message}`;
    throw refused(part, what, 'Name subject, usage and lifeDays; for a revocation its reason.', cause);
  }
}

const refused = (at: string, message: string, fix: string, cause?: unknown): Problem =>
  new Problem('INVALID_REQUEST', { at, message, fix, cause });
