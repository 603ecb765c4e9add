import { describe, expect, it } from 'vitest';
import { baselineOf, deriveEvents } from '../../../../src/lib/tenant-events/derive-events.ts';
import type { SeenTenant, TenantState } from '../../../../src/lib/tenant-events/event-log.ts';
import { tenant } from '../../../support/audit-entries.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 10, 24);
const inDays = (days: number): number => nowMs + days * dayMs;

const seen = (more: Partial<SeenTenant> = {}): SeenTenant => ({
  tenantId: tenant(1),
  name: 'Contoso',
  reachable: true,
  reason: 'gdap_active',
  isExcluded: false,
  endsAtMs: inDays(200),
  tags: [],
  ...more,
});
const gone = (reason: SeenTenant['reason'] = 'gdap_terminated'): SeenTenant => seen({ reachable: false, reason });
const excluded = (): SeenTenant => seen({ reachable: false, reason: 'excluded', isExcluded: true });
const expiring = (days: number): SeenTenant => seen({ reason: 'gdap_expiring', endsAtMs: inDays(days) });

/** What reads in this order tell, the first of them on a tenant that was never seen. */
function told(...reads: readonly (SeenTenant | undefined)[]): string[][] {
  let state: TenantState | undefined;
  return reads.map((read) => {
    const derived = deriveEvents(state, read, nowMs);
    state = derived.state;
    return derived.events.map(({ kind, reason, days }) => [kind, reason, days].filter((part) => part).join(' '));
  });
}

describe('access', () => {
  it('appears, becomes reachable, is lost with the reason, and comes back', () => {
    expect(told(gone('gdap_pending'), seen(), seen(), gone(), gone('gdap_expired'), seen())).toEqual([
      ['appeared gdap_pending'],
      ['reachable gdap_active'],
      [],
      ['lost gdap_terminated'],
      [],
      ['back gdap_active'],
    ]);
  });

  it('tells a new tenant with access twice: what it is, and that it can be used', () => {
    expect(told(seen())).toEqual([['appeared gdap_active', 'reachable gdap_active']]);
  });

  it('is lost when no list has the tenant any longer, and back when one has', () => {
    expect(told(seen(), undefined, undefined, seen())).toEqual([
      ['appeared gdap_active', 'reachable gdap_active'],
      ['lost not_listed'],
      [],
      ['appeared gdap_active', 'back gdap_active'],
    ]);
    expect(told(gone(), undefined)[1]).toEqual([]);
  });

  it('is not told while the tenant is excluded, and what has changed is told afterwards', () => {
    expect(told(seen(), excluded(), seen()).slice(1)).toEqual([['excluded excluded'], ['included']]);
    expect(told(seen(), excluded(), gone()).slice(1)).toEqual([
      ['excluded excluded'],
      ['included', 'lost gdap_terminated'],
    ]);
    expect(told(excluded(), seen())).toEqual([['appeared excluded'], ['included', 'reachable gdap_active']]);
    expect(told(seen(), excluded(), undefined, excluded(), gone()).slice(2)).toEqual([
      [],
      ['appeared excluded'],
      ['included', 'lost gdap_terminated'],
    ]);
  });
});

describe('the end of a relationship', () => {
  it('is told once at 30, 14, 7 and 1 days', () => {
    const reads = [200, 29.9, 20, 14, 8, 7, 6.5, 1, 0.2].map((days) => (days > 30 ? seen() : expiring(days)));
    expect(told(...reads).slice(1)).toEqual(
      [
        ['ending gdap_expiring 30'],
        [],
        ['ending gdap_expiring 14'],
        [],
        ['ending gdap_expiring 7'],
        [],
        ['ending gdap_expiring 1'],
        [],
      ].map((lines) => lines.map((line) => line.replace('gdap_expiring ', ''))),
    );
  });

  it('is told by the nearest step only, if the broker has not looked for weeks', () => {
    expect(told(seen(), expiring(6))[1]).toEqual(['ending 7']);
  });

  it('is extended, and told again before the new end', () => {
    const events = told(seen(), expiring(7), expiring(27), seen({ endsAtMs: inDays(400) }), expiring(13));
    expect(events.slice(2)).toEqual([['extended', 'ending 30'], ['extended'], ['ending 14']]);
  });

  it('is not extended by hours, nor by many of them unseen', () => {
    const steps = [0, 0.5, 0.9, 1.2].map((more) => seen({ endsAtMs: inDays(200 + more) }));
    expect(told(...steps).slice(1)).toEqual([[], [], ['extended']]);
  });

  it('may come earlier, which is no extension', () => {
    expect(told(seen(), seen({ endsAtMs: inDays(100) }), seen()).slice(1)).toEqual([[], ['extended']]);
  });

  it('is never told of a relationship that renews itself', () => {
    expect(told(seen(), seen({ endsAtMs: inDays(3) }))[1]).toEqual([]);
  });

  it('is not told again because the tenant was excluded meanwhile', () => {
    expect(told(seen(), expiring(6), excluded(), expiring(6)).slice(1)).toEqual([
      ['ending 7'],
      ['excluded excluded'],
      ['included'],
    ]);
  });

  it('is told again after a loss', () => {
    expect(told(seen(), expiring(5), gone('gdap_expired'), expiring(5)).at(-1)).toEqual([
      'back gdap_expiring',
      'ending 7',
    ]);
  });
});

