// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { JobsView } from '../../../dashboard/app/jobs-view.tsx';
import { differenceWords, headlineOf, plainWords, stateOf, targetInWords } from '../../../dashboard/app/plan-words.ts';
import { PlanView } from '../../../dashboard/app/plan-view.tsx';
import type { PlanAnswer } from '../../../src/lib/api/answers/plans.ts';
import type { RunAnswer } from '../../../src/lib/api/answers/runs.ts';
import { apiWith, rendered, session } from './rendered.ts';
import { PlansView } from '../../../dashboard/app/plans-view.tsx';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { signedIn } from './signed-in.tsx';

const counts = { total: 12, succeeded: 12, failed: 0, skipped: 0, notAttempted: 0 };
const nowMs = Date.now();
const inHours = (hours: number): string => new Date(nowMs + hours * 3_600_000).toISOString();
const planWith = (more: Partial<PlanAnswer> = {}): PlanAnswer => ({
  planId: 'harden@w',
  job: 'harden',
  title: 'Harden',
  status: 'completed',
  tenants: counts,
  madeAt: inHours(-1),
  madeBy: 'Olivia Operator',
  expiresAt: inHours(23),
  digest: '9f86d081884c7d65',
  changedTenants: 12,
  changes: 30,
  irreversible: 1,
  groups: [
    {
      action: 'remove',
      target: '/groups/a',
      before: '{"name":"<b>A</b>"}',
      after: null,
      undo: 'no: kept nowhere',
      tenants: 1,
    },
    { action: 'update', target: '/policies/p', before: '{"on":true}', after: '{"on":false}', undo: 'yes', tenants: 11 },
  ],
  more: false,
  ...more,
});
const applyWith = (more: Partial<NonNullable<PlanAnswer['apply']>> = {}): NonNullable<PlanAnswer['apply']> => ({
  runId: 'harden@apply-1',
  status: 'running',
  tenants: { total: 12, succeeded: 2, failed: 0, skipped: 0, notAttempted: 0 },
  wave: 1,
  waves: [2, 10],
  waits: false,
  outcomes: { applied: 5 },
  ...more,
});
const hold = {
  code: 'apply_held',
  detail: '1 tenant failed: wave 1 stops at 1.',
  at: inHours(0),
} as const;

let cleanUp: (() => Promise<void>) | undefined;
afterEach(() => cleanUp?.());

const everyRole = ['Runs.Read', 'Changes.Plan', 'Changes.Apply'];

const runWith = (status = 'running') =>
  ({
    runId: 'harden@apply-1',
    status,
    startedBy: 'x',
    startedAt: inHours(0),
    failures: [],
    warnings: [],
    tenants: counts,
    progress: { done: 0, retrying: 0, total: 12 },
  }) as unknown as RunAnswer;

async function open(plan: PlanAnswer | (() => PlanAnswer), methods: Partial<Api> = {}, roles = everyRole) {
  const shown = typeof plan === 'function' ? plan : () => plan;
  const api: Partial<Api> = {
    plan: async () => shown(),
    run: async () => runWith(shown().apply?.status),
    rows: async () => ({ rows: [] }),
    runTenants: async () => ({ tenants: [] }) as never,
    ...methods,
  };
  const { root, unmount } = await rendered(signedIn(api, <PlanView planId={shown().planId} />, roles));
  cleanUp = unmount;
  const settle = () => act(() => new Promise((resolve) => setTimeout(resolve, 5)));
  await settle();
  const buttons = (): string[] =>
    [...root.querySelectorAll('button:not(.copy)')].map(({ textContent }) => textContent.trim());
  const press = async (name: string): Promise<void> => {
    await act(() => [...root.querySelectorAll('button')].findLast((each) => each.textContent.trim() === name)?.click());
    await settle();
  };
  return { root, settle, buttons, press, text: (): string => root.textContent };
}

it.each([
  ['{"a":{"b":1},"c":"x"}', '{"a":{"b":2},"c":"x"}', ['a.b|− 1|+ 2']],
  ['{"list":["one","two"]}', '{"list":["two","three"]}', ['list|− one|+ three']],
  ['{"list":["one","two"]}', '{"list":["two"]}', ['list|− one']],
  ['{"list":["one"]}', '{"list":[]}', ['list|− one|+ (empty)']],
  ['{"list":[]}', '{"list":["one"]}', ['list|− (empty)|+ one']],
  [null, '{"name":"N","tags":[]}', ['name|+ N', 'tags|+ []']],
  ['"a"', '"b"', ['everything|− a|+ b']],
  [null, null, []],
])('the difference from %s to %s is shown setting by setting', async (before, after, rows) => {
  const [, group] = planWith().groups;
  const { root } = await open(planWith({ groups: [{ ...group!, before, after }] }));
  const shown = [...root.querySelectorAll('.patch > div')].map((row) =>
    [...row.children].map(({ textContent }) => textContent).join('|'),
  );
  expect(shown).toEqual(rows);
});

