import { afterEach, describe, expect, it } from 'vitest';
import type { Invocation, InvocationOutcome } from '../../../src/app/invoker.ts';
import type { RetryPolicy } from '../../../src/app/rpc.ts';
import { Journal } from '../../../src/durable/journal.ts';
import { SqliteStore } from '../../../src/durable/sqlite-store.ts';
import { parseSchedule } from '../../../src/timers/ncrontab.ts';
import { isMonitored, type TimerFunction, TimerTriggers } from '../../../src/timers/timer-trigger.ts';
import { StepClock } from '../step-clock.ts';

const noon = Date.parse('2026-01-01T12:00:00.000Z');
const minuteMs = 60_000;

interface Fired {
  readonly atMs: number;
  readonly info: { IsPastDue: boolean; ScheduleStatus: { Last: string; Next: string } | null };
  readonly retryContext: Invocation['retryContext'];
}

const stores: SqliteStore[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
});

const memoryStore = (): SqliteStore => {
  const store = new SqliteStore(':memory:');
  stores.push(store);
  return store;
};

const timer = (text: string, more: Partial<TimerFunction> = {}, retryOptions?: RetryPolicy): TimerFunction => ({
  target: {
    metadata: { name: 'tick', bindings: { t: { type: 'timerTrigger' } }, ...(retryOptions ? { retryOptions } : {}) },
    callback: () => undefined,
  },
  schedule: parseSchedule(text, 'UTC'),
  runOnStartup: false,
  useMonitor: true,
  ...more,
});

/** Timer triggers with a function that fails a given number of times and takes a given time. */
function trigger(
  clock: StepClock,
  store: SqliteStore,
  timers: readonly TimerFunction[],
  { failures = 0, takesMs = 0 } = {},
): { triggers: TimerTriggers; fired: Fired[] } {
  const fired: Fired[] = [];
  let failuresLeft = failures;
  const invoke = async (_target: unknown, { inputData, retryContext }: Invocation): Promise<InvocationOutcome> => {
    fired.push({
      atMs: clock.nowMs() - noon,
      info: JSON.parse(inputData[0]?.data.json ?? '') as Fired['info'],
      retryContext,
    });
    if (takesMs > 0) await clock.sleep(takesMs);
    if (failuresLeft > 0) {
      failuresLeft -= 1;
      return { ok: false, error: new Error('failing run') };
    }
    return { ok: true, response: { invocationId: '' }, raw: undefined };
  };
  const deps = {
    clock,
    log: () => undefined,
    invoker: { invoke },
    extraInputs: () => [],
    journal: new Journal(store),
    readValue: (key: string) => store.readValue(key),
  };
  return { triggers: new TimerTriggers(deps, timers), fired };
}

