// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { expect, it } from 'vitest';
import { PolicyView } from '../../../dashboard/app/policy-view.tsx';
import type { ReplayAnswer } from '../../../src/lib/api/answers/policy.ts';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';

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
      { rule: 'used', records: 9, lastAt: '2026-11-23T05:00:00.000Z', unused: {} },
      { rule: 'spare', records: 0, unused: {} },
    ],
    roles: [],
    permissions: [],
  },
};

/** The page, after another policy was tried that gets this answer. */
async function tried(changes: Partial<ReplayAnswer>) {
  const replay = async () => ({ ...answer, ...changes });
  const { root, unmount } = await rendered(signedIn({ replay }, <PolicyView />));
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
    rules: root.querySelector('h2')?.textContent,
    unused: [...root.querySelectorAll('.badge')].map(({ textContent }) => textContent),
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
    rules: [{ rule: 'spare', records: 0, unused: { callers: [portal!, bot!] } }],
    roles: [{ caller: ada!, roles: ['Tokens.Request' as const] }],
    permissions: [],
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
  const unused = root.querySelector('.small.quiet');
  expect(unused?.textContent).toBe('Not used: callers aaaaaaaa…, bbbbbbbb…');
  expect([...(unused?.querySelectorAll('span') ?? [])].map(({ title }) => title)).toEqual([portal, bot]);
  expect(root.querySelector('.panel li')?.textContent).toBe('Roles of the caller ada@partner.example: Tokens.Request.');
  expect(root.querySelector<HTMLElement>('.panel li span')?.title).toBe(ada);
  await unmount();
});

it('says since when nobody used a rule, and why it did not look further back', async () => {
  const all = await tried({});
  expect(all.rules).toMatch(/^Rules in force, and their use since 17 Nov 2026/);
  expect(all.unused).toEqual(['not since then']);
  expect(all.lede).not.toContain('Older records');
  const part = await tried({ readFrom: '2026-11-20T12:00:00.000Z' });
  expect(part.rules).toContain('since 20 Nov');
  expect(part.lede).toContain('Older records were not read: there are too many, or it took too long.');
});
