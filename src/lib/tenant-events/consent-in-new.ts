import { type Clock, dayMs, hourMs, minuteMs } from '../core/clock.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { Derivation } from './derive-events.ts';
import type { ClaimedLog } from './claimed-log.ts';
import type { TenantChange, TenantState } from './event-log.ts';
import type { ConsentFailure } from './tenant-event.ts';

/** `given`: the consent is there and was read back. `later`: another attempt may work. `refused`: a person has to act. */
export type ConsentAttempt =
  | { readonly outcome: 'given' }
  | { readonly outcome: 'later' | 'refused'; readonly failure: ConsentFailure };

/** Consents to the default application in tenants, once in each. Never throws. @returns a result for each tenant. */
export type ConsentInTenants = (
  tenants: readonly { readonly tenantId: TenantId; readonly name: string }[],
) => Promise<ReadonlyMap<TenantId, ConsentAttempt>>;

/** The roles of a new relationship are assigned minutes or hours after the customer has approved it. */
const pausesMs = [10 * minuteMs, 30 * minuteMs, hourMs, 3 * hourMs, 6 * hourMs, 12 * hourMs, dayMs] as const;
const maxAttempts = pausesMs.length + 1;
/** So that a look does not last longer than the claim: a consent takes up to three minutes to be visible. */
const perLook = 20;
/** Difference between two clocks up to which a time in the future counts. */
const clockToleranceMs = 5 * minuteMs;

/**
 * The state of a tenant with the consent that the broker still has to give: in a tenant that it could reach for the first
 * time while it is to consent in new tenants. Pure.
 * @param isOn whether the broker is to consent in new tenants.
 */
export function withConsentDue(
  isOn: boolean,
  before: TenantState | undefined,
  { state, events }: Derivation,
  nowMs: number,
): TenantState {
  const { consentDue: _, ...rest } = state;
  const isNew = events.some(({ kind }) => kind === 'reachable');
  const consentDue = isNew ? { attempts: 0, nextAtMs: nowMs } : before?.consentDue;
  return isOn && consentDue !== undefined ? { ...rest, consentDue } : rest;
}

/**
 * Consents in tenants where it is due. An attempt is noted before it is made. So a process that is killed, or another one that
 * takes the claim over, repeats it only after the pause, and finds the consent that was given.
 * @param states of all tenants, as they are stored.
 */
export async function consentInNew(
  claim: Pick<ClaimedLog, 'commit'>,
  states: ReadonlyMap<TenantId, TenantState | undefined>,
  consent: ConsentInTenants,
  clock: Clock,
): Promise<void> {
  const nowMs = clock.nowMs();
  const due = [...states].flatMap(([tenantId, state]) => (isDue(state, nowMs) ? [{ tenantId, state }] : []));
  const chosen = due.toSorted((a, b) => a.state.consentDue.nextAtMs - b.state.consentDue.nextAtMs).slice(0, perLook);
  if (chosen.length === 0) return;
  const tried = chosen.map(({ tenantId, state }) => ({ tenantId, state: afterAttempt(state, nowMs), events: [] }));
  await claim.commit(tried);
  const results = await consent(tried.map(({ tenantId, state: { name } }) => ({ tenantId, name })));
  await claim.commit(
    tried.flatMap(({ tenantId, state }) => {
      const attempt = results.get(tenantId);
      return attempt === undefined ? [] : changeAfter(tenantId, state, attempt, clock.nowMs());
    }),
  );
}

type DueState = TenantState & Required<Pick<TenantState, 'consentDue'>>;

function isDue(state: TenantState | undefined, nowMs: number): state is DueState {
  if (state?.consentDue === undefined || !state.isListed || state.isExcluded || state.access !== 'open') return false;
  const waitMs = state.consentDue.nextAtMs - nowMs;
  // A time that is further away was written before a clock was set back.
  return waitMs <= 0 || waitMs > dayMs + clockToleranceMs;
}

function afterAttempt(state: DueState, nowMs: number): DueState {
  const { attempts } = state.consentDue;
  return { ...state, consentDue: { attempts: attempts + 1, nextAtMs: nowMs + (pausesMs[attempts] ?? dayMs) } };
}

function changeAfter(
  tenantId: TenantId,
  { consentDue, ...state }: DueState,
  attempt: ConsentAttempt,
  atMs: number,
): readonly TenantChange[] {
  if (attempt.outcome === 'given') {
    const given = { ...state, consent: { state: 'given', atMs }, consentedAtMs: atMs } as const;
    return [{ tenantId, state: given, events: [{ kind: 'auto_consented' }] }];
  }
  const { outcome, failure } = attempt;
  if (outcome === 'later' && consentDue.attempts < maxAttempts) return [];
  // Not told again as a missing consent.
  const refused = { ...state, consent: { state: 'missing', atMs } } as const;
  return [{ tenantId, state: refused, events: [{ kind: 'auto_consent_failed', failure }] }];
}
