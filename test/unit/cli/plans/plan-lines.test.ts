import { describe, expect, it } from 'vitest';
import { plainLine } from '../../../../src/cli/line.ts';
import { differenceLines, type ShownChange } from '../../../../src/cli/plans/difference.ts';
import { changeLines, planLines, planState } from '../../../../src/cli/plans/plan-lines.ts';

const change = (more: Partial<ShownChange>): ShownChange => ({
  action: 'update',
  target: '/policies/authorizationPolicy',
  before: null,
  after: null,
  undo: 'yes',
  ...more,
});
const shown = (more: Partial<ShownChange>): string[] => differenceLines(change(more), []).map(plainLine);
const json = (value: unknown): string => JSON.stringify(value);

describe('a change', () => {
  it('shows each property that differs with the value before and after, and no other', () => {
    const before = json({ permissions: { create: true, read: false, note: 'old' }, level: null });
    const after = json({ permissions: { create: false, read: false, note: '' }, level: 3 });
    expect(shown({ before, after })).toEqual([
      '~ /policies/authorizationPolicy',
      '    permissions.create: true -> false',
      '    permissions.note: old -> ""',
      '    level: null -> 3',
    ]);
  });

  it('shows what a list loses and gets, whatever its order and the case of ids', () => {
    const id = 'aaaaaaaa-0000-4000-8000-00000000000b';
    const [before, after] = [json({ list: ['a', 'b', id] }), json({ list: [id.toUpperCase(), 'c', 'a'] })];
    expect(shown({ before, after }).slice(1)).toEqual(['    list:', '      - b', '      + c']);
  });

  it('shows an empty list, and a property that was not there', () => {
    expect(shown({ before: json({ list: ['a'] }), after: json({ list: [], new: 'x' }) }).slice(1)).toEqual([
      '    list:',
      '      - a',
      '    + new: x',
    ]);
  });

  it.each<[Partial<ShownChange>, readonly string[]]>([
    [
      {
        action: 'create',
        target: '/groups (displayName: Pilot)',
        after: json({ displayName: 'Pilot', nested: { a: 1 } }),
      },
      ['+ /groups (displayName: Pilot)', '    + displayName: Pilot', '    + nested.a: 1'],
    ],
    [
      { action: 'remove', target: '/groups/1', before: json({ displayName: 'Pilot' }), undo: 'for 30 days' },
      ['- /groups/1', '    - displayName: Pilot', '    can be undone for 30 days'],
    ],
    [{ action: 'add-reference', target: '/groups/1/members/2', after: json({ id: '2' }) }, ['+ /groups/1/members/2']],
    [
      { action: 'remove-reference', target: '/groups/1/members/2', before: json({ id: '2' }) },
      ['- /groups/1/members/2'],
    ],
    [{ action: 'restore', target: '/groups/1', after: json({ restored: '/groups/1' }) }, ['+ /groups/1']],
    [
      {
        action: 'act',
        target: '/users/1/revokeSignInSessions',
        after: json({}),
        undo: 'no: an action has no opposite',
      },
      ['~ POST /users/1/revokeSignInSessions', '    cannot be undone: an action has no opposite'],
    ],
  ])('has the sign of what it does: %j', (given, lines) => {
    expect(shown(given)).toEqual(lines);
  });

  it('cuts long values, and the properties of a large object that is removed', () => {
    const [long, many] = ['x'.repeat(5_000), Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`p${n}`, n]))];
    expect(shown({ before: json({ a: '' }), after: json({ a: long }) })[1]).toMatch(
      /^ {4}a: "" -> x{200}… \(5000 char/,
    );
    expect(shown({ action: 'remove', before: json(many) }).slice(-2)).toEqual(['    - p19: 19', '    and 5 more']);
    expect(shown({ action: 'create', after: json(many) })).toHaveLength(26);
  });
});

const planId = 'block-user-consent@manual-1';
const nowMs = Date.parse('2026-11-24T12:00:00Z');
const counts = { total: 4, succeeded: 3, failed: 1, skipped: 0, notAttempted: 0 };
const plan = {
  planId,
  job: 'block-user-consent',
  title: 'Users cannot consent',
  status: 'completed' as const,
  tenants: counts,
  madeAt: '2026-11-24T11:00:00Z',
  madeBy: 'ada@partner.example',
  expiresAt: '2026-11-25T11:00:00Z',
  changedTenants: 2,
  changes: 2,
  irreversible: 1,
  groups: [
    { ...change({ action: 'remove', target: '/x/1', before: json({ a: 1 }), undo: 'no: it is not kept' }), tenants: 1 },
    { ...change({ before: json({ a: 1 }), after: json({ a: 2 }) }), tenants: 1 },
  ],
  more: false,
};
const apply = {
  runId: 'block-user-consent@apply-1',
  status: 'running' as const,
  tenants: counts,
  wave: 1,
  waves: [1, 1],
  waits: false,
  outcomes: { applied: 1 },
};
const text = (shownPlan: Parameters<typeof planLines>[0]): string =>
  planLines(shownPlan, nowMs).map(plainLine).join('\n');

