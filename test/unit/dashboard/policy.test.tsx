// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { expect, it, onTestFinished, vi } from 'vitest';
import { NameList, PolicyView } from '../../../dashboard/app/policy-view.tsx';
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
    lastUse: [...root.querySelectorAll('.table td:nth-child(4)')].map(({ textContent }) => textContent),
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
    rules: [
      {
        rule: 'spare',
        allows: { ...allows, callers: [portal!, bot!] },
        records: 1,
        lastAt: answer.period.to,
        unused: { callers: [portal!, bot!] },
      },
    ],
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
  const unused = root.querySelector<HTMLElement>('.remedy.small');
  expect(unused?.textContent).toBe('none of 2 callers used it: Portal, bbbbbbbb…');
  expect(unused?.title).toBe(`${portal}, ${bot}`);
  expect(root.querySelector('dl')?.textContent).toBe('ada@partner.example1 app role Tokens.Request ');
  expect(root.querySelector<HTMLElement>('dd > span')?.title).toBe(ada);
  await unmount();
});

const spare = { rule: 'spare', allows, records: 0, unused: {} };
const tokens = 'get tokens for graph';
const everywhere = 'every customer tenant';

it.each<[string, Partial<Scope> | undefined, readonly [who: string, may: string, where: string]]>([
  ['every caller', {}, ['spare All people and applications', tokens, everywhere]],
  [
    'every person, who reads less',
    { kinds: 'people', reads: [tenantId] },
    ['spare All people', tokens, `${everywhere}They may read Contoso.`],
  ],
  [
    'people by their object ids',
    { callers: ['portal'], kinds: 'people', objects: ['ada'], reads: [] },
    ['spare Ada (people, through Portal)', tokens, `${everywhere}They may read no tenant.`],
  ],
  [
    'some, by their names',
    { callers: ['portal', 'b'.repeat(36)], kinds: 'people', tenants: ['group:gold', tenantId], except: ['tag:risk'] },
    ['spare Portal, bbbbbbbb… (people)', tokens, 'group:gold, Contoso, except tag:risk'],
  ],
  [
    'people who sign in here, in the tenant of the partner',
    { callers: ['sign-in'], kinds: 'people', tenants: ['partner'] },
    ['spare People who sign in here (people)', tokens, 'the partner tenant'],
  ],
  [
    'by lists that words only count',
    { terms: { 'requests.paths': ['/v1.0/a', '/v1.0/b'] } },
    ['spare All people and applications', `${tokens}In the policy: 2 paths /v1.0/a /v1.0/b `, everywhere],
  ],
  [
    'after an approval, in its own line',
    { may: `${tokens}, after 1 approval each`, approval: 'after 1 approval each' },
    ['spare All people and applications', `${tokens}after 1 approval each`, everywhere],
  ],
  ['of which an older broker says nothing', undefined, ['spare ', '', '']],
])('says what a rule allows %s', async (_, more, words) => {
  const scope = (more && { ...allows, ...more }) as Scope;
  const { cells, unmount } = await rulesOf([{ ...spare, allows: scope, records: 1, lastAt: answer.period.to }]);
  expect(
    cells()[0]
      ?.slice(0, 3)
      .map((text) => text?.replace(/ {2,}/, ' ')),
  ).toEqual(words);
  await unmount();
});

