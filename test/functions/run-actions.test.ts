import { HttpRequest } from '@azure/functions';
import { beforeEach, expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { boundRoutes } from '../../src/functions/route.ts';
import { startedRunAnswer } from '../../src/functions/started-run.ts';
import '../../src/functions/run-actions.ts';
import type { Caller } from '../../src/lib/core/caller.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../fakes/fake-orchestrations.ts';
import { MemoryRunLog } from '../fakes/memory-run-log.ts';
import { guid, tenant } from '../support/audit-entries.ts';
import { openPolicy } from '../support/open-policy.ts';

const caller: Caller = {
  applicationId: guid(1),
  objectId: guid(2),
  kind: 'application',
  roles: ['Runs.Write'],
  tenantId: tenant(9),
  name: 'x',
};
const runId = 'probe@w';

let clock: FakeClock;
let runLog: MemoryRunLog;
let orchestrations: FakeOrchestrations;
beforeEach(async () => {
  clock = new FakeClock();
  runLog = new MemoryRunLog();
  orchestrations = new FakeOrchestrations();
  const run = { runId, job: 'probe', window: 'w', startedBy: 'timer', createdAtMs: clock.nowMs() };
  await runLog.create(run, { parameters: {} });
});

function cancel() {
  const route = boundRoutes().find(({ definition }) => definition.name === 'runs-cancel')!;
  const services = { clock, runs: { log: runLog }, callers: { policy: openPolicy } } as unknown as Services;
  const request = new HttpRequest({ method: 'POST', url: 'http://localhost/api/x', params: { runId } });
  const admitted = { request, caller, correlationId: guid(3), log: silentLogger, orchestrations };
  return route.answer(services, admitted);
}

it('records when the cancellation was requested first, and wakes the run each time', async () => {
  const atMs = clock.nowMs();
  expect(await cancel()).toMatchObject({ status: 202, jsonBody: { runId, cancelRequested: true } });
  await clock.advance(5_000);
  await cancel();
  expect(await runLog.find(runId)).toMatchObject({ cancelRequestedAtMs: atMs });
  expect(orchestrations.raised).toEqual([`${runId} cancel`, `${runId} cancel`]);
});

it('wakes the run after the record says that it is cancelled', async () => {
  const found: (number | undefined)[] = [];
  orchestrations.raise = async (woken) => {
    found.push((await runLog.find(woken))?.cancelRequestedAtMs);
  };
  await cancel();
  expect(found).toEqual([clock.nowMs()]);
});

it('does not change a run that has ended', async () => {
  await runLog.change(runId, { status: 'completed' });
  expect(await cancel()).toMatchObject({ status: 202, jsonBody: { status: 'completed', cancelRequested: false } });
  expect((await runLog.find(runId))?.cancelRequestedAtMs).toBeUndefined();
  expect(orchestrations.raised).toEqual([]);
});

it('tells where a started run is, and to wait two seconds before the first poll', () => {
  const location = '/api/runs/probe%40w';
  expect(startedRunAnswer(runId)).toEqual({
    status: 202,
    headers: { location, 'retry-after': '2' },
    jsonBody: { runId, status: 'pending', location },
  });
});