it.each([
  ['{"a":{"mayCreateApps":true}}', '{"a":{"mayCreateApps":false}}', 'a, may create apps: true → false'],
  ['{"policiesAssigned":["legacy"]}', '{"policiesAssigned":[]}', 'policies assigned: legacy → none'],
  ['{"list":["one","two"]}', '{"list":["two","three"]}', 'list: without one, with three'],
  ['{"list":["one","two"]}', '{"list":["two"]}', 'list: without one'],
  [null, '{"name":"N"}', 'name: N'],
  ['{"name":"N"}', null, 'name: N → nothing'],
])('the difference from %s to %s is told in words', (before, after, words) => {
  expect(differenceWords(before, after).join('; ')).toBe(words);
});

it('names what a change is made to in words, and an object by its path', () => {
  expect(['/policies/authorizationPolicy', '/users/4f1c-2'].map(targetInWords)).toEqual([
    'authorization policy',
    '/users/4f1c-2',
  ]);
});

it.each([
  ['low', 'Users may consent to applications of low risk → nobody may'],
  ['mine', undefined],
])('a change of what users may consent to from %s is told in plain words: %s', (name, words) => {
  const change = (of: readonly string[]) => JSON.stringify({ permissionGrantPoliciesAssigned: of });
  expect(plainWords(change([`ManagePermissionGrantsForSelf.microsoft-user-default-${name}`]), change([]))).toBe(words);
});

it.each([
  [
    { sharingCapability: 'externalUserSharingOnly' },
    'SharePoint shares with anybody who has the link → with guests, who may be new',
  ],
  // A level of a newer Graph, and a value that another setting has as well.
  [{ sharingCapability: 'somebody' }, undefined],
  [{ other: 'disabled' }, undefined],
])('a change of whom SharePoint shares with to %j is told in plain words: %s', (after, words) => {
  const [name = ''] = Object.keys(after);
  expect(plainWords(JSON.stringify({ [name]: 'externalUserAndGuestSharing' }), JSON.stringify(after))).toBe(words);
});

describe('the headline of a plan', () => {
  it.each<[string, Partial<PlanAnswer>]>([
    ['30 changes in 12 tenants', {}],
    ['1 change in 1 tenant', { changes: 1, changedTenants: 1, tenants: { ...counts, total: 1 } }],
    ['1 change in 1 of 12 tenants', { changes: 1, changedTenants: 1 }],
    ['30 changes in 12 tenants were not applied, and the plan has expired', { expiresAt: inHours(-1) }],
    ['Nothing to change: every tenant is as it should be', { changes: 0 }],
    ['Nothing to change in the tenants that answered', { changes: 0, tenants: { ...counts, failed: 1 } }],
    ['The tenants are being listed', { status: 'pending', tenants: { ...counts, total: 0 } }],
    ['3 of 12 tenants read', { status: 'running', tenants: { ...counts, succeeded: 2, failed: 1 } }],
    ['The plan was not completed, so it cannot be applied', { status: 'cancelled' }],
    ['Wave 1 of 2: 2 of 12 tenants done', { apply: applyWith() }],
    ['Wave 1 of 2 is done, and the next one waits for you', { apply: applyWith({ waits: true }) }],
    ['The apply is held in wave 1 of 2 and waits for you', { apply: applyWith({ waits: true, hold }) }],
    [
      '28 of 30 changes applied, 1 refused, 1 drifted',
      { apply: applyWith({ status: 'completed', outcomes: { drifted: 1, applied: 28, refused: 1 } }) },
    ],
  ])('is "%s"', (text, more) => {
    expect(headlineOf(planWith(more), true)).toBe(text);
  });

  it('names nobody who may not apply it', () => {
    expect(headlineOf(planWith({ apply: applyWith({ waits: true }) }), false)).toContain('waits for a person');
  });

  it('never shows an apply that left something as a success', () => {
    const apply = applyWith({ status: 'completed', tenants: { ...counts, succeeded: 11, failed: 1 } });
    expect(stateOf(planWith({ apply }))).toEqual(['warn', 'applied in part']);
    expect(stateOf(planWith({ apply: { ...apply, tenants: counts } }))).toEqual(['good', 'applied']);
  });
});

