// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { pauseAfterFailure, type Polled, usePolling } from '../../../dashboard/app/polling.ts';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { apiWith, rendered, session } from './rendered.ts';

let hidden = false;
let polled: Polled<number>;
beforeEach(() => {
  hidden = false;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function Page(props: { load: () => Promise<number>; name: string; intervalMs?: number; freshMs?: number }) {
  polled = usePolling(props.load, props.name, props.intervalMs, props.freshMs);
  return null;
}
const pass = (ms: number): Promise<void> => act(() => vi.advanceTimersByTimeAsync(ms).then(() => undefined));

it('requests again after the interval, and not once the page is gone', async () => {
  let calls = 0;
  const load = vi.fn<() => Promise<number>>(async () => (calls += 1));
  const { unmount } = await rendered(<Page load={load} name="runs" intervalMs={2_000} />);
  await pass(0);
  expect([load.mock.calls.length, polled.value]).toEqual([1, 1]);
  await pass(1_999);
  expect(load).toHaveBeenCalledTimes(1);
  await pass(1);
  expect([load.mock.calls.length, polled.value]).toEqual([2, 2]);
  await unmount();
  await pass(60_000);
  expect(load).toHaveBeenCalledTimes(2);
});

it('sends nothing while the page is hidden, and requests at once when it shows', async () => {
  const load = vi.fn<() => Promise<number>>(async () => 1);
  const { unmount } = await rendered(<Page load={load} name="runs" intervalMs={2_000} />);
  await pass(0);
  hidden = true;
  await pass(600_000);
  expect(load).toHaveBeenCalledTimes(1);
  hidden = false;
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(0);
  expect(load).toHaveBeenCalledTimes(2);
  await unmount();
});

it('pauses for ten times the duration of a slow request, at most a minute', async () => {
  let durationMs = 1_000;
  const load = vi.fn<() => Promise<number>>(
    () => new Promise<number>((resolve) => setTimeout(() => resolve(1), durationMs)),
  );
  const { unmount } = await rendered(<Page load={load} name="runs" intervalMs={2_000} />);
  await pass(1_000);
  await pass(9_999);
  expect(load).toHaveBeenCalledTimes(1);
  durationMs = 120_000;
  await pass(1);
  expect(load).toHaveBeenCalledTimes(2);
  await pass(120_000);
  await pass(59_999);
  expect(load).toHaveBeenCalledTimes(2);
  await pass(1);
  expect(load).toHaveBeenCalledTimes(3);
  await unmount();
});

it('keeps the last value while requests fail, and discards it for another key', async () => {
  let failing = false;
  const load = vi.fn<() => Promise<number>>(async () => {
    if (failing) throw new Error('away');
    return 7;
  });
  const { rerender, unmount } = await rendered(<Page load={load} name="run a" intervalMs={2_000} />);
  await pass(0);
  failing = true;
  await pass(2_000);
  expect([polled.value, polled.failure?.message]).toEqual([7, 'away']);
  await rerender(<Page load={load} name="run b" intervalMs={2_000} />);
  expect(polled.value).toBeUndefined();
  await unmount();
});

it('requests once without an interval, again only after a failure', async () => {
  const load = vi.fn<() => Promise<number>>(async () => {
    if (load.mock.calls.length === 1) throw new Error('away');
    return 7;
  });
  const { unmount } = await rendered(<Page load={load} name="names" />);
  await pass(5_000);
  expect([load.mock.calls.length, polled.value]).toEqual([2, 7]);
  await pass(600_000);
  expect(load).toHaveBeenCalledTimes(2);
  await unmount();
});

it('does not read again what is fresh enough for a view that reads once, unless it is told to', async () => {
  let calls = 0;
  const load = vi.fn<() => Promise<number>>(async () => (calls += 1));
  const api = apiWith({});
  const page = (props: { readonly intervalMs?: number; readonly freshMs?: number }) => (
    <SignedInContext.Provider value={{ api, session }}>
      <Page load={load} name="names" {...props} />
    </SignedInContext.Provider>
  );
  const open = async (props: Parameters<typeof page>[0] = { freshMs: 60_000 }) => {
    const { unmount } = await rendered(page(props));
    await pass(0);
    return unmount;
  };
  await (await open())();
  await (await open())();
  expect([load.mock.calls.length, polled.value]).toEqual([1, 1]);
  const unmount = await open();
  await act(() => polled.reload());
  await pass(0);
  expect([load.mock.calls.length, polled.value]).toEqual([2, 2]);
  await unmount();
  // Whoever follows a value is told what it is now.
  await (await open({ intervalMs: 60_000, freshMs: 60_000 }))();
  expect(load).toHaveBeenCalledTimes(3);
  // So is a view that shows it.
  await (await open({}))();
  expect(load).toHaveBeenCalledTimes(4);
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);
  await (await open())();
  expect(load).toHaveBeenCalledTimes(5);
});

it.each([
  [1, 60_000, undefined, 5_000],
  [2, 60_000, undefined, 10_000],
  [9, 60_000, undefined, 60_000],
  [9, undefined, undefined, 60_000],
  [1, 2_000, undefined, 2_000],
  [1, 2_000, 90, 90_000],
])(
  'after %i failures with the interval %s and Retry-After %s it pauses for %i ms',
  (failures, interval, retryAfter, pauseMs) => {
    expect(pauseAfterFailure(failures, interval, retryAfter)).toBe(pauseMs);
  },
);

it('obeys Retry-After, says when it tries again, and tells that the broker is slow', async () => {
  const answers: (() => Promise<number>)[] = [
    async () => {
      throw new ApiFailure({ title: 'Busy', detail: '', advice: '', transient: true, retryAfterSeconds: 30 });
    },
    () => new Promise((resolve) => setTimeout(() => resolve(3), 6_000)),
  ];
  const load = vi.fn<() => Promise<number>>(() => answers.shift()?.() ?? Promise.resolve(4));
  const { unmount } = await rendered(<Page load={load} name="runs" intervalMs={2_000} />);
  await pass(0);
  expect((polled.retryAtMs ?? 0) - Date.now()).toBeGreaterThan(25_000);
  await pass(29_999);
  expect(load).toHaveBeenCalledTimes(1);
  await pass(1);
  expect([load.mock.calls.length, polled.slow]).toEqual([2, false]);
  await pass(4_000);
  expect([polled.slow, polled.failure?.title]).toEqual([true, 'Busy']);
  await pass(2_000);
  expect([polled.value, polled.slow, polled.failure, polled.retryAtMs]).toEqual([3, false, undefined, undefined]);
  await unmount();
});

it('leaves no listener behind: a page that is gone requests nothing when the browser shows it or is online', async () => {
  const load = vi.fn<() => Promise<number>>(async () => 1);
  const shown = await rendered(<Page load={load} name="runs" intervalMs={2_000} />);
  await pass(0);
  hidden = true;
  await pass(2_000);
  await shown.unmount();
  hidden = false;
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(0);
  expect(load).toHaveBeenCalledTimes(1);
  load.mockRejectedValue(new Error('away'));
  const failing = await rendered(<Page load={load} name="runs" intervalMs={2_000} />);
  await pass(0);
  await failing.unmount();
  dispatchEvent(new Event('online'));
  await pass(0);
  expect(load).toHaveBeenCalledTimes(2);
});

it('does not wait for the browser to be online once it has tried again', async () => {
  const load = vi.fn<() => Promise<number>>(async () => 1);
  load.mockRejectedValueOnce(new Error('away'));
  const { unmount } = await rendered(<Page load={load} name="runs" intervalMs={60_000} />);
  await pass(5_000);
  expect(load).toHaveBeenCalledTimes(2);
  dispatchEvent(new Event('online'));
  await pass(0);
  expect(load).toHaveBeenCalledTimes(2);
  await unmount();
});

it('tries again at once when the browser is online again', async () => {
  let away = true;
  const load = vi.fn<() => Promise<number>>(async () => {
    if (away) throw new Error('away');
    return 7;
  });
  const { unmount } = await rendered(<Page load={load} name="runs" intervalMs={60_000} />);
  await pass(0);
  away = false;
  dispatchEvent(new Event('online'));
  await pass(0);
  expect([load.mock.calls.length, polled.value, polled.failure]).toEqual([2, 7, undefined]);
  dispatchEvent(new Event('online'));
  await pass(0);
  expect(load).toHaveBeenCalledTimes(2);
  await unmount();
});
