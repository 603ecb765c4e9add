// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { expect, it } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { TenantTrace } from '../../../dashboard/app/tenant-trace.tsx';
import { apiWith, rendered, session } from './rendered.ts';

type Answer = Awaited<ReturnType<Api['runTenant']>>;

const answer = (more: Partial<Answer>): Answer => ({
  runId: 'probe@w',
  tenantId: '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10',
  name: 'Contoso',
  outcome: 'failed',
  attempts: 1,
  rows: 0,
  log: [],
  droppedLines: 0,
  ...more,
});

/** Renders the trace and everything that the answer of the API causes. */
async function shown(runTenant: Api['runTenant']) {
  const value = { session, api: apiWith({ runTenant }) } as unknown as Parameters<
    typeof SignedInContext.Provider
  >[0]['value'];
  const page = await rendered(
    <SignedInContext.Provider value={value}>
      <TenantTrace runId="probe@w" tenantId="t" />
    </SignedInContext.Provider>,
  );
  await act(async () => {
    await new Promise((resolve) => setTimeout(resolve));
  });
  return page;
}

it('shows what the job threw and logged, as plain text', async () => {
  const log = [{ at: '2026-11-24T05:00:01.250Z', level: 'warn', event: 'page.slow', fields: { page: 2 } }] as const;
  const { root } = await shown(async () =>
    answer({ error: 'TypeError: <b>\n    at run', log: [...log], droppedLines: 3 }),
  );
  const [error, lines] = [...root.querySelectorAll('pre')].map(({ textContent }) => textContent);
  expect(error).toBe('TypeError: <b>\n    at run');
  expect(lines).toBe('05:00:01.250 warn page.slow page=2');
  expect(root.textContent).toContain('without 3 earlier lines');
});

it('says so if the job logged nothing and threw no error', async () => {
  const { root } = await shown(async () => answer({ outcome: 'succeeded' }));
  expect(root.textContent).toBe('The job logged nothing and threw no error.');
});

it('shows a failure that will not pass, and asks no more', async () => {
  let calls = 0;
  const { root, unmount } = await shown(() => {
    calls += 1;
    return Promise.reject(
      new ApiFailure({ title: 'Gone', detail: 'No run has this id.', advice: '', transient: false }),
    );
  });
  expect(root.textContent).toContain('No run has this id.');
  expect(calls).toBe(1);
  await unmount();
});

it('says why there is no answer yet', async () => {
  const away = new ApiFailure({ title: 'Away', detail: 'The broker is away.', advice: '', transient: true });
  const { root, unmount } = await shown(() => Promise.reject(away));
  expect(root.textContent).toContain('The broker is away.');
  await unmount();
});
