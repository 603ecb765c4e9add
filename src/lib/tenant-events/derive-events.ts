import { dayMs, minuteMs } from '../core/clock.ts';
import { defined } from '../core/objects.ts';
import { type DerivedEvent, endingDays } from './tenant-event.ts';
import type { Observed, SeenTenant, TenantState } from './event-log.ts';

/** The state of a tenant after a read, and what happened since the state before. */
export interface Derivation {
  readonly state: TenantState;
  readonly events: readonly DerivedEvent[];
}

/** An end that moves by less is the same end: a relationship that replaces another one may end some hours later. */
const extensionMs = dayMs;
/** Difference between two clocks up to which a time in the future counts. */
const clockToleranceMs = 5 * minuteMs;

/**
 * Compares what is known of a tenant with what a complete read of the lists says, and returns the events in the order in
 * which they are told. The only place that decides what an event is. Pure.
 * @param before undefined for a tenant that was never seen.
 * @param seen undefined if the lists do not contain the tenant.
 */
export function deriveEvents(before: TenantState | undefined, seen: SeenTenant | undefined, nowMs: number): Derivation {
  if (seen === undefined) return unlisted(before);
  const events: DerivedEvent[] = [];
  if (before === undefined || !before.isListed)
    events.push({ kind: 'appeared', reason: seen.reason, ...endOf(seen.endsAtMs) });
  if (before !== undefined && before.isExcluded !== seen.isExcluded)
    events.push(seen.isExcluded ? { kind: 'excluded', reason: seen.reason } : { kind: 'included' });
  const access = seen.isExcluded ? { state: accessOf(before) } : deriveAccess(before, seen, nowMs);
  const tags = deriveTags(before, seen);
  const consent = deriveConsent(before, seen, nowMs);
  const role = deriveRole(before, seen, nowMs);
  for (const part of [access, tags, consent, role]) events.push(...(part.events ?? []));
  const { name, isExcluded } = seen;
  return {
    state: {
      name,
      isListed: true,
      isExcluded,
      ...access.state,
      ...tags.state,
      ...consent.state,
      ...role.state,
      ...(before?.consentedAtMs === undefined ? {} : { consentedAtMs: before.consentedAtMs }),
    },
    events,
  };
}

/** The state of a tenant that was there before its events were followed. What holds now is told to nobody. */
export const baselineOf = (seen: SeenTenant, nowMs: number): TenantState => deriveEvents(undefined, seen, nowMs).state;

interface Part<S> {
  readonly state: S;
  readonly events?: readonly DerivedEvent[];
}

type Access = Pick<TenantState, 'access' | 'endsAtMs' | 'toldDays'>;

const endOf = (endsAtMs: number | undefined) => (endsAtMs === undefined ? {} : { endsAtMs });

/** While a tenant is excluded, nobody wants to hear of its access. What has changed is told when it is included again. */
const accessOf = (before: TenantState | undefined): Access => ({
  access: before?.access ?? 'never',
  ...endOf(before?.endsAtMs),
  ...(before?.toldDays === undefined ? {} : { toldDays: before.toldDays }),
});

function unlisted(before: TenantState | undefined): Derivation {
  if (before === undefined) throw new TypeError('A tenant that is neither known nor listed has no state.');
  if (!before.isListed) return { state: before, events: [] };
  const isLost = before.access === 'open' && !before.isExcluded;
  return {
    state: { ...before, isListed: false, access: isLost ? 'lost' : before.access },
    events: isLost ? [{ kind: 'lost', reason: 'not_listed', ...endOf(before.endsAtMs) }] : [],
  };
}

