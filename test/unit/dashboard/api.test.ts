import { afterEach, expect, it, vi } from 'vitest';
import type { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { createApi } from '../../../dashboard/app/api.ts';
import { readSession } from '../../../dashboard/app/session.ts';

vi.mock('../../../dashboard/shared/api-base.ts', () => ({
  apiUrl: (path: string) => `https://broker.test/api/${path}`,
}));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function answerWith(status: number): void {
  vi.stubGlobal('fetch', async () => Response.json({ code: 'x', title: 'T', detail: 'D' }, { status }));
}

it.each([
  // Another role may be enough for other pages, so only a refused token ends the session.
  [401, 1],
  [403, 0],
  [404, 0],
  [429, 0],
  [503, 0],
])('answers with status %i end the session %i times', async (status, times) => {
  answerWith(status);
  const onRefused = vi.fn<(failure: ApiFailure) => void>();
  const api = createApi(async () => 'token', onRefused);
  await expect(api.jobs()).rejects.toMatchObject({ name: 'ApiFailure' });
  expect(onRefused).toHaveBeenCalledTimes(times);
});

it('rejects with a failure that says so when the broker does not answer', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('fetch failed')));
  const onRefused = vi.fn<(failure: ApiFailure) => void>();
  await expect(createApi(async () => 'token', onRefused).jobs()).rejects.toMatchObject({
    title: 'The broker does not answer',
  });
  expect(onRefused).not.toHaveBeenCalled();
});

it('sends the token in a header and forbids caches', async () => {
  const seen: [string, RequestInit | undefined][] = [];
  vi.stubGlobal('fetch', async (url: string, init?: RequestInit) => {
    seen.push([url, init]);
    return Response.json({ jobs: [] });
  });
  await createApi(
    async () => 'the-token',
    () => undefined,
  ).jobs();
  expect(seen).toMatchObject([
    ['https://broker.test/api/jobs', { headers: { authorization: 'Bearer the-token' }, cache: 'no-store' }],
  ]);
});

it('ends a request for rows that takes too long, or whose reader leaves', async () => {
  const deadline = new AbortController();
  vi.spyOn(AbortSignal, 'timeout').mockReturnValue(deadline.signal);
  const given: (AbortSignal | null | undefined)[] = [];
  vi.stubGlobal('fetch', async (_url: string, init: RequestInit) => {
    given.push(init.signal);
    return Response.json({ rows: [] });
  });
  const api = createApi(
    async () => 'token',
    () => undefined,
  );
  const [leaving, staying] = [new AbortController(), new AbortController()];
  for (const { signal } of [leaving, staying]) await api.rows('run', undefined, signal);
  leaving.abort();
  expect(given.map((signal) => signal?.aborted)).toEqual([true, false]);
  deadline.abort();
  expect(given.map((signal) => signal?.aborted)).toEqual([true, true]);
});

it.each([
  ['a text that is not a JWT', 'hello'],
  ['claims that are not JSON', `a.${Buffer.from('nonsense').toString('base64url')}.c`],
  ['claims without an expiry', `a.${Buffer.from('{"roles":[]}').toString('base64url')}.c`],
])('reads no session from %s', (_what, token) => {
  expect(readSession(token)).toBeUndefined();
});

it('reads name, roles and expiry from a pasted header', () => {
  const claims = {
    exp: 1_800_000_000,
    roles: ['Runs.Read', 7],
    tid: 'partner',
    preferred_username: 'müller@contoso.com',
    name: 'Mia Müller',
  };
  const token = `a.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c`;
  expect(readSession(` Bearer ${token} `)).toEqual({
    token,
    name: 'müller@contoso.com',
    fullName: 'Mia Müller',
    roles: ['Runs.Read'],
    expiresAtMs: 1_800_000_000_000,
    tenantId: 'partner',
  });
});
