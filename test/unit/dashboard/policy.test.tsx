// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { expect, it } from 'vitest';
import { Folded, PolicyView } from '../../../dashboard/app/policy-view.tsx';
import type { ReplayAnswer } from '../../../src/lib/api/answers/policy.ts';
import { apiWith, rendered, session } from './rendered.ts';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { everyRole, signedIn } from './signed-in.tsx';

const tenantId = '11111111-2222-4333-8444-555555555555';
type Scope = NonNullable<ReplayAnswer['use']>['rules'][number]['allows'];
const allows: Scope = {
  callers: ['*'],
  kinds: 'people and applications',
  may: 'get tokens for graph',
  terms: {},
  tenants: ['*'],
  except: [],
};

const answer: ReplayAnswer = {
  policies: { inForce: 'aa', new: 'bb' },
  period: { from: '2026-11-17T12:00:00.000Z', to: '2026-11-24T05:00:00.000Z' },
  readFrom: '2026-11-17T12:00:00.000Z',
  records: 9,
  others: 0,
  judged: 9,
  judgedInPart: 0,
  refusedByBoth: 0,
  changes: { refused: 0, allowed: 0, approval: 0, rule: 0 },
  skipped: {},
  unknown: {},
  groups: [],
  moreGroups: 0,
  ungrouped: 0,
  use: {
    rules: [
      { rule: 'used', allows, records: 9, lastAt: '2026-11-23T05:00:00.000Z', unused: {} },
      { rule: 'spare', allows, records: 0, unused: {} },
    ],
    roles: [],
    permissions: [],
    callerNames: {},
  },
};