/** The page of a partner with these rules in force. */
async function rulesOf(rules: NonNullable<ReplayAnswer['use']>['rules'], read: Partial<ReplayAnswer> = {}) {
  const use = { ...answer.use!, rules, callerNames: { portal: 'Portal', ada: 'Ada' } };
  const api = apiWith({
    replay: async () => ({ ...answer, ...read, use }),
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
    [...root.querySelectorAll('tbody tr:not(.group)')].map((row) =>
      [...row.children].map(({ textContent }) => textContent),
    );
  return { root, unmount, cells };
}

it('groups the rules by how much they open, and says of two groups at most how much in the title', async () => {
  const used = { allows, records: 1, lastAt: answer.period.to, unused: {} };
  const of = async (...rules: readonly object[]) => {
    const { root, unmount } = await rulesOf(rules as never);
    const shown = ['h1', '.lede'].map((part) => root.querySelector(part)?.textContent.replaceAll('\u00A0', ' '));
    for (const row of root.querySelectorAll('tbody tr'))
      shown.push([...row.querySelectorAll('.n, b, .badge')].map(({ textContent }) => textContent).join(': '));
    await unmount();
    return shown;
  };
  const wide = { ...used, rule: 'wide', allows: { ...allows, everything: true as const } };
  const own = { ...used, rule: 'own', allows: { ...allows, tenants: ['group:own'], partner: true as const } };
  const both = { ...used, rule: 'both', allows: { ...wide.allows, partner: true as const } };
  const asks = { ...used, rule: 'asks', allows: { ...allows, approval: 'after 1 approval each' } };
  const rules = [
    { ...used, rule: 'used' },
    { ...used, rule: 'in part', unused: { scopes: ['a', 'b'] } },
    { ...used, rule: 'unused', lastAt: undefined },
    asks,
    { ...used, rule: 'old', allows: undefined },
    own,
    wide,
    both,
  ];
  expect(await of(...rules)).toEqual([
    '2 of 8 rules open everything, 2 open the partner tenant',
    expect.stringMatching(/decisions by the policy, 1 refusal\.$/),
    '2: Opens everything',
    'wide',
    'both: opens the partner tenant, too',
    '1: Opens the partner tenant',
    'own',
    'With a condition',
    'asks',
    'Limited',
    'unused',
    'in part',
    'used',
    'Not known',
    'old',
  ]);
  expect((await of({ ...used, rule: 'unused', lastAt: undefined }, asks))[0]).toBe('1 of 2 rules was not used');
  expect(await of(used)).toMatchObject({ 0: '1 rule, each was used' });
});

it('shows on a phone each rule below its group, with the names of its values', async () => {
  onTestFinished(() => void vi.unstubAllGlobals());
  vi.stubGlobal('matchMedia', () => ({ matches: true, addEventListener: () => {}, removeEventListener: () => {} }));
  const { root, unmount } = await rulesOf([{ rule: 'spare', allows, records: 0, unused: {} }]);
  expect(root.querySelector('table')).toBeNull();
  expect(root.querySelector('.rules h3')?.textContent).toBe('1Limited Without a condition, for what the rule names.');
  expect([...root.querySelectorAll('.rules :is(dt, dd)')].map(({ textContent }) => textContent)).toEqual([
    'May',
    tokens,
    'In',
    everywhere,
    'Last used',
    'not used',
  ]);
  await unmount();
});

it('names up to three callers, and counts more of them over their names', async () => {
  const callers = ['a', 'b', 'c', 'd'];
  const of = async (some: readonly string[]) => {
    const rules = [{ ...spare, allows: { ...allows, callers: some }, lastAt: answer.period.to }];
    const { root, unmount } = await rulesOf(rules);
    const cell = root.querySelector('tbody tr:not(.group) th');
    const shown = [cell?.querySelector('summary')?.textContent.trim(), cell?.textContent.replaceAll(/\s+/g, ' ')];
    await unmount();
    return shown;
  };
  expect(await of(callers.slice(1))).toEqual([undefined, 'spare B, c, d (people and applications)']);
  expect(await of(callers)).toEqual(['4 callers', 'spare 4 callersa b c d People and applications']);
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
  expect(root.querySelector('.lede')?.textContent).toContain('11 decisions by the policy, 2 refusals.');
  expect(root.querySelector('.list')?.textContent).toContain(
    '2 refusalsBoth came from Night script, asking for Mail.Read, the last on 20 Nov,',
  );
  const [, query] = root.querySelector('.list a')?.getAttribute('href')?.split('?') ?? [];
  expect(Object.fromEntries(new URLSearchParams(query))).toEqual({
    outcome: 'policy',
    from: answer.readFrom,
    to: answer.period.to,
  });
  await unmount();
});

it('folds a long list of names behind its heading', async () => {
  const names = Array.from({ length: 5 }, (_, at) => `Scope.${at}`);
  const { root, rerender, unmount } = await rendered(<NameList names={names.slice(0, 4)} heading="4 scopes" />);
  expect(root.textContent).toBe('4 scopes Scope.0 Scope.1 Scope.2 Scope.3 ');
  expect(root.querySelector('details')).toBeNull();
  await rerender(<NameList names={names} heading="5 scopes" />);
  expect(root.querySelector('summary')?.textContent).toBe(' 5 scopes');
  expect(root.querySelectorAll('details > .tag')).toHaveLength(5);
  await unmount();
});

const many = ['a', 'b', 'c', 'd', 'e'];
const used = { ...spare, records: 9, lastAt: answer.period.to };
const opensAll = { ...allows, everything: true as const };

it.each<[string, object, readonly string[]]>([
  ['nobody used it', spare, ['Nobody used 1 rule in 7 days. Remove what is not needed.']],
  [
    'nobody needed it for an emergency',
    {
      ...spare,
      allows: { ...allows, approval: 'after 1 approval each, in an emergency, with a reason', breakGlass: true },
    },
    [],
  ],
  ['all of it was used', used, []],
  [
    'one of many callers used it',
    { ...used, allows: { ...allows, callers: ['portal', ...many] }, unused: { callers: many } },
    ['Remove what is not needed.', '1 of 6 callers used it: Portal'],
  ],
  [
    'a few did not use it',
    { ...used, allows: { ...allows, callers: ['portal', 'ada'] }, unused: { callers: ['ada'] } },
    ['Remove what is not needed.', '1 of 2 callers used it: Portal, but not Ada'],
  ],
  [
    'some of its scopes were not used',
    { ...used, allows: { ...allows, terms: { scopes: [...many, 'f', 'g', 'h', 'i'] } }, unused: { scopes: many } },
    ['Remove what is not needed.', '4 of 9 scopes were used'],
  ],
  [
    'one of its few scopes was not used',
    { ...used, unused: { scopes: ['User.Read'] } },
    ['Remove what is not needed.', '1 scope was not used: User.Read'],
  ],
])('says what was not used of a rule, and once what to do, if %s', async (_, rule, remedies) => {
  const { root, unmount } = await rulesOf([rule as never]);
  const shown = [...root.querySelectorAll('.remedy')].map(
    (each) => each.querySelector('summary')?.textContent.trim() ?? each.textContent,
  );
  expect(shown).toEqual(remedies);
  // Those who used it and those to remove are all there are.
  if (remedies[1]?.includes('used it: ')) expect(root.querySelectorAll('tbody details').length).toBeLessThan(2);
  await unmount();
});

const few = '2026-11-24T02:00:00.000Z';
const soon = '2026-11-20T05:00:00.000Z';
const month = { from: '2026-10-25T05:00:00.000Z', to: answer.period.to };

it.each<[string, Partial<ReplayAnswer>, object, string | undefined]>([
  ['3 hours were read', { readFrom: few }, spare, undefined],
  ['30 days were asked for and fewer were read', { period: month }, spare, undefined],
  [
    'the period is shorter than 7 days',
    { readFrom: soon, period: { from: soon, to: answer.period.to } },
    spare,
    undefined,
  ],
  [
    'one of many callers was seen in 3 hours',
    { readFrom: few },
    { ...used, allows: { ...allows, callers: ['portal', ...many] }, unused: { callers: many } },
    'In 3 h 00 min, 1 of 6 callers used it: Portal, but not the other 5',
  ],
  [
    'one of few scopes was seen in 3 hours',
    { readFrom: few },
    {
      ...used,
      allows: { ...allows, terms: { scopes: ['Mail.Read', 'User.Read'] } },
      unused: { scopes: ['User.Read'] },
    },
    'In 3 h 00 min, 1 of 2 scopes was used: Mail.Read, but not User.Read',
  ],
  [
    'no scope was seen in 3 hours',
    { readFrom: few },
    { ...used, allows: { ...allows, terms: { scopes: ['User.Read'] } }, unused: { scopes: ['User.Read'] } },
    'In 3 h 00 min, 1 scope was not used: User.Read',
  ],
  [
    'the broker does not say what the rule allows',
    { readFrom: few },
    { ...used, allows: undefined, unused: { callers: ['x', 'y', 'ada'] } },
    'In 3 h 00 min, 3 callers did not use it: x, y, Ada',
  ],
])('does not say what to remove if %s', async (_, read, rule, told) => {
  const { root, unmount } = await rulesOf([rule as never], read);
  const remedy = root.querySelector('.remedy.small');
  expect(remedy?.querySelector('summary')?.textContent.trim() ?? remedy?.textContent).toBe(told);
  await unmount();
});

it.each([
  [{}, 'not used', true],
  [{ readFrom: few }, 'not used in 3 h 00 min', false],
])('warns of a rule that was not used only if enough was read: %j', async (read, words, warns) => {
  const { root, unmount, cells } = await rulesOf([spare], read);
  expect(cells()[0]?.at(-1)).toBe(words);
  expect(root.querySelector('.unused') !== null).toBe(warns);
  await unmount();
});

it.each<[string, object, string | undefined, boolean]>([
  ['was used', { ...used, allows: opensAll }, 'Name only what is needed.', true],
  ['was not used', { ...spare, allows: opensAll }, undefined, true],
  ['is narrow', used, undefined, false],
])('says how to narrow what is too wide: a rule that %s', async (_, rule, advice, isOffered) => {
  const { root, unmount } = await rulesOf([rule as never]);
  expect(root.querySelector('.group')?.textContent.includes('Name only')).toBe(advice !== undefined);
  const copy = root.querySelector<HTMLElement>('.panel header .copy');
  expect(copy?.title).toBe(isOffered ? 'ptb policy suggest --since 7d --output narrow.json' : undefined);
  await unmount();
});

it('tells decisions that were refused from those that no rule allows any more', async () => {
  const { lede, read } = await tried({ judged: 12, refusedByBoth: 1 });
  for (const text of [lede, read])
    expect(text).toContain('12 decisions by the policy, 2 refusals. No rule would allow 1 decision now.');
});

it('says since when nobody used a rule, and why it did not look further back', async () => {
  const all = await tried({});
  expect(all.lede).toMatch(/^From 17 Nov.*: 9 decisions by the policy\.$/);
  expect(all.lastUse).toEqual(['not used', expect.stringContaining('23 Nov')]);
  expect(all.lede).not.toContain('Older records');
  const part = await tried({ readFrom: '2026-11-20T12:00:00.000Z' });
  expect(part.lede).toContain('From 20 Nov');
  expect(part.lede).toContain('Older records were not read: there are too many, or it took too long.');
});