describe('TimerTriggers', () => {
  it('runs the function at every occurrence and passes the status of the schedule', async () => {
    const clock = new StepClock(noon);
    const { triggers, fired } = trigger(clock, memoryStore(), [timer('0 */10 * * * *')]);
    triggers.start();
    await clock.advance(35 * minuteMs);
    triggers.stop();
    expect(fired.map(({ atMs }) => atMs)).toEqual([10, 20, 30].map((minutes) => minutes * minuteMs));
    expect(fired[1]?.info).toEqual({
      Schedule: { AdjustForDST: true },
      ScheduleStatus: {
        Last: '2026-01-01T12:10:00.000Z',
        Next: '2026-01-01T12:20:00.000Z',
        LastUpdated: '2026-01-01T12:10:00.000Z',
      },
      IsPastDue: false,
    });
  });

  it('skips occurrences during a run', async () => {
    const clock = new StepClock(noon);
    const { triggers, fired } = trigger(clock, memoryStore(), [timer('0 */10 * * * *')], { takesMs: 25 * minuteMs });
    triggers.start();
    await clock.advance(50 * minuteMs);
    triggers.stop();
    expect(fired.map(({ atMs }) => atMs / minuteMs)).toEqual([10, 40]);
  });

  it('runs once, with isPastDue, for the occurrences missed while the host was stopped', async () => {
    const clock = new StepClock(noon);
    const store = memoryStore();
    const first = trigger(clock, store, [timer('0 0 * * * *')]);
    first.triggers.start();
    await clock.advance(90 * minuteMs);
    first.triggers.stop();
    await clock.advance(180 * minuteMs);
    const second = trigger(clock, store, [timer('0 0 * * * *')]);
    second.triggers.start();
    await clock.advance(40 * minuteMs);
    second.triggers.stop();
    expect(first.fired.map(({ info }) => info.IsPastDue)).toEqual([false]);
    expect(second.fired.map(({ atMs, info }) => [atMs / minuteMs, info.IsPastDue])).toEqual([
      [270, true],
      [300, false],
    ]);
  });

  it('repeats no occurrence whose run ended after the stop, but one that a stop interrupted between attempts', async () => {
    const hourly = (policy?: RetryPolicy) => [timer('0 0 * * * *', {}, policy)];
    for (const [policy, failures, repeated] of [
      [undefined, 0, []],
      [{ retryStrategy: 'fixedDelay', maxRetryCount: 3, delayInterval: { seconds: 5 } }, 1, [true]],
    ] satisfies [RetryPolicy | undefined, number, boolean[]][]) {
      const clock = new StepClock(noon);
      const store = memoryStore();
      const first = trigger(clock, store, hourly(policy), { takesMs: minuteMs, failures });
      first.triggers.start();
      await clock.advance(60 * minuteMs + 1_000);
      first.triggers.stop();
      await clock.advance(2 * minuteMs);
      const second = trigger(clock, store, hourly(policy));
      second.triggers.start();
      await clock.settle();
      second.triggers.stop();
      expect(first.fired).toHaveLength(1);
      expect(second.fired.map(({ info }) => info.IsPastDue)).toEqual(repeated);
    }
  });

  it('runs no missed occurrence when the schedule has changed or is not monitored', async () => {
    const clock = new StepClock(noon);
    const store = memoryStore();
    const stopped = trigger(clock, store, [timer('0 0 * * * *')]);
    stopped.triggers.start();
    stopped.triggers.stop();
    await clock.advance(180 * minuteMs);
    for (const changed of [timer('0 30 15 * * *'), timer('0 0 * * * *', { useMonitor: false })]) {
      const { triggers, fired } = trigger(clock, store, [changed]);
      triggers.start();
      await clock.settle();
      triggers.stop();
      expect(fired).toEqual([]);
    }
  });

  it('runs the function at startup if runOnStartup is set', async () => {
    const clock = new StepClock(noon);
    const { triggers, fired } = trigger(clock, memoryStore(), [timer('0 0 3 * * *', { runOnStartup: true })]);
    triggers.start();
    await clock.settle();
    triggers.stop();
    expect(fired.map(({ info }) => info.IsPastDue)).toEqual([false]);
  });

  it.each<[string, RetryPolicy | undefined, number[]]>([
    ['never without a policy', undefined, [0]],
    [
      'after a fixed delay up to the maximum number of retries',
      { retryStrategy: 'fixedDelay', maxRetryCount: 2, delayInterval: { seconds: 5 } },
      [0, 5, 10],
    ],
    [
      'after exponential delays up to the maximum interval',
      {
        retryStrategy: 'exponentialBackoff',
        maxRetryCount: 3,
        minimumInterval: { seconds: 2 },
        maximumInterval: { seconds: 5 },
      },
      [0, 2, 6, 11],
    ],
  ])('retries a failed run %s', async (_name, policy, expected) => {
    const clock = new StepClock(noon);
    const { triggers, fired } = trigger(clock, memoryStore(), [timer('0 0 3 * * *', {}, policy)], { failures: 10 });
    triggers.start();
    expect(triggers.runNow('TICK')).toBe(true);
    await clock.advance(minuteMs);
    triggers.stop();
    expect(fired.map(({ atMs }) => atMs / 1000)).toEqual(expected);
    expect(fired.map(({ retryContext }) => retryContext?.retryCount ?? 0)).toEqual(expected.map((_, index) => index));
  });
});

describe('isMonitored', () => {
  it('is true by default, unless the schedule has more than one occurrence a minute', () => {
    expect(isMonitored(parseSchedule('*/30 * * * * *', 'UTC'), undefined, noon)).toBe(false);
    expect(isMonitored(parseSchedule('0 * * * * *', 'UTC'), undefined, noon)).toBe(true);
    expect(isMonitored(parseSchedule('0 * * * * *', 'UTC'), false, noon)).toBe(false);
  });
});
