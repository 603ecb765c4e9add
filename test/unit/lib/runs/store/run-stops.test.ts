import { expect, test } from 'vitest';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { RunLog } from '../../../../../src/lib/runs/store/run.ts';
import { createRunStops } from '../../../../../src/lib/runs/store/runs.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryRunLog } from '../../../../fakes/memory-run-log.ts';

const runId = 'adjust@stops';
const stop = { code: 'credential_revoked', detail: 'Revoked.' } as const;

test('a stop that could not be written is written by the next call, and the first reason stays', async () => {
  const runLog: RunLog = new MemoryRunLog();
  await runLog.create({ runId, job: 'adjust', window: 'stops', startedBy: 'x', createdAtMs: 0 }, { parameters: {} });
  let isAway = true;
  const change: RunLog['change'] = (...given) =>
    isAway ? Promise.reject(new BrokerError('storage_unavailable', 'Away.')) : runLog.change(...given);
  const flaky = new Proxy(runLog, {
    get: (log, name: keyof RunLog) => (name === 'change' ? change : (log[name] as () => unknown).bind(log)),
  });
  const stops = createRunStops({ runLog: flaky, clock: new FakeClock(0) });
  await expect(stops.stop(runId, stop)).rejects.toMatchObject({ code: 'storage_unavailable' });
  isAway = false;
  await stops.stop(runId, stop);
  await stops.stop(runId, { code: 'policy_missing', detail: 'Later.' });
  expect((await runLog.find(runId))?.stoppedBy).toEqual(stop);
  expect(await stops.find(runId)).toEqual(stop);
});