describe('a plan', () => {
  it('says what it changes, what it does not, and until when it can be applied', () => {
    expect(text(plan)).toBe(`${planId}: ready, made 2026-11-24T11:00:00Z by ada@partner.example
Users cannot consent
2 changes in 2 of 4 tenants, 1 as they should be, 1 failed
1 change cannot be undone.

- /x/1 (1 tenant)
    - a: 1
    cannot be undone: it is not kept
~ /policies/authorizationPolicy (1 tenant)
    a: 1 -> 2

Apply it until 2026-11-25T11:00:00Z with: ptb apply ${planId}`);
  });

  it.each([
    [{ status: 'running' as const }, 'being made', `Follow it with: ptb plans show ${planId} --wait`],
    [{ status: 'failed' as const }, 'failed', ''],
    [{ expiresAt: '2026-11-24T11:59:00Z' }, 'expired', 'It expired 2026-11-24T11:59:00Z. Make a new one.'],
    [{ changes: 0, groups: [], changedTenants: 0 }, 'ready', 'Nothing is to be changed.'],
    [{ more: true }, 'ready', `There are more changes: ptb runs export ${planId} --format csv`],
    [{ undoes: 'job@apply-0' }, 'ready', 'Takes back job@apply-0'],
    [{ apply }, 'wave 1 of 2', 'Changes: 1 applied'],
    [{ apply: { ...apply, waits: true } }, 'waits', `Go on:             ptb plans go-on ${planId}`],
    [
      { apply: { ...apply, waits: true, hold: { code: 'apply_held' as const, detail: '1 tenant failed.', at: '' } } },
      'held',
      'Held: 1 tenant failed.\nIt waits for a person.',
    ],
    [
      {
        apply: {
          ...apply,
          gates: [
            { wave: 1, at: '2026-11-24T12:00:00Z', by: 'Ada', reason: 'No tickets.' },
            { wave: 2, at: '2026-11-24T12:30:00Z', by: 'Eve', held: '1 tenant failed.' },
          ],
        },
      },
      'wave 1 of 2',
      'Ada let it go on after wave 1, 2026-11-24T12:00:00Z: No tickets.\nEve let it go on in wave 2 (1 tenant failed.), 2026-11-24T12:30:00Z',
    ],
    [{ apply: { ...apply, status: 'cancelled' as const } }, 'ended', `Take it back with: ptb plans undo ${planId}`],
    [{ apply: { ...apply, status: 'failed' as const, outcomes: {} } }, 'stopped', 'Waves of 1, 1 tenants'],
    [
      { apply: { ...apply, waveNames: ['group:pilot', '100%'] } },
      'wave 1 of 2',
      'Waves of 1 (group:pilot), 1 (100%) tenants',
    ],
    [{ apply: { ...apply, status: 'completed' as const } }, 'partly applied', 'Changes: 1 applied'],
    [
      { apply: { ...apply, status: 'completed' as const, tenants: { ...counts, failed: 0 }, approvalId: 'a-1' } },
      'applied',
      'Approved: a-1',
    ],
  ])('with %j says its state and what to do', (more, state, line) => {
    expect(planState({ ...plan, ...more }, nowMs).text).toBe(state);
    expect(text({ ...plan, ...more })).toContain(line);
  });

  it('shows an unfinished apply as one that cannot be taken back yet', () => {
    expect(text({ ...plan, apply })).not.toContain('ptb plans undo');
    expect(text({ ...plan, apply })).not.toContain('ptb apply');
  });
});

it('shows the changes of a tenant in their order, each with its outcome and why', () => {
  const rows = [
    {
      ...change({ before: json({ a: 1 }), after: json({ a: 2 }) }),
      change: 1,
      outcome: 'refused',
      detail: 'Microsoft refused it with 403.',
    },
    { ...change({ action: 'create', target: '/groups', after: json({ b: 1 }) }), change: 2 },
  ];
  expect(changeLines(rows).map(plainLine)).toEqual([
    '~ /policies/authorizationPolicy  refused',
    '    a: 1 -> 2',
    '    Microsoft refused it with 403.',
    '+ /groups',
    '    + b: 1',
  ]);
  expect(changeLines([])).toEqual(['Nothing is to be changed in this tenant.']);
});
