// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from 'vitest';
import { act } from 'preact/test-utils';
import { NewVersion } from '../../../dashboard/app/new-version.tsx';
import { rendered } from './rendered.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Serves the script of the page, and lets a minute pass. */
async function page(versions: readonly (string | undefined)[]) {
  vi.useFakeTimers();
  let asked = 0;
  vi.stubGlobal('fetch', async () => {
    const version = versions[asked];
    asked += 1;
    if (version === undefined) throw new TypeError('fetch failed');
    return new Response('script', { headers: { etag: version } });
  });
  const shown = await rendered(<NewVersion />);
  const pass = (ms: number): Promise<void> =>
    act(async () => {
      await vi.advanceTimersByTimeAsync(ms);
    });
  const minute = () => pass(61_000);
  await pass(0);
  return { ...shown, minute };
}

it('says that the broker was updated, and offers to load the page again', async () => {
  const { root, minute, unmount } = await page(['"one"', '"one"', '"two"']);
  await minute();
  expect(root.textContent).toBe('');
  await minute();
  expect(root.textContent).toContain('The broker was updated.');
  expect(root.querySelector('button')?.textContent).toBe('Load the page again');
  await unmount();
});

it('says nothing while the broker is down, and after a restart of the same version', async () => {
  const { root, minute, unmount } = await page(['"one"', undefined, '"one"', '"one"', '"one"']);
  await minute();
  await minute();
  expect(root.textContent).toBe('');
  await unmount();
});
