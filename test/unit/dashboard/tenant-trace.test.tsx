// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { expect, it } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import type { ApiFailure } from '../../../dashboard/app/api-failure.ts';
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

/** Renders the trace and presses its button. */
async function shown(runTenant: Api['runTenant']) {
  const value = { session, api: apiWith({ runTenant }) } as unknown as Parameters<
    typeof SignedInContext.Provider
  >[0]['value'];
  const page = await rendered(
    <SignedInContext.Provider value={value}>
      <TenantTrace runId="probe@w" tenantId="t" />
    </SignedInContext.Provider>,
  );
  const press = (): Promise<void> =>
    act(async () => {
      page.root.querySelector('button')?.click();
      await new Promise((resolve) => setTimeout(resolve));
    });
  await press();
  return { ...page, press };
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

it('shows a failure of the API and lets the reader try again', async () => {
  let calls = 0;
  const failure = { title: 'No answer', message: 'The broker does not answer.', advice: 'Try again.' } as ApiFailure;
  const { root, press } = await shown(() => {
    calls += 1;
    return calls === 1 ? Promise.reject(failure) : Promise.resolve(answer({ error: 'Error: x' }));
  });
  expect(root.textContent).toContain('The broker does not answer.');
  await press();
  expect(root.querySelector('pre')?.textContent).toBe('Error: x');
});
