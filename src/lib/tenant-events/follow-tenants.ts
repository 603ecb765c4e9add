import type { TenantId } from '../core/identifiers.ts';
import { type Clock, minuteMs } from '../core/clock.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { CompleteRead, CompleteReads } from '../tenants/directory.ts';
import { type ConsentInTenants, consentInNew, withConsentDue } from './consent-in-new.ts';
import { baselineOf, type Derivation, deriveEvents } from './derive-events.ts';
import type { ClaimedLog } from './claimed-log.ts';
import { ClaimLost, type Observations, seenTenant, type TenantChange, type TenantState } from './event-log.ts';
import type { TableEventLog, TableToldStates } from './table-event-log.ts';
import type { TenantEvent } from './tenant-event.ts';

/**
 * Tells people of an event. To announce it again changes nothing.
 * @param moreFollow Whether another event is announced at once.
 */
export type AnnounceEvent = (event: TenantEvent, moreFollow: boolean) => Promise<void>;

export interface FollowDeps {
  readonly eventLog: Pick<TableEventLog, 'claim'>;
  readonly toldStates: Pick<TableToldStates, keyof TableToldStates>;
  readonly completeReads: CompleteReads;
  /** What is known of tenants beside the lists. Never throws. */
  readonly observe: () => Promise<Observations>;
  readonly announce: AnnounceEvent;
  /** Consents in new tenants. Absent: nobody does. */
  readonly consent?: ConsentInTenants | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** `incomplete`: a list failed. `busy`: another instance is at it. */
export interface FollowOutcome {
  readonly outcome: 'read' | 'incomplete' | 'busy';
}

/** Announced between two writes that note it, at most. */
const batch = { events: 20, ms: minuteMs };

/**
 * One look at the tenants: reads the lists, derives what has happened since the last complete read, stores it, and announces
 * what is not announced. One instance at a time does it. A timer repeats it, also after a failure: what was stored stays, and
 * what was not is derived again.
 * @throws BrokerError of the directory, storage_unavailable.
 */
export async function followTenants(deps: FollowDeps): Promise<FollowOutcome> {
  const claim = await deps.eventLog.claim();
  if (claim === undefined) return { outcome: 'busy' };
  try {
    await bringBack(deps, claim);
    await announcePending(deps, claim);
    // A read that began before the claim may be older than what another instance has stored.
    const read = await deps.completeReads.completeRead(deps.clock.nowMs());
    if (read !== undefined) {
      const states = await store(deps, claim, read);
      await announcePending(deps, claim);
      if (deps.consent !== undefined) {
        await consentInNew(claim, states, deps.consent, deps.clock);
        await announcePending(deps, claim);
      }
    }
    await claim.release();
    return { outcome: read === undefined ? 'incomplete' : 'read' };
  } catch (thrown) {
    if (thrown instanceof ClaimLost) return { outcome: 'busy' };
    await claim.release().catch(() => undefined);
    throw thrown;
  }
}

/** @returns the states of all tenants, as they are stored now. */
async function store(
  deps: FollowDeps,
  claim: ClaimedLog,
  read: CompleteRead,
): Promise<ReadonlyMap<TenantId, TenantState | undefined>> {
  const { observe, clock, log } = deps;
  const [states, observations] = [await claim.states(), await observe()];
  const nowMs = clock.nowMs();
  const isBaseline = claim.head.baselineAtMs === undefined;
  const changes: TenantChange[] = [];
  const add = (tenantId: TenantId, before: TenantState | undefined, derived: Derivation): void => {
    const state = withConsentDue(deps.consent !== undefined, before, derived, nowMs);
    const { events } = derived;
    if (events.length > 0 || JSON.stringify(state) !== JSON.stringify(before))
      changes.push({ tenantId, state, events });
  };
  const listed = new Set<TenantId>();
  for (const tenant of read.tenants) {
    const { tenantId } = tenant;
    listed.add(tenantId);
    const before = states.get(tenantId);
    const seen = seenTenant(tenant, observations, before);
    if (before === undefined && (isBaseline || states.has(tenantId)))
      changes.push({ tenantId, state: baselineOf(seen, nowMs), events: [] });
    else if (before === undefined || tenant.relationship === 'gdap' || read.refused.length === 0)
      add(tenantId, before, deriveEvents(before, seen, nowMs));
  }
  // A failed list proves no absence.
  if (read.refused.length === 0) {
    for (const [tenantId, before] of states)
      if (before !== undefined && !listed.has(tenantId)) add(tenantId, before, deriveEvents(before, undefined, nowMs));
  }
  await claim.commit(changes);
  await claim.update({ readAtMs: nowMs, ...(isBaseline ? { baselineAtMs: nowMs } : {}) });
  const events = changes.reduce((count, change) => count + change.events.length, 0);
  if (events > 0 || isBaseline)
    log.log('info', 'tenant_events.stored', { tenants: changes.length, events, isBaseline });
  return new Map([...states, ...changes.map(({ tenantId, state }) => [tenantId, state] as const)]);
}

/** Announces in the order of the log, and stops at the first failure, so that no event is left out. */
async function announcePending({ toldStates, announce, clock, log }: FollowDeps, claim: ClaimedLog): Promise<void> {
  const pending = await claim.pending();
  for (let next = 0, failed = false; next < pending.length && !failed; ) {
    const [first, startMs] = [next, clock.nowMs()];
    // What was written together is noted together: only its last event has the state.
    const isFull = (): boolean =>
      pending[next - 1]?.state !== undefined && (next - first >= batch.events || clock.nowMs() - startMs >= batch.ms);
    while (next < pending.length && (next === first || !isFull())) {
      const event = pending[next]?.event;
      try {
        if (event !== undefined) await announce(event, next + 1 < pending.length);
      } catch (thrown) {
        log.log('warn', 'tenant_events.not_announced', { waiting: pending.length - next, ...errorFields(thrown) });
        failed = true;
        break;
      }
      next += 1;
    }
    const announced = pending[next - 1]?.event.sequence;
    if (next === first || announced === undefined) return;
    const told = pending
      .slice(first, next)
      .flatMap(({ event: { tenantId, sequence }, state }) =>
        state === undefined ? [] : [{ tenantId, sequence, state }],
      );
    await toldStates.note(told, announced);
    await claim.update({ announced });
    if (failed) return;
  }
  // Events that cannot be read or were purged meanwhile wait for nobody.
  const { sequence, announced } = claim.head;
  if (announced < sequence) await claim.update({ announced: sequence });
}

/**
 * If more was announced than the log contains, the log was restored from an older copy. Its tenants get the states that
 * people were told of. So nothing is announced again, and what differs from that is an event. Places that were announced are
 * not used again.
 */
async function bringBack({ toldStates, log }: FollowDeps, claim: ClaimedLog): Promise<void> {
  const newest = await toldStates.newest();
  const { sequence, announced } = claim.head;
  if (newest <= sequence) {
    if (newest > announced) await claim.update({ announced: newest });
    return;
  }
  const told = await toldStates.after(sequence);
  await claim.commit(told.map(({ tenantId, state }) => ({ tenantId, state, events: [] })));
  await claim.update({ sequence: newest, announced: newest });
  log.log('warn', 'tenant_events.restored', { tenants: told.length, missing: newest - sequence });
}
