import { dayMs } from '../../clock.ts';
import { between } from '../../seeded.ts';
import { idOf, randomOf, type TenantFacts } from './facts.ts';
import type { Profile } from './user-profiles.ts';

/** Entra keeps sign-ins and audits for 30 days. */
export const logDays = 30;

/** Most sign-ins of one tenant. The more users, the fewer each has. */
const mostSignIns = 2000;

/** Most sign-ins of a user within the days of the log. */
export const mostOf = ({ users }: TenantFacts): number =>
  Math.max(1, Math.min(12, Math.floor(mostSignIns / Math.max(1, users.length))));

/** @param at 0: the last sign-in of the user. */
export const signInId = (facts: TenantFacts, { index }: Profile, at: number): string =>
  idOf(facts, 'sign-in', index, at);

/** Halfway between a time and the start. */
export const afterwards = ({ startMs }: TenantFacts, ms: number): number => ms + Math.floor((startMs - ms) / 2);

/** The last sign-in of a user, and the last attempt: a disabled account fails after its last sign-in. */
export function latestOf(
  facts: TenantFacts,
  profile: Profile,
): { readonly id: string; readonly attempt: { readonly id: string; readonly atMs: number } } | undefined {
  const { lastSignInMs, accountEnabled } = profile.user;
  if (lastSignInMs === undefined) return undefined;
  const id = signInId(facts, profile, 0);
  const isLogged = lastSignInMs >= facts.startMs - logDays * dayMs;
  const isRefused =
    !accountEnabled && isLogged && between(randomOf(facts, 'sign-ins', profile.index), 1, mostOf(facts)) > 1;
  const attempt = isRefused
    ? { id: signInId(facts, profile, 1), atMs: afterwards(facts, lastSignInMs) }
    : { id, atMs: lastSignInMs };
  return { id, attempt };
}