function deriveAccess(before: TenantState | undefined, seen: SeenTenant, nowMs: number): Part<Access> {
  const was = before?.access ?? 'never';
  const { endsAtMs, reason } = seen;
  if (!seen.reachable) {
    const state = { access: was === 'open' ? 'lost' : was, ...endOf(endsAtMs) } as const;
    return was === 'open' ? { state, events: [{ kind: 'lost', reason, ...endOf(endsAtMs) }] } : { state };
  }
  const events: DerivedEvent[] = [];
  const isNew = was !== 'open';
  if (isNew) events.push({ kind: was === 'lost' ? 'back' : 'reachable', reason, ...endOf(endsAtMs) });
  const known = isNew ? undefined : before?.endsAtMs;
  const isExtended = known !== undefined && endsAtMs !== undefined && endsAtMs - known >= extensionMs;
  if (isExtended) events.push({ kind: 'extended', endsAtMs, endedAtMs: known });
  // Small steps must not add up to an extension that nobody hears of.
  const isSmallStep = known !== undefined && endsAtMs !== undefined && endsAtMs > known && !isExtended;
  let toldDays = isNew || isExtended ? undefined : before?.toldDays;
  const days = reason === 'gdap_expiring' && endsAtMs !== undefined ? daysLeft(endsAtMs - nowMs) : undefined;
  if (days !== undefined && (toldDays === undefined || days < toldDays)) {
    toldDays = days;
    events.push({ kind: 'ending', days, ...endOf(endsAtMs) });
  }
  const state = { access: 'open', ...endOf(isSmallStep ? known : endsAtMs) } as const;
  return { state: toldDays === undefined ? state : { ...state, toldDays }, events };
}

const daysLeft = (leftMs: number) => endingDays.find((days) => leftMs <= days * dayMs);

function deriveTags(before: TenantState | undefined, { tags }: SeenTenant): Part<Pick<TenantState, 'tags'>> {
  const was = before?.tags;
  if (tags === undefined) return { state: was === undefined ? {} : { tags: was } };
  if (was === undefined) return { state: { tags } };
  const tagsAdded = tags.filter((tag) => !was.includes(tag));
  const tagsRemoved = was.filter((tag) => !tags.includes(tag));
  if (tagsAdded.length === 0 && tagsRemoved.length === 0) return { state: { tags: was } };
  return { state: { tags }, events: [{ kind: 'tags_changed', tagsAdded, tagsRemoved }] };
}

function deriveConsent(
  before: TenantState | undefined,
  { consent: seen }: SeenTenant,
  nowMs: number,
): Part<Pick<TenantState, 'consent'>> {
  const was = before?.consent;
  if (seen === undefined || !isLater(seen, was, nowMs) || (seen.state === 'given' && was?.state === 'differs'))
    return { state: was === undefined ? {} : { consent: was } };
  const isSame = was?.state === seen.state && sameTexts(was.scopes, seen.scopes);
  const wasGood = was === undefined || was.state === 'given' || was.state === 'complete';
  const isGood = seen.state === 'given' || seen.state === 'complete';
  // The time of an observation is stored with a change only: it is newer in each read, and storing it costs a write.
  if (was !== undefined && (isSame || (wasGood && isGood))) return { state: { consent: was } };
  const { jobs, scopes, application } = seen;
  const more = defined({ jobs, scopes, application });
  const kind = isGood ? 'consent_given' : seen.state === 'missing' ? 'consent_missing' : 'consent_differs';
  return { state: { consent: seen }, events: isGood && wasGood ? [] : [{ kind, ...more }] };
}

function deriveRole(
  before: TenantState | undefined,
  { role: seen }: SeenTenant,
  nowMs: number,
): Part<Pick<TenantState, 'role'>> {
  const was = before?.role;
  if (seen === undefined || !isLater(seen, was, nowMs) || was?.state === seen.state)
    return { state: was === undefined ? {} : { role: was } };
  const jobs = seen.jobs ? { jobs: seen.jobs } : {};
  if (seen.state === 'missing') return { state: { role: seen }, events: [{ kind: 'role_missing', ...jobs }] };
  return { state: { role: seen }, events: was === undefined ? [] : [{ kind: 'role_given' }] };
}

/** Times that a right clock cannot have written do not count: a clock was set back since. */
function isLater(seen: Observed<string>, was: Observed<string> | undefined, nowMs: number): boolean {
  const latestMs = nowMs + clockToleranceMs;
  if (seen.atMs > latestMs) return false;
  return was === undefined || was.atMs > latestMs || seen.atMs > was.atMs;
}

const sameTexts = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.length === b.length && a.every((text) => b.includes(text));
