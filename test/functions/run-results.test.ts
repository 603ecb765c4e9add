import { HttpRequest } from '@azure/functions';
import { expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { compareWithEarlierRun, downloadResults } from '../../src/functions/run-results.ts';
import { silentLogger } from '../../src/lib/runtime/log.ts';
import { MemoryRunLog, MemoryRunResults } from '../fakes/memory-run-log.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { openPolicy } from '../support/open-policy.ts';
import { guid, tenant } from '../support/audit-entries.ts';

/** Services with two ended runs, and a call for the second one. */
async function stage() {
  const log = new MemoryRunLog();
  const results = new MemoryRunResults();
  const clock = new FakeClock();
  const [first, second] = ['licence-report@first', 'licence-report@second'];
  for (const [index, runId] of [first, second].entries()) {
    const [job = '', window = ''] = runId.split('@');
    await log.create({ runId, job, window, startedBy: 'timer', createdAtMs: index + 1 }, { parameters: {} });
    await log.change(runId, { status: 'completed' });
  }
  const services = { clock, callers: { policy: openPolicy }, runs: { log, results } } as unknown as Services;
  const call = (runId: string) => ({
    request: new HttpRequest({ method: 'GET', url: 'http://localhost/api/runs/x', params: { runId } }),
    caller: {
      applicationId: guid(1),
      objectId: guid(2),
      kind: 'application' as const,
      roles: ['Runs.Read' as const],
      tenantId: tenant(9),
      name: 'x',
    },
    correlationId: guid(3),
    log: silentLogger,
  });
  return { services, log, results, clock, first: call(first), second: call(second) };
}

it('answers run_not_found if there is no earlier run to compare with', async () => {
  const { services, first } = await stage();
  await expect(compareWithEarlierRun.answer(services, first)).rejects.toMatchObject({
    code: 'run_not_found',
    detail: expect.stringContaining('no earlier completed run') as string,
  });
});

it.each([
  ['a page of rows', downloadResults],
  ['a comparison', compareWithEarlierRun],
] as const)('answers storage_unavailable when %s cannot be read within a minute', async (_what, handler) => {
  const { services, log, results, clock, second } = await stage();
  const never = new Promise<never>(() => undefined);
  results.plan = () => never;
  log.tenants = async function* () {
    yield await never;
  };
  const answering = handler.answer(services, second).catch((thrown: unknown) => thrown);
  await settle();
  await clock.advance(60_000);
  expect(await answering).toMatchObject({
    code: 'storage_unavailable',
    detail: 'Storage did not return the rows within 60 seconds.',
  });
});
