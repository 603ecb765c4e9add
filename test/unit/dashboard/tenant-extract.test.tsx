// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, expect, it, vi } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { createApi, type Api } from '../../../dashboard/app/api.ts';
import { TenantExtract } from '../../../dashboard/app/tenant-extract.tsx';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';

vi.mock('../../../dashboard/shared/api-base.ts', () => ({
  apiUrl: (path: string) => `https://broker.test/api/${path}`,
}));
let cleanUp: () => Promise<void> = async () => undefined;
afterEach(async () => {
  await cleanUp();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function stage(extract: Api['extract']) {
  const saved: { name: string; content: Blob | undefined }[] = [];
  let content: Blob | undefined;
  vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => {
    content = blob as Blob;
    return 'blob:test';
  });
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function click(this: HTMLAnchorElement) {
    saved.push({ name: this.download, content });
  });
  const { root, unmount } = await rendered(
    signedIn({ extract }, <TenantExtract tenantId="id-Alpine" onClose={() => undefined} />),
  );
  cleanUp = unmount;
  const submit = (): Promise<void> =>
    act(async () => {
      root.querySelector('form')!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
      await new Promise((resolve) => setTimeout(resolve));
    });
  return { root, saved, submit };
}

it('saves the extract of the last 30 days, up to now', async () => {
  const extract = vi.fn<Api['extract']>(async () => new Blob(['{}\n']));
  const { root, saved, submit } = await stage(extract);
  await submit();
  const [period] = extract.mock.calls[0] ?? [];
  expect(period?.tenant).toBe('id-Alpine');
  expect(Date.parse(period?.until ?? '')).toBeLessThanOrEqual(Date.now());
  const days = (Date.now() - Date.parse(period?.since ?? '')) / 86_400_000;
  expect(Math.floor(days)).toBe(30);
  expect(saved.map(({ name }) => name)).toEqual([
    expect.stringMatching(/^extract-id-Alpine-\d{4}-\d\d-\d\d-.*\.jsonl$/),
  ]);
  expect(root.textContent).toContain('Downloaded.');
});

it('asks for a day that is missing, and sends nothing', async () => {
  const extract = vi.fn<Api['extract']>(async () => new Blob(['{}\n']));
  const { root, submit } = await stage(extract);
  const field = root.querySelector('input')!;
  await act(() => {
    field.value = '';
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await submit();
  expect(extract).not.toHaveBeenCalled();
  expect(root.querySelector('[role=alert]')).toBeNull();
});

it('saves no file after it is closed', async () => {
  const { promise, resolve } = Promise.withResolvers<Blob>();
  const { saved, submit } = await stage(() => promise);
  await submit();
  await cleanUp();
  cleanUp = async () => undefined;
  resolve(new Blob(['{}\n']));
  await new Promise((done) => setTimeout(done));
  expect(saved).toEqual([]);
});

it('says why there is no extract', async () => {
  const { root, saved, submit } = await stage(async () => {
    throw new ApiFailure({
      title: 'The caller may not do this',
      detail: 'No rule lets this caller read this tenant.',
      advice: '',
      transient: false,
    });
  });
  await submit();
  expect(root.querySelector('[role=alert]')?.textContent).toContain('No rule lets this caller read this tenant.');
  expect(saved).toEqual([]);
});

it('joins the pages of an extract to the lines of a file', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(new URL(url).searchParams.get('continuation') ?? 'first');
    return Response.json(
      asked.length === 1 ? { lines: [{ type: 'a' }], continuation: 'next' } : { lines: [{ type: 'end' }] },
    );
  });
  const counts: number[] = [];
  const period = { tenant: 't', since: '2026-11-01T00:00:00.000Z', until: '2026-12-01T00:00:00.000Z' };
  const file = await createApi(
    async () => 'token',
    () => undefined,
  ).extract(period, (lines) => counts.push(lines));
  expect(await file.text()).toBe('{"type":"a"}\n{"type":"end"}\n');
  expect([asked, counts]).toEqual([
    ['first', 'next'],
    [1, 2],
  ]);
});