it('lists what waits for a person first, and names people of the own tenant without its domain', async () => {
  const madeBy = 'olivia@partner.example';
  const plans = [
    planWith({ planId: 'a@1', title: 'Not applied', madeBy: 'guest@other.example' }),
    planWith({
      planId: 'b@1',
      title: 'Waits',
      madeBy,
      apply: applyWith({ waits: true, tenants: { ...counts, succeeded: 2, failed: 1 } }),
    }),
  ];
  const api = { plans: async () => ({ plans }), jobs: async () => ({ jobs: [] }) } as unknown as Partial<Api>;
  const own = { ...session, name: 'ada@partner.example', roles: everyRole };
  const child = (
    <SignedInContext.Provider value={{ session: own, api: apiWith(api) }}>
      <PlansView />
    </SignedInContext.Provider>
  );
  const { root, unmount } = await rendered(child);
  cleanUp = unmount;
  await act(() => new Promise((resolve) => setTimeout(resolve, 5)));
  expect(root.querySelector('h1')?.textContent).toBe('1 plan waits for you');
  const [head, first, next, last] = [...root.querySelectorAll('tbody tr')].map(({ textContent }) => textContent);
  expect([head, next]).toEqual(['1 Waiting for a person', '1 Not applied']);
  expect(first).toMatch(
    /^Waitsolivia, .*waits after wave 1 of 2.*ends in \d+ hours.*2 of 12 tenants, 1 failed.*Decide Waits$/,
  );
  expect(root.querySelector('.bar')?.getAttribute('aria-label')).toBe('2 succeeded, 1 failed of 12');
  expect(last).toMatch(/^Not appliedguest@other\.example, .*expires in \d+ hours.*12 tenants read/);
  const ways = [...root.querySelectorAll('td .btn')].map((way) => [way.textContent, way.getAttribute('href')]);
  expect(ways).toEqual([
    ['Decide Waits', '#/plans/b%401'],
    ['Review Not applied', '#/plans/a%401'],
  ]);
});

