import { describe, expect, test } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { fireSchedule, startScheduled } from '../../src/functions/run-timers.ts';
import licenceReport from '../../src/jobs/licence-report.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import type { Notice } from '../../src/lib/notices/notice.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../fakes/fake-orchestrations.ts';
import { MemoryRunLog } from '../fakes/memory-run-log.ts';

// licence-report starts at 05:00 UTC.
function setUp(now: string) {
  const clock = new FakeClock(Date.parse(now));
  const runLog = new MemoryRunLog();
  const orchestrations = new FakeOrchestrations();
  const tuning = { batchSize: 100, groupSize: 10, inTurn: true, rounds: 3, retryDelaySeconds: 60 };
  const runs = { log: runLog };
  const services = { clock, runs, log: silentLogger, random: () => 0, tuning } as unknown as Services;
  return {
    clock,
    runLog,
    orchestrations,
    services,
    fire: () => startScheduled(services, licenceReport, orchestrations),
  };
}

describe('a schedule timer', () => {
  test.each([
    ['on time', '2026-11-24T05:00:00.120Z', '2026-11-24T05:00Z'],
    ['slightly early', '2026-11-24T04:59:59.400Z', '2026-11-24T05:00Z'],
    ['an hour late because the host was down', '2026-11-24T06:13:00Z', '2026-11-24T05:00Z'],
    ['a day late because the host was down', '2026-11-25T04:00:00Z', '2026-11-24T05:00Z'],
  ])('starts the run of the scheduled minute when it fires %s', async (_when, now, window) => {
    const { fire, orchestrations, runLog } = setUp(now);
    await fire();
    expect(orchestrations.started.map(({ instanceId }) => instanceId)).toEqual([`licence-report@${window}`]);
    expect(await runLog.find(`licence-report@${window}`)).toMatchObject({ startedBy: 'timer', scope: 'all' });
  });

  test('starts one run and does not fail when it fires repeatedly', async () => {
    const { fire, orchestrations, clock } = setUp('2026-11-24T05:00:00Z');
    await fire();
    await fire();
    await clock.advance(30_000);
    await fire();
    expect(orchestrations.started).toHaveLength(1);
  });

  test('sends a notice when it cannot start the run, and fails whether or not the notice is delivered', async () => {
    for (const delivered of [true, false]) {
      const { services, runLog, orchestrations } = setUp('2026-11-24T05:00:00Z');
      runLog.broken = true;
      const notices: Notice[] = [];
      const send = async (notice: Notice): Promise<void> => {
        notices.push(notice);
        if (!delivered) throw new BrokerError('resource_error', 'Nobody.');
      };
      const fired = fireSchedule({ ...services, notifier: { send } }, licenceReport, orchestrations);
      await expect(fired).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect(notices).toMatchObject([
        {
          kind: 'schedule.failed',
          key: `licence-report ${Date.parse('2026-11-24T05:00:00Z')}`,
          severity: 'critical',
          title: expect.stringMatching(/licence-report.*storage account/) as string,
          text: expect.stringMatching(/every five minutes for six hours.*ptb run licence-report/) as string,
        },
      ]);
    }
  });

  test('fails when the run cannot be started, so that the platform counts a failed invocation', async () => {
    const { fire, runLog } = setUp('2026-11-24T05:00:00Z');
    runLog.broken = true;
    await expect(fire()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