/** The page, after another policy was tried that gets this answer. */
async function tried(changes: Partial<ReplayAnswer>) {
  const replay = async () => ({ ...answer, ...changes });
  const { root, unmount } = await rendered(signedIn({ replay }, <PolicyView />));
  await act(() => root.querySelector<HTMLButtonElement>('[aria-haspopup=dialog]')?.click());
  const text = root.querySelector('textarea');
  const click = (): void => root.querySelector<HTMLButtonElement>('button[type=submit]')?.click();
  await act(() => {
    text!.value = '{"version":1,"rules":[]}';
    text!.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await act(async () => {
    click();
    await new Promise((resolve) => setTimeout(resolve));
  });
  const shown = {
    summary: root.querySelector('[role=status]')?.textContent,
    lede: root.querySelector('.lede')?.textContent,
    read: root.querySelector('dialog .quiet:has(code)')?.textContent,
    lastUse: [...root.querySelectorAll('.table td:nth-child(5)')].map(({ textContent }) => textContent),
  };
  await unmount();
  return shown;
}

it.each<[string, Partial<ReplayAnswer>, string]>([
  ['of how many decisions it knows', {}, 'Of 9 decisions judged, it would have made none otherwise.'],
  ['that no record was judged', { judged: 0 }, 'Of 0 decisions judged, it would have made none otherwise.'],
  [
    'what it would refuse and what it would allow',
    { changes: { refused: 2, allowed: 3, approval: 1, rule: 4 } },
    'Of 9 decisions judged, it would refuse 2, allow 3 that the policy in force refuses, ask for an approval of 1, serve 4 by another rule.',
  ],
])('says %s', async (_, changes, summary) => {
  expect((await tried(changes)).summary).toBe(summary);
});

it('shows the name of a caller, or the start of its id, with the whole id as a title', async () => {
  const [portal, bot, ada] = ['a', 'b', 'c'].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000001`);
  const use = {
    rules: [{ rule: 'spare', allows, records: 0, unused: { callers: [portal!, bot!] } }],
    roles: [{ caller: ada!, roles: ['Tokens.Request' as const] }],
    permissions: [],
    callerNames: { [portal!]: 'Portal' },
  };
  const { root, unmount } = await rendered(
    signedIn(
      {
        replay: async () => ({ ...answer, use }),
        tenants: async () => ({ tenants: [] }) as never,
        jobs: async () => ({ jobs: [] }),
        runs: async () => ({ runs: [{ starter: { objectId: ada, name: 'ada@partner.example' } }] }) as never,
      },
      <PolicyView />,
    ),
  );
  await act(() => new Promise((resolve) => setTimeout(resolve)));
  const unused = root.querySelector('tbody th .quiet');
  expect(unused?.textContent).toBe('2 callers did not use it Portal bbbbbbbb… ');
  expect([...(unused?.querySelectorAll('span') ?? [])].map(({ title }) => title)).toEqual([portal, bot]);
  expect(root.querySelector('dl')?.textContent).toBe('ada@partner.example1 app role Tokens.Request ');
  expect(root.querySelector<HTMLElement>('dd > span')?.title).toBe(ada);
  await unmount();
});

const tokens = 'get tokens for graph';
const everywhere = 'every customer tenant';

it.each<[string, Partial<Scope> | undefined, readonly [who: string, may: string, where: string, approval: string]]>([
  ['every caller', {}, ['spare All people and applications', tokens, everywhere, '']],
  [
    'every person, who reads less',
    { kinds: 'people', reads: [tenantId] },
    ['spare All people', tokens, `${everywhere}They may read Contoso.`, ''],
  ],
  [
    'people by their object ids',
    { callers: ['portal'], kinds: 'people', objects: ['ada'], reads: [] },
    ['spare Ada (people, through Portal)', tokens, `${everywhere}They may read no tenant.`, ''],
  ],
  [
    'some, by their names',
    { callers: ['portal', 'b'.repeat(36)], kinds: 'people', tenants: ['group:gold', tenantId], except: ['tag:risk'] },
    ['spare Portal, bbbbbbbb… (people)', tokens, 'group:gold, Contoso, except tag:risk', ''],
  ],
  [
    'people who sign in here, in the tenant of the partner',
    { callers: ['sign-in'], kinds: 'people', tenants: ['partner'] },
    ['spare People who sign in here (people)', tokens, 'the partner tenant', ''],
  ],
  [
    'by lists that words only count',
    { terms: { 'requests.paths': ['/v1.0/a', '/v1.0/b'] } },
    ['spare All people and applications', `${tokens}In the policy: 2 paths /v1.0/a /v1.0/b `, everywhere, ''],
  ],
  [
    'after an approval, which has its own column',
    { may: `${tokens}, after 1 approval each`, approval: 'after 1 approval each' },
    ['spare All people and applications', tokens, everywhere, 'after 1 approval each'],
  ],
  ['of which an older broker says nothing', undefined, ['spare ', '', '', '']],
])('says what a rule allows %s', async (_, more, words) => {
  const scope = (more && { ...allows, ...more }) as Scope;
  const { cells, unmount } = await rulesOf([{ rule: 'spare', allows: scope, records: 0, unused: {} }]);
  expect(
    cells()[0]
      ?.slice(0, 4)
      .map((text) => text?.replace(/ {2,}/, ' ')),
  ).toEqual(words);
  await unmount();
});

/** The page of a partner with these rules in force. */
async function rulesOf(rules: NonNullable<ReplayAnswer['use']>['rules']) {
  const use = { ...answer.use!, rules, callerNames: { portal: 'Portal', ada: 'Ada' } };
  const api = apiWith({
    replay: async () => ({ ...answer, use }),
    tenants: async () => ({ tenants: [{ tenantId, name: 'Contoso' }] }) as never,
    jobs: async () => ({ jobs: [] }),
    runs: async () => ({ runs: [] }),
  });
  const { root, unmount } = await rendered(
    <SignedInContext.Provider
      value={{ api, session: { ...session, roles: everyRole, tenantId: 'partner' }, signInClientId: 'sign-in' }}
    >
      <PolicyView />
    </SignedInContext.Provider>,
  );
  await act(() => new Promise((resolve) => setTimeout(resolve)));
  const cells = () =>
    [...root.querySelectorAll('tbody tr')].map((row) => [...row.children].map(({ textContent }) => textContent));
  return { root, unmount, cells };
}

it('puts first what opens too much, and says how much in the title', async () => {
  const used = { allows, records: 1, lastAt: answer.period.to, unused: {} };
  const of = async (...rules: readonly object[]) => {
    const { root, unmount } = await rulesOf(rules as never);
    const shown = [root.querySelector('h1')?.textContent];
    for (const row of root.querySelectorAll('tbody tr'))
      shown.push([...row.querySelectorAll('b, .badge')].map(({ textContent }) => textContent).join(': '));
    await unmount();
    return shown;
  };
  const wide = { ...used, rule: 'wide', allows: { ...allows, everything: true as const } };
  const own = { ...used, rule: 'own', allows: { ...allows, tenants: ['group:own'], partner: true as const } };
  const other = { ...used, rule: 'other', allows: { ...allows, tenants: [tenantId] } };
  expect(await of({ ...used, rule: 'unused', lastAt: undefined }, other, wide, own)).toEqual([
    '1 of 4 rules opens everything, 1 opens the partner tenant, 1 was not used',
    'own: opens the partner tenant',
    'wide: opens everything',
    'unused',
    'other',
  ]);
  expect(await of(used)).toMatchObject({ 0: '1 rule, each was used' });
});

it('puts first what opens everything, then what nobody used, then what names most in vain', async () => {
  const used = { allows, records: 1, lastAt: answer.period.to, unused: {} };
  const rules = [
    { ...used, rule: 'used' },
    { ...used, rule: 'in part', unused: { scopes: ['a', 'b'] } },
    { ...used, rule: 'unused', lastAt: undefined },
    { ...used, rule: 'wide', allows: { ...allows, everything: true as const } },
  ];
  const use = { ...answer.use!, rules: rules as never };
  const { root, unmount } = await rendered(signedIn({ replay: async () => ({ ...answer, use }) }, <PolicyView />));
  await act(() => new Promise((resolve) => setTimeout(resolve)));
  expect([...root.querySelectorAll('tbody b')].map(({ textContent }) => textContent)).toEqual([
    'wide',
    'unused',
    'in part',
    'used',
  ]);
  expect([...root.querySelectorAll('tbody .badge')].map(({ textContent }) => textContent)).toEqual([
    'opens everything',
  ]);
  await unmount();
});

it('shows the other names of a long list of callers on request', async () => {
  const callers = ['a', 'b', 'c', 'd', 'e', 'f'];
  const rules = [{ ...answer.use!.rules[1]!, allows: { ...allows, callers } }];
  const use = { ...answer.use!, rules };
  const { root, unmount } = await rendered(signedIn({ replay: async () => ({ ...answer, use }) }, <PolicyView />));
  await act(() => new Promise((resolve) => setTimeout(resolve)));
  const words = () => root.querySelector('tbody th')?.textContent;
  expect(words()).toContain('A, b, c, d and 2 others (people and applications)');
  await act(() => root.querySelector<HTMLElement>('tbody button')?.click());
  expect(words()).toContain('A, b, c, d, e, f (people and applications)');
  await unmount();
});

it('leads from how much was refused to it, and says to whom most often', async () => {
  const denied = (more: object) => ({
    at: '2026-11-20T05:00:00.000Z',
    tokenId: 't',
    outcome: 'denied',
    code: 'scope_not_allowed',
    caller: { applicationId: 'script', objectId: 'o', kind: 'application' },
    scopes: ['Mail.Read'],
    resource: 'graph',
    ...more,
  });
  const entries = [denied({}), denied({ tokenId: 'u' }), denied({ code: 'consent_required' })];
  const audit = async () => ({ ...answer.period, entries }) as never;
  const use = { ...answer.use!, callerNames: { script: 'Night script' } };
  const { root, unmount } = await rendered(
    signedIn({ replay: async () => ({ ...answer, judged: 11, use }), audit }, <PolicyView />),
  );
  for (let time = 0; time < 2; time += 1) await act(() => new Promise((resolve) => setTimeout(resolve)));
  expect(root.querySelector('.lede')?.textContent).toContain(
    '11 decisions of the policy, 2 of them refusals. Each time Night script asked for Mail.Read, last on 20 Nov,',
  );
  const [, query] = root.querySelector('.lede a')?.getAttribute('href')?.split('?') ?? [];
  expect(Object.fromEntries(new URLSearchParams(query))).toEqual({
    outcome: 'policy',
    from: answer.readFrom,
    to: answer.period.to,
  });
  await unmount();
});

it('folds a long list of names behind its number', async () => {
  const names = Array.from({ length: 5 }, (_, at) => `Scope.${at}`);
  const { root, rerender, unmount } = await rendered(<Folded names={names.slice(0, 4)} noun="scope" />);
  expect(root.textContent).toBe('4 scopes Scope.0 Scope.1 Scope.2 Scope.3 ');
  expect(root.querySelector('details')).toBeNull();
  await rerender(<Folded names={names} before="In all: " noun="scope" after=" here" />);
  expect(root.querySelector('summary')?.textContent).toBe(' In all: 5 scopes here');
  expect(root.querySelectorAll('details > .tag')).toHaveLength(5);
  await unmount();
});

it('tells decisions that were refused from those that no rule allows any more', async () => {
  const { lede, read } = await tried({ judged: 12, refusedByBoth: 1 });
  for (const text of [lede, read])
    expect(text).toContain('12 decisions of the policy, 2 of them refusals. No rule would allow 1 decision now.');
});

it('says since when nobody used a rule, and why it did not look further back', async () => {
  const all = await tried({});
  expect(all.lede).toMatch(/^From 17 Nov.*: 9 decisions of the policy\.$/);
  expect(all.lastUse).toEqual(['not used', expect.stringContaining('23 Nov')]);
  expect(all.lede).not.toContain('Older records');
  const part = await tried({ readFrom: '2026-11-20T12:00:00.000Z' });
  expect(part.lede).toContain('From 20 Nov');
  expect(part.lede).toContain('Older records were not read: there are too many, or it took too long.');
});