describe('tags', () => {
  it('changed, were unknown, and are the same', () => {
    const [first, state] = [
      baselineOf(seen({ tags: undefined }), nowMs),
      baselineOf(seen({ tags: ['a', 'b'] }), nowMs),
    ];
    expect(deriveEvents(first, seen({ tags: ['a'] }), nowMs).events).toEqual([]);
    expect(deriveEvents(state, seen({ tags: ['b', 'a'] }), nowMs).events).toEqual([]);
    expect(deriveEvents(state, seen({ tags: undefined }), nowMs)).toEqual({ state, events: [] });
    expect(deriveEvents(state, seen({ tags: ['b', 'c'] }), nowMs).events).toEqual([
      { kind: 'tags_changed', tagsAdded: ['c'], tagsRemoved: ['a'] },
    ]);
  });
});

it('remembers tags that changed, so that they are told once', () => {
  expect(told(seen({ tags: ['a'] }), seen({ tags: ['b'] }), seen({ tags: ['b'] })).slice(1)).toEqual([
    ['tags_changed'],
    [],
  ]);
});

describe('consent and role', () => {
  const consent = (state: 'missing' | 'differs' | 'given' | 'complete', atMs: number, scopes?: string[]) =>
    seen({ consent: { state, atMs, ...(scopes ? { scopes } : {}) } });
  const role = (state: 'missing' | 'held', atMs: number) => seen({ role: { state, atMs } });

  it('tells of a consent that is missing, differs and is given again', () => {
    const reads = [
      consent('given', 1),
      consent('missing', 2),
      consent('missing', 3),
      consent('differs', 4, ['User.Read']),
      consent('given', 5),
      consent('differs', 6, ['User.Read', 'Group.Read']),
      consent('complete', 7),
      consent('given', 8),
    ];
    expect(told(...reads).slice(1)).toEqual([
      ['consent_missing'],
      [],
      ['consent_differs'],
      // Some consent is no proof that the rest has been added.
      [],
      ['consent_differs'],
      ['consent_given'],
      [],
    ]);
  });

  it('believes no observation that is older than what it knows, nor one from the future', () => {
    expect(told(consent('missing', 5), consent('given', 5), consent('given', 4))).toEqual([
      ['appeared gdap_active', 'reachable gdap_active', 'consent_missing'],
      [],
      [],
    ]);
    expect(told(seen(), consent('missing', inDays(1)))[1]).toEqual([]);
    // The clock was a day ahead when this was stored.
    const state = { ...baselineOf(seen(), nowMs), consent: { state: 'missing', atMs: inDays(1) } } as const;
    expect(deriveEvents(state, consent('given', nowMs), nowMs).events).toEqual([{ kind: 'consent_given' }]);
  });

  it('tells which jobs, permissions and application a missing consent is about, and which jobs a missing role', () => {
    const [before, missing] = [baselineOf(seen(), nowMs), { state: 'missing', atMs: 1, jobs: ['a'] } as const];
    const more = { scopes: ['User.Read'], application: 'reader' };
    expect(deriveEvents(before, seen({ consent: { ...missing, ...more } }), nowMs).events).toEqual([
      { kind: 'consent_missing', jobs: ['a'], ...more },
    ]);
    expect(deriveEvents(before, seen({ role: missing }), nowMs).events).toEqual([
      { kind: 'role_missing', jobs: ['a'] },
    ]);
    expect(deriveEvents(before, seen({ role: { state: 'missing', atMs: 1 } }), nowMs).events).toEqual([
      { kind: 'role_missing' },
    ]);
  });

  it('tells nothing of a role or consent that is as it should be when it is first seen', () => {
    const good = seen({ role: { state: 'held', atMs: 1 }, consent: { state: 'given', atMs: 1 } });
    expect(deriveEvents(baselineOf(seen(), nowMs), good, nowMs).events).toEqual([]);
  });

  it('tells of a missing role and of its return', () => {
    const reads = [role('held', 1), role('missing', 2), role('missing', 3), role('held', 4), role('held', 5)];
    expect(told(...reads).slice(1)).toEqual([['role_missing'], [], ['role_given'], []]);
    expect(told(...reads, role('missing', 6), role('missing', 7)).slice(-2)).toEqual([['role_missing'], []]);
  });

  it('believes an observation of a clock that is five minutes ahead', () => {
    const minuteMs = 60_000;
    expect(told(seen(), consent('missing', nowMs + 5 * minuteMs))[1]).toEqual(['consent_missing']);
    const known = { ...baselineOf(seen(), nowMs), consent: { state: 'missing', atMs: nowMs + 5 * minuteMs } } as const;
    expect(deriveEvents(known, consent('given', nowMs), nowMs).events).toEqual([]);
  });
});

it('tells nothing of what is there when it begins', () => {
  const state = baselineOf({ ...expiring(10), consent: { state: 'missing', atMs: 1 }, tags: ['a'] }, nowMs);
  expect(deriveEvents(state, { ...expiring(10), tags: ['a'] }, nowMs).events).toEqual([]);
  expect(deriveEvents(state, expiring(6), nowMs).events.map(({ kind, days }) => [kind, days])).toContainEqual([
    'ending',
    7,
  ]);
});
