// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { expect, it } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { type Pages, usePages } from '../../../dashboard/app/paging.ts';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';

interface Answer {
  readonly items: readonly string[];
  readonly continuation?: string | undefined;
}

/** A list that a test answers, one request after another. */
function list() {
  const open: { readonly asked: string; readonly answer: (answer: Answer) => void; readonly fail: () => void }[] = [];
  let pages: Pages<Answer> | undefined;
  function Page({ name, after }: { readonly name: string; readonly after?: string | undefined }) {
    pages = usePages<Answer>(name, after === undefined ? 'at once' : 'on demand', {
      read: (continuation) =>
        new Promise((resolve, reject) => {
          const fail = (): void => reject(new ApiFailure({ title: 'Away', detail: '', advice: '', transient: true }));
          open.push({ asked: `${name} ${continuation}`, answer: resolve, fail });
        }),
      isEnough: ({ items }) => items.length > 0,
      after,
    });
    return null;
  }
  const page = (name: string, after?: string) => signedIn({}, <Page name={name} after={after} />);
  const shown = () => [pages?.pages.flatMap(({ items }) => items).join(), pages?.busy, pages?.loadMore !== undefined];
  const settle = (work: () => void = () => undefined): Promise<void> =>
    act(async () => {
      work();
      await new Promise((resolve) => setTimeout(resolve));
    });
  return { open, page, shown, settle, pages: () => pages! };
}

it('older pages are read when they are asked for, and say that they are under way', async () => {
  const { open, page, shown, settle, pages } = list();
  const { rerender, unmount } = await rendered(page('a', 'older'));
  expect([open.length, shown()]).toEqual([0, ['', false, true]]);
  await settle(() => pages().loadMore?.());
  expect([open[0]?.asked, shown()]).toEqual(['a older', ['', true, true]]);
  await settle(() => open[0]?.answer({ items: ['1'], continuation: 'oldest' }));
  expect(shown()).toEqual(['1', false, true]);
  await settle(() => pages().loadMore?.());
  await settle(() => open[1]?.fail());
  expect([shown(), pages().failure?.title]).toEqual([['1', false, true], 'Away']);
  // What is under way for another list neither shows nor stops it.
  await settle(() => pages().loadMore?.());
  await rerender(page('b', 'older'));
  await settle(() => open[2]?.answer({ items: ['2'] }));
  expect(shown()).toEqual(['', false, true]);
  await unmount();
});

it('the newest pages are read at once, and those of the list before stay until then', async () => {
  const { open, page, shown, settle, pages } = list();
  const { rerender, unmount } = await rendered(page('a'));
  expect([open.map(({ asked }) => asked), shown()]).toEqual([['a undefined'], ['', true, false]]);
  await settle(() => open[0]?.answer({ items: [], continuation: 'next' }));
  await settle(() => open[1]?.answer({ items: ['1'] }));
  expect(shown()).toEqual(['1', false, false]);
  await settle(() => pages().reload());
  await rerender(page('b'));
  expect(shown()).toEqual(['1', true, false]);
  await settle(() => open[3]?.answer({ items: ['2'] }));
  await settle(() => open[2]?.answer({ items: ['of the list before'] }));
  expect(shown()).toEqual(['2', false, false]);
  await settle(() => pages().reload());
  expect(shown()).toEqual(['2', true, false]);
  await unmount();
});