describe('the page of a plan', () => {
  it('shows each wave with its name, what became of its tenants and when, and those that want a look', async () => {
    const runTenants = async () => ({
      tenants: [
        { tenantId: 't1', name: 'Adatum', outcome: 'succeeded', wave: 1, finishedAt: inHours(-2) },
        { tenantId: 't2', name: 'Contoso', outcome: 'failed', code: 'change_failed', wave: 1, finishedAt: inHours(-1) },
        { tenantId: 't3', name: 'Fabrikam', outcome: 'waiting', wave: 2 },
      ],
    });
    const rows = async () => ({
      rows: [
        { tenantId: 't1', outcome: 'applied', detail: null },
        { tenantId: 't2', outcome: 'applied', detail: 'It was there.' },
        { tenantId: 't2', outcome: 'refused', detail: 'Microsoft refused it with 403.' },
      ],
    });
    const apply = applyWith({
      waves: [2, 1],
      waveNames: ['group:pilot', '100%'],
      outcomes: { applied: 5, refused: 1 },
    });
    const { root, settle } = await open(planWith({ apply }), {
      runTenants: runTenants as unknown as Api['runTenants'],
      rows: rows as unknown as Api['rows'],
    });
    await settle();
    await settle();
    const [first, second] = [...root.querySelectorAll('.wave')].map((wave) => wave.textContent);
    expect(first).toMatch(/^1Group pilot2 tenants1 applied, 1 refused$/);
    expect(second).toBe('2Everyone else1 tenant1 to come');
    expect([...root.querySelectorAll('.metrics > div')].map(({ textContent }) => textContent)).toEqual([
      'applied5 of 30 changes',
      'refused1 ',
      'to come24 ',
    ]);
    expect(root.querySelector('.metrics .bad')?.textContent).toBe('1 ');
    const look = [...root.querySelectorAll('.panel')].find((panel) => panel.textContent.startsWith('1 refused'));
    // Once on the page.
    expect(root.textContent.split('Microsoft refused it with 403.')).toHaveLength(2);
    expect(look?.textContent).toContain('Contoso Microsoft refused it with 403.');
    // Nobody knows the cause of a refused change.
    expect(look?.textContent).not.toContain('later waves');
    expect(look?.querySelector('header a')?.textContent).toBe('All changes');
    expect(look?.textContent).not.toContain('Adatum');
  });

  it('names the tenants of the wave to come and the limits, and sends the reason to go on', async () => {
    const goOn = vi.fn<Api['goOn']>(async () => ({ planId: 'p', runId: 'r' }));
    const waiting = (n: number) => ({ tenantId: `t${n}`, name: `T${n}`, outcome: 'waiting', wave: 2 });
    const runTenants = async () => ({ tenants: Array.from({ length: 10 }, (_, n) => waiting(n + 1)) }) as never;
    const more = { waits: true, waitsFor: 'wave-1', waves: [1, 10], stop: { failed: 3, unclear: 1 } };
    const gates = [{ wave: 1, at: inHours(-2), by: 'Olivia', held: '1 tenant failed.', reason: 'Known there.' }];
    const { root, settle, press, text } = await open(planWith({ apply: applyWith({ ...more, gates }) }), {
      goOn,
      runTenants,
    });
    await settle();
    expect(text()).toContain('Wave 2 changes 10 tenants: T1, T2 and 8 others.');
    await press('8 others');
    expect(text()).toContain('T8, T9, T10.');
    expect(root.querySelector('.gate')?.textContent).toMatch(
      /^Olivia let wave 1 go on after a hold\. 1 tenant failed\. Known there\.\d+ \w+, [\d:]+$/,
    );
    const reason = root.querySelector<HTMLTextAreaElement>('#go-on-reason')!;
    const give = (words: string) =>
      act(() => {
        reason.value = words;
        reason.dispatchEvent(new Event('input', { bubbles: true }));
      });
    await give(' ok ');
    await press('Go on with wave 2');
    expect(root.querySelector('#go-on-reason-problem')?.textContent).toBe('Write at least 10 characters.');
    expect(goOn).not.toHaveBeenCalled();
    await give(' No tickets. ');
    await press('Go on with wave 2');
    expect(goOn.mock.calls).toEqual([['harden@w', 'wave-1', 'No tickets.']]);
  });

  it('counts the tenants that wait', async () => {
    const tenants = { ...counts, total: 12, succeeded: 11 };
    const { text } = await open(planWith({ apply: applyWith({ waits: true, tenants, hold }) }));
    expect(text()).toContain('1 tenant has waited since');
  });

  it('has the name of what it does as its title, and says where it is once', async () => {
    const waiting = await open(planWith({ apply: applyWith({ waits: true }) }));
    expect(waiting.root.querySelector('h1')?.textContent).toBe(planWith().title);
    expect(waiting.root.querySelector('.lede')).toBeNull();
    expect(waiting.root.querySelector('.note')?.textContent).toContain(
      'Wave 1 of 2 is done, and the next one waits for you.',
    );
    await cleanUp?.();
    const ended = (n: number, outcome: string, code?: string) => ({
      tenantId: `t${n}`,
      name: `T${n}`,
      outcome,
      code,
      wave: 1,
    });
    const apply = applyWith({ waits: true, outcomes: { applied: 5, refused: 1 } });
    const known = await open(planWith({ apply }), {
      runTenants: async () => ({ tenants: [ended(1, 'succeeded'), ended(2, 'failed', 'change_failed')] }) as never,
    });
    await known.settle();
    expect(known.root.querySelector('.note strong')?.textContent).toBe(
      'Wave 1 of 2 is done: applied in 1 of 2 tenants, 1 refused.',
    );
    await cleanUp?.();
    const { root } = await open(planWith());
    expect(root.querySelector('.lede')?.textContent).toBe('30 changes in 12 tenants');
  });

  const waves = (root: Element) => [...root.querySelectorAll('.wave')].map(({ textContent }) => textContent);

  it('says between the waves who let it go on and when', async () => {
    const runTenants = async () => ({
      tenants: [{ tenantId: 't1', name: 'Adatum', outcome: 'failed', wave: 2, finishedAt: inHours(-1) }],
    });
    const gates = [{ wave: 1, at: inHours(-2), by: 'Olivia Operator' }];
    const more = { waves: [1, 1, 10], wave: 2, gates, tenants: { ...counts, succeeded: 1, failed: 1 } };
    const methods = { runTenants: runTenants as unknown as Api['runTenants'] };
    const steps = async (state: Partial<NonNullable<PlanAnswer['apply']>>) => {
      const { root, settle } = await open(planWith({ apply: applyWith({ ...more, ...state }) }), methods);
      await settle();
      return { steps: [...root.querySelectorAll('.wave, .gate')] };
    };
    const waiting = await steps({ waits: true });
    expect(waiting.steps.map(({ className }) => className)).toEqual(['wave', 'gate', 'wave', 'wave']);
    expect(waiting.steps[1]?.textContent).toMatch(/^Olivia Operator let wave 2 begin\. \d+ \w+, \d\d:\d\d$/);
    expect(waiting.steps[2]?.textContent).toMatch(/done \d+ \w+, \d\d:\d\d$/);
    expect(waiting.steps[2]?.textContent).toContain('1 failed');
    await cleanUp?.();
    // A hold stops it within a wave.
    const held = await steps({ waits: true, hold });
    expect(held.steps.map(({ className }) => className)).toEqual(['wave', 'gate', 'wave now', 'wave']);
    expect(held.steps[2]?.textContent).not.toMatch(/done \d/);
  });

  it.each<[string, number, string[], boolean]>([
    ['tells how to undo', 0, everyRole, true],
    ['does not promise to undo what cannot be undone', 1, everyRole, false],
    ['does not promise to undo to those who may not plan', 0, ['Runs.Read', 'Changes.Apply'], false],
  ])('%s while it waits, and before it ends', async (_, irreversible, roles, isTold) => {
    const plan = planWith({ irreversible, apply: applyWith({ waits: true }) });
    const { press, text, buttons } = await open(plan, {}, roles);
    // One way to end it.
    expect(buttons().filter((name) => name.startsWith('End'))).toEqual(['End here…']);
    await press('End here…');
    expect(text()).toContain('End this apply?');
    expect(text().includes('Afterwards, “Plan to undo”')).toBe(isTold);
  });

  it('says what a wave left out, once the apply has ended', async () => {
    const runTenants = async () => ({
      tenants: [
        { tenantId: 't1', name: 'Adatum', outcome: 'succeeded', wave: 1, finishedAt: inHours(-1) },
        { tenantId: 't2', name: 'Contoso', outcome: 'not_attempted', wave: 1 },
        { tenantId: 't3', name: 'Fabrikam', outcome: 'not_attempted', wave: 2 },
      ],
    });
    const apply = applyWith({ status: 'cancelled', waves: [2, 1], waveNames: ['50%', '100%'] });
    const { root, settle } = await open(planWith({ apply }), {
      runTenants: runTenants as unknown as Api['runTenants'],
    });
    await settle();
    expect(waves(root)).toEqual([
      '1Up to 50% of all2 tenants1 applied, 1 not sent',
      '2Everyone else1 tenant1 not sent',
    ]);
  });

  it('shows the waves and says so while the tenants of an apply that waits cannot be read', async () => {
    const runTenants = async () => {
      throw new ApiFailure({ code: 'storage_unavailable', title: 'Storage', detail: 'x', advice: '', transient: true });
    };
    const apply = applyWith({ waits: true, waveNames: ['group:pilot', '100%'] });
    const { root, settle, text } = await open(planWith({ apply }), { runTenants });
    await settle();
    expect(waves(root)).toEqual(['1Group pilot2 tenants', '2Everyone else10 tenants']);
    expect(text()).toContain('Storage');
  });

  it('reads the tenants of an apply that waits once, and again when it goes on', async () => {
    vi.useFakeTimers();
    try {
      const runTenants = vi.fn<Api['runTenants']>(async () => ({ tenants: [] }) as never);
      let apply = applyWith({ waits: true, waitsFor: 'wave-1' });
      const plan = async () => planWith({ planId: 'harden@waits', apply });
      const api = { plan, run: async () => runWith(), rows: async () => ({ rows: [] }) as never, runTenants };
      cleanUp = (await rendered(signedIn(api, <PlanView planId="harden@waits" />, everyRole))).unmount;
      const pass = async (seconds: number): Promise<void> => {
        for (let n = 0; n < seconds; n += 1)
          await act(async () => {
            await vi.advanceTimersByTimeAsync(1_000);
          });
      };
      await pass(30);
      expect(runTenants).toHaveBeenCalledTimes(1);
      apply = applyWith({ waits: true, waitsFor: 'wave-2', wave: 2 });
      await pass(4);
      expect(runTenants).toHaveBeenCalledTimes(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    ['8502769a-97a1-4164-a737-38027a2e180e', 'Adatum'],
    ['7777769a-97a1-4164-a737-38027a2e180e', '7777769a-97a1-4164-a737-38027a2e180e'],
    ['tag:tier=gold', 'Tag tier=gold'],
    ['100%', 'Everyone'],
  ])('names the wave %s as people know it', async (entry, name) => {
    const runTenants = async () => ({
      tenants: [{ tenantId: '8502769a-97a1-4164-a737-38027a2e180e', name: 'Adatum', outcome: 'succeeded', wave: 1 }],
    });
    const { root, settle } = await open(planWith({ apply: applyWith({ waveNames: [entry, '100%'] }) }), {
      runTenants: runTenants as unknown as Api['runTenants'],
    });
    await settle();
    expect(root.querySelector('.wave b')?.textContent).toBe(name);
  });

  it.each([
    [
      1,
      {},
      [
        'Wave 1',
        'stops at 1 failed or 1 without a clear answer or effect',
        'Later waves',
        'stops at 4 failed or 1 without a clear answer, counted anew after each go-ahead',
      ],
      [],
    ],
    [0, { stop: undefined }, [], ['can be undone5 once the apply has ended']],
    [0, { stop: undefined, status: 'completed' }, [], ['can be undone5 ']],
    [1, { stop: undefined }, [], []],
  ] as const)(
    'with %d changes that cannot be undone and %j, says what stops the apply and how it is taken back: %j',
    async (irreversible, more, told, undone) => {
      const apply = applyWith({ outcomes: { applied: 5, refused: 1 }, stop: { failed: 3, unclear: 0 }, ...more });
      const { root } = await open(planWith({ irreversible, apply }));
      const [limits] = [...root.querySelectorAll('.panel')].filter((panel) => panel.textContent.startsWith('Limits'));
      expect([...(limits?.querySelectorAll('dt, dd') ?? [])].map(({ textContent }) => textContent)).toEqual(told);
      const numbers = [...root.querySelectorAll('.metrics > div')].map(({ textContent }) => textContent);
      expect(numbers.filter((text) => text.startsWith('can'))).toEqual(undone);
    },
  );

  it('marks what became of a change in each tenant, those that failed first, and how far each kind is', async () => {
    const [removed, updated] = planWith().groups;
    const row = (n: number, group = updated) => ({ tenantId: `t${n}`, tenantName: `T${n}`, ...group });
    const apply = applyWith();
    const rows = async (runId: string) => ({
      rows:
        runId === apply.runId
          ? [
              { ...row(2), outcome: 'refused' },
              { ...row(2, removed), outcome: 'applied' },
            ]
          : [row(2, removed), ...[1, 2, 3, 4].map((n) => row(n))],
    });
    const outcomes = ['succeeded', 'failed', 'retrying', 'waiting'];
    const tenants = outcomes.map((outcome, at) => ({ tenantId: `t${at + 1}`, name: `T${at + 1}`, outcome, wave: 1 }));
    const groups = [removed!, { ...updated!, tenants: 4 }];
    const { root, settle } = await open(planWith({ apply, groups }), {
      rows: rows as unknown as Api['rows'],
      runTenants: async () => ({ tenants }) as never,
    });
    await settle();
    await settle();
    const [first, second] = [...root.querySelectorAll('details')].map((kind) => ({
      since: kind.querySelector('.since')?.textContent,
      tenants: [...kind.querySelectorAll('.names li')].map(({ textContent }) => textContent),
      bar: [...kind.querySelectorAll('.bar rect:not(.rest)')].map((part) => part.getAttribute('width')),
    }));
    // What failed in the tenant was the other change.
    expect(first).toEqual({ since: '1 applied, cannot be undone', tenants: ['T2 applied'], bar: ['100', '0'] });
    expect(second).toEqual({
      since: '1 applied, 1 refused',
      tenants: ['T2 refused', 'T1 applied', 'T3 under way', 'T4 to come'],
      bar: ['25', '25'],
    });
  });

  it('has nothing to come once the apply has ended', async () => {
    const [, group] = planWith().groups;
    const rows = async () => ({ rows: ['1', '2'].map((n) => ({ tenantId: `t${n}`, tenantName: `T${n}`, ...group })) });
    const tenants = [{ tenantId: 't1', name: 'T1', outcome: 'not_attempted', wave: 1 }];
    const { root, settle } = await open(
      planWith({ apply: applyWith({ status: 'cancelled' }), groups: [{ ...group!, tenants: 2 }] }),
      { rows: rows as unknown as Api['rows'], runTenants: async () => ({ tenants }) as never },
    );
    await settle();
    await settle();
    const marks = [...root.querySelectorAll('.names li > span:first-child')];
    expect(marks.map(({ className, textContent }) => [className, textContent])).toEqual([
      ['idle', ''],
      ['idle', ''],
    ]);
    expect([...root.querySelectorAll('.names li')].map(({ textContent }) => textContent)).toEqual([
      'T1 not sent',
      'T2 not sent',
    ]);
    expect(root.textContent).not.toContain('to come');
  });

  it('does not say that a tenant failed which had changed since the plan', async () => {
    const [, group] = planWith().groups;
    const ended = (n: number, code: string) => ({ tenantId: `t${n}`, name: `T${n}`, outcome: 'failed', code, wave: 1 });
    const shown = async (tenants: readonly object[], groups: PlanAnswer['groups']) => {
      const rows = async (runId: string) => ({
        rows:
          runId === applyWith().runId
            ? []
            : ['1', '2'].map((n) => ({ tenantId: `t${n}`, tenantName: `T${n}`, ...group })),
      });
      const { root, settle } = await open(planWith({ apply: applyWith(), groups }), {
        rows: rows as unknown as Api['rows'],
        runTenants: async () => ({ tenants }) as never,
      });
      await settle();
      await settle();
      const result = {
        wave: root.querySelector('.wave')?.textContent,
        panel: [...root.querySelectorAll('.panel h2')].map(({ textContent }) => textContent)[0],
        tenants: [...root.querySelectorAll('.names li')].map(({ textContent }) => textContent),
      };
      await cleanUp?.();
      return result;
    };
    const both = [ended(1, 'change_drifted'), ended(2, 'change_failed')];
    const groups = [{ ...group!, tenants: 2 }];
    const { wave, ...rest } = await shown(both, groups);
    expect(wave).toContain('1 failed, 1 drifted');
    expect(rest).toEqual({ panel: '1 failed, 1 drifted', tenants: ['T2 failed', 'T1 drifted'] });
    expect((await shown(both.slice(0, 1), groups)).panel).toBe('1 drifted');
    const gone = { ...ended(1, 'tenant_not_delegated'), attempts: 0 };
    const left = await shown([gone, ended(2, 'change_failed')], groups);
    expect(left.wave).toContain('1 failed, 1 no longer reachable');
    expect([left.panel, left.tenants]).toEqual(['1 failed', ['T2 failed', 'T1 no longer reachable']]);
    const unclear = await shown([ended(1, 'change_unclear'), ended(2, 'change_unconfirmed')], groups);
    expect(unclear.wave).toContain('1 without a clear answer, 1 unconfirmed');
    expect(unclear.panel).toBe('1 without a clear answer, 1 unconfirmed');
    cleanUp = undefined;
  });

  it('says what helps a tenant in which the broker has too few rights, as the page of the tenant does', async () => {
    const detail = 'Microsoft refused it with 403. Authorization_RequestDenied';
    const ended = { tenantId: 't2', name: 'Contoso', outcome: 'failed', code: 'change_failed', wave: 1 };
    const { root, settle } = await open(planWith({ apply: applyWith() }), {
      rows: async () => ({ rows: [{ tenantId: 't2', outcome: 'refused', detail }] }) as never,
      runTenants: async () => ({ tenants: [ended] }) as never,
    });
    await settle();
    await settle();
    const wrong = root.querySelector('.wrong');
    expect(wrong?.textContent).toContain('Contoso: the broker has too few rights.');
    expect(wrong?.querySelector('.cmd code')?.textContent).toBe('ptb doctor --customer t2');
    expect(wrong?.querySelector('details')?.textContent).toBe(`What Microsoft said${detail}`);
  });

  it('shows what cannot be undone first, with the tenants of the first group, and texts as texts', async () => {
    const rows = async () => ({
      rows: [
        { tenantId: 't1', tenantName: 'Adatum', tenantDomain: 'a.com', ...planWith().groups[0] },
        { tenantId: 't2', tenantName: 'Contoso', tenantDomain: 'c.com', ...planWith().groups[1] },
      ],
    });
    const { root, text, settle } = await open(planWith(), { rows: rows as unknown as Api['rows'] });
    await settle();
    const groups = [...root.querySelectorAll('details')];
    expect(groups.map((group) => group.querySelector('h3')?.textContent)).toEqual([
      'remove /groups/a',
      'update /policies/p',
    ]);
    expect(groups[0]?.querySelector('.patch > div')?.textContent).toBe('name− <b>A</b>');
    expect(groups[0]?.textContent).toContain('Cannot be undone: kept nowhere');
    expect(groups[0]?.querySelector('.names')?.textContent).toBe('Adatum');
    expect(text()).toContain('What changes1 cannot be undone');
    expect(text()).toContain('made by Olivia Operator');
    expect(groups[1]?.querySelector('.words')?.textContent).toBe('on: true → false');
    expect(root.querySelector('a[href="#/runs/harden%40w?show=rows"]')?.textContent).toBe('By tenant');
    await cleanUp?.();
    const none = await open(planWith({ changes: 0, groups: [] }));
    expect(none.root.querySelector('a[href="#/runs/harden%40w?show=rows"]')?.textContent).toBe('Show the run');
  });

  it('has buttons for those with the role alone', async () => {
    const waiting = planWith({ apply: applyWith({ waits: true }) });
    const ended = planWith({ apply: applyWith({ status: 'completed' }) });
    const seen: Record<string, string[][]> = {};
    for (const [name, roles] of Object.entries({
      reader: ['Runs.Read'],
      planner: everyRole.slice(0, 2),
      applier: everyRole,
    })) {
      seen[name] = [];
      for (const plan of [planWith(), waiting, ended]) {
        seen[name]?.push((await open(plan, {}, roles)).buttons());
        await cleanUp?.();
      }
    }
    cleanUp = undefined;
    expect(seen).toEqual({
      reader: [[], [], []],
      planner: [[], [], ['Plan to undo']],
      applier: [['Apply…'], ['Go on with wave 2', 'End here…'], ['Plan to undo']],
    });
  });

  it('sends the waves and limits of the form, tells of the approval that a rule wants, and sends the same after it', async () => {
    const pending = { approvalId: 'a1', status: 'pending', rule: 'two people', detail: 'Send it again.' };
    const apply = vi.fn<Api['apply']>(async () => pending as never);
    const { root, press, text } = await open(planWith({ planId: 'harden@approval' }), { apply });
    await press('Apply…');
    expect(text()).toContain('1 change cannot be undone.');
    const waves = root.querySelector<HTMLInputElement>('#apply-waves')!;
    expect(waves.value).toBe('10%, 100%');
    await act(() => {
      waves.value = 'group:pilot, 100%';
      waves.dispatchEvent(new Event('input', { bubbles: true }));
    });
    const submit = async (): Promise<void> => {
      await act(async () => {
        root.querySelector('form')!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
        await new Promise((resolve) => setTimeout(resolve, 5));
      });
    };
    await submit();
    expect(root.querySelector('.note a[href="#/approvals/a1"]')?.textContent).toBe('Show the approval');
    await press('Cancel');
    // On the page as well, once the dialog is closed.
    expect(root.querySelectorAll('.note a[href="#/approvals/a1"]')).toHaveLength(1);
    await press('Apply…');
    await submit();
    const order = {
      waves: ['group:pilot', '100%'],
      stop: { failed: 3, unclear: 1 },
      pauseMinutes: 60,
      confirmWaves: true,
    };
    expect(apply.mock.calls).toEqual([
      ['harden@approval', order],
      ['harden@approval', order],
    ]);
  });

  it('says why an apply is held, and ends it only after a question', async () => {
    const answer = { planId: 'p', runId: 'r' };
    const [goOn, endApply] = [vi.fn<Api['goOn']>(async () => answer), vi.fn<Api['endApply']>(async () => answer)];
    const { press, text } = await open(planWith({ apply: applyWith({ waits: true, waitsFor: 'h1', hold }) }), {
      goOn,
      endApply,
    });
    expect(text()).toContain(hold.detail);
    await press('End here…');
    expect(endApply).not.toHaveBeenCalled();
    await press('End it');
    await press('Go on');
    expect(endApply).toHaveBeenCalledOnce();
    // What came after this page was loaded stays held.
    expect(goOn.mock.calls.map(([, ...more]) => more)).toEqual([['h1', undefined]]);
  });

  it('explains a plan that does not exist', async () => {
    const { text } = await open(planWith(), {
      plan: async () => {
        throw new ApiFailure({
          code: 'run_not_found',
          title: 'T',
          detail: 'No plan has this id.',
          advice: '',
          transient: false,
        });
      },
    });
    expect(text()).toContain('No plan has this id.');
  });
});

it('the list of jobs marks those that change tenants, and offers a plan in place of a run', async () => {
  const job = {
    title: 'Title',
    resources: [],
    parameters: { type: 'object', properties: {}, additionalProperties: false },
    timeoutSeconds: 1,
  } as const;
  const api: Partial<Api> = {
    jobs: async () => ({
      jobs: [
        { ...job, name: 'report' },
        { ...job, name: 'harden', changes: true },
      ],
    }),
    runs: async () => ({ runs: [] }),
  };
  const labels = async (roles: readonly string[]): Promise<(string | null)[]> => {
    const { root, unmount } = await rendered(signedIn(api, <JobsView />, [...roles]));
    await act(() => new Promise((resolve) => setTimeout(resolve, 5)));
    const found = [...root.querySelectorAll('.jobs button')].map((button) => button.getAttribute('aria-label'));
    expect(root.querySelectorAll('tbody .tag')).toHaveLength(1);
    await unmount();
    return found;
  };
  cleanUp = undefined;
  expect(await labels(['Runs.Read', 'Runs.Write'])).toEqual(['Start report']);
  expect(await labels(['Runs.Read', 'Runs.Write', 'Changes.Plan'])).toEqual(['Start report', 'Plan harden']);
});
