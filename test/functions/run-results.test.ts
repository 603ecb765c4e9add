import { HttpRequest } from '@azure/functions';
import { expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { compareWithEarlierRun } from '../../src/functions/run-results.ts';
import { silentLogger } from '../../src/lib/runtime/log.ts';
import { MemoryRunLog, MemoryRunResults } from '../fakes/memory-run-log.ts';
import { openPolicy } from '../support/open-policy.ts';
import { guid, tenant } from '../support/audit-entries.ts';

it('answers run_not_found if there is no earlier run to compare with', async () => {
  const runLog = new MemoryRunLog();
  const runId = 'licence-report@first';
  await runLog.create(
    { runId, job: 'licence-report', window: 'first', startedBy: 'timer', createdAtMs: 1 },
    { parameters: {} },
  );
  const services = {
    callers: { policy: openPolicy },
    runs: { log: runLog, results: new MemoryRunResults() },
  } as unknown as Services;
  const call = {
    request: new HttpRequest({ method: 'GET', url: 'http://localhost/api/runs/x/changes', params: { runId } }),
    caller: {
      applicationId: guid(1),
      objectId: guid(2),
      kind: 'application',
      roles: ['Runs.Read'],
      tenantId: tenant(9),
      name: 'x',
    },
    correlationId: guid(3),
    log: silentLogger,
  } as const;
  await expect(compareWithEarlierRun.answer(services, call)).rejects.toMatchObject({
    code: 'run_not_found',
    detail: expect.stringContaining('no earlier completed run') as string,
  });
});
