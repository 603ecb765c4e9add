import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adviceFor, errorTable } from '../../../src/lib/core/errors.ts';
import { startRunStack, started, type RunStack } from './run-stack.ts';

const tenants = 200;
/** Concurrent activities in host.json. */
const concurrency = 20;

let stack: RunStack;
beforeAll(async () => {
  stack = await startRunStack(tenants, { retryDelaySeconds: 1 });
});
afterAll(() => stack?.stop());

test('a revoked credential stops a run over hundreds of tenants after a few calls, and a rerun completes it', async () => {
  const { url } = stack.demo;
  // The directory is read before the credential is revoked.
  await stack.call(url, 'GET', '/tenants');
  await stack.control('DELETE', '/ledger');
  await stack.control('POST', '/faults', { service: 'entra', grant: 'refresh_token', aadsts: 50173, from: 51 });
  const runId = started(await stack.call(url, 'POST', '/jobs/licence-report/runs', {}));
  const stopped = await stack.ended(url, runId);
  const { title } = errorTable.credential_revoked;
  const advice = adviceFor('credential_revoked', 'operator');
  expect(stopped).toMatchObject({ status: 'failed', stoppedBy: { code: 'credential_revoked', title, advice } });
  expect(stopped.tenants.succeeded).toBeGreaterThan(0);
  expect(stopped.tenants.notAttempted).toBeGreaterThan(tenants / 2);
  const { succeeded, failed, skipped, notAttempted } = stopped.tenants;
  expect(succeeded + failed + skipped + notAttempted).toBe(tenants);
  const { totals } = (await stack.control('GET', '/ledger')) as { totals: { entraTokenRequests: number } };
  // Fifty answered tenants, those in progress, and the requests that confirm the failure.
  expect(totals.entraTokenRequests).toBeLessThanOrEqual(50 + concurrency + 5);

  await stack.control('DELETE', '/faults');
  // The broker itself checks whether the credential works again. The timeout of the test limits the wait.
  for (;;) {
    const again = await stack.call(url, 'POST', `/runs/${encodeURIComponent(runId)}/rerun`);
    expect(again.status).toBe(202);
    const rerun = await stack.ended(url, started(again));
    if (rerun.status === 'completed') {
      expect(rerun.tenants).toMatchObject({ total: failed + notAttempted, notAttempted: 0 });
      return;
    }
    await sleep(2_000);
  }
}, 300_000);
