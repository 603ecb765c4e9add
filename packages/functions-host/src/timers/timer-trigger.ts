import type { Invoker } from '../app/invoker.ts';
import type { RegisteredFunction } from '../app/registry.ts';
import { type NamedData, type RpcRetryContext, triggerOf } from '../app/rpc.ts';
import type { Journal } from '../durable/journal.ts';
import { Alarms } from '../runtime/alarms.ts';
import { type Clock, isoTime } from '../runtime/clock.ts';
import { stackOf } from '../runtime/errors.ts';
import type { HostLog } from '../runtime/host-log.ts';
import type { Schedule } from './ncrontab.ts';
import { retryDelay } from './retry-policy.ts';

export interface TimerFunction {
  readonly target: RegisteredFunction;
  readonly schedule: Schedule;
  readonly runOnStartup: boolean;
  /** Stores the status of the schedule, so that the next start can run an occurrence that was missed. */
  readonly useMonitor: boolean;
}

interface TimerDeps {
  readonly clock: Clock;
  readonly log: HostLog;
  readonly invoker: Pick<Invoker, 'invoke'>;
  readonly extraInputs: (target: RegisteredFunction) => NamedData[];
  readonly journal: Journal;
  readonly readValue: (key: string) => string | undefined;
}

/** The format of the timer extension. `Last` is in the year 1 before the first run. */
interface ScheduleStatus {
  readonly Last: string;
  readonly Next: string;
  readonly LastUpdated: string;
}

const noTime = '0001-01-01T00:00:00.000Z';
const statusKey = (name: string): string => `timer ${name}`;

/** The extension does not monitor a schedule whose occurrences are closer together than this. */
const minMonitoredIntervalMs = 60_000;

/** Whether the status of a schedule is stored. @param useMonitor the option of the function, if it is set. */
export function isMonitored(schedule: Schedule, useMonitor: unknown, nowMs: number): boolean {
  if (useMonitor === false) return false;
  const first = schedule.nextMs(nowMs);
  const second = first === undefined ? undefined : schedule.nextMs(first);
  return first === undefined || second === undefined || second - first >= minMonitoredIntervalMs;
}

/** Runs timer functions on their schedules. Runs of the same function do not overlap. */
export class TimerTriggers {
  readonly #deps: TimerDeps;
  readonly #timers: readonly TimerFunction[];
  readonly #alarms: Alarms;
  /** The statuses of this host. Without a store there are no others. */
  readonly #statuses = new Map<string, ScheduleStatus>();
  #stopped = false;

  constructor(deps: TimerDeps, timers: readonly TimerFunction[]) {
    this.#deps = deps;
    this.#timers = timers;
    this.#alarms = new Alarms(deps.clock);
  }

  start(): void {
    for (const timer of this.#timers) {
      const pastDueMs = timer.useMonitor ? this.#pastDueMs(timer) : undefined;
      if (pastDueMs !== undefined) void this.#runScheduled(timer, pastDueMs, true);
      else if (timer.runOnStartup) void this.#runScheduled(timer, this.#deps.clock.nowMs(), false);
      else this.#scheduleNext(timer);
    }
    this.#deps.journal.commit();
  }

  stop(): void {
    this.#stopped = true;
    this.#alarms.stop();
  }

  /** Starts a run outside the schedule. @returns false when there is no timer function with that name. */
  runNow(name: string): boolean {
    const timer = this.#timers.find(({ target }) => target.metadata.name.toLowerCase() === name.toLowerCase());
    if (!timer) return false;
    void this.#run(timer, false);
    return true;
  }

  #scheduleNext(timer: TimerFunction): void {
    if (this.#stopped) return;
    const nextMs = timer.schedule.nextMs(this.#deps.clock.nowMs());
    if (nextMs !== undefined) this.#alarms.set(nextMs, () => void this.#runScheduled(timer, nextMs, false));
  }

  async #runScheduled(timer: TimerFunction, dueMs: number, isPastDue: boolean): Promise<void> {
    const ended = await this.#run(timer, isPastDue);
    // Also after a stop, as in Azure: the next host would run the occurrence again.
    if (timer.useMonitor && ended) this.#saveStatus(timer, isoTime(dueMs));
    this.#scheduleNext(timer);
  }

  /** @returns whether the run has succeeded or made its last attempt. A stop ends it between two attempts. */
  async #run({ target, useMonitor }: TimerFunction, isPastDue: boolean): Promise<boolean> {
    const { name } = target.metadata;
    const status = useMonitor ? this.#readStatus(name) : undefined;
    const timerInfo = { Schedule: { AdjustForDST: true }, ScheduleStatus: status ?? null, IsPastDue: isPastDue };
    let retryContext: RpcRetryContext | undefined;
    for (;;) {
      const inputData = [
        { name: triggerOf(target.metadata).name, data: { json: JSON.stringify(timerInfo) } },
        ...this.#deps.extraInputs(target),
      ];
      const outcome = await this.#deps.invoker.invoke(target, { inputData, retryContext });
      if (outcome.ok) return true;
      this.#deps.log('error', 'system', `Executed with an error: ${stackOf(outcome.error)}`, name);
      const failures: number = (retryContext?.retryCount ?? 0) + 1;
      const delayMs = retryDelay(target.metadata.retryOptions, failures);
      if (delayMs === undefined) return true;
      if (this.#stopped) return false;
      await new Promise<void>((resolve) => this.#alarms.set(this.#deps.clock.nowMs() + delayMs, resolve));
      const { message, stack } = outcome.error;
      const maxRetryCount = target.metadata.retryOptions?.maxRetryCount ?? 0;
      retryContext = {
        retryCount: failures,
        maxRetryCount,
        exception: { message, ...(stack === undefined ? {} : { stackTrace: stack }) },
      };
    }
  }

  #readStatus(name: string): ScheduleStatus | undefined {
    const current = this.#statuses.get(name);
    if (current) return current;
    const text = this.#deps.readValue(statusKey(name));
    return text === undefined ? undefined : (JSON.parse(text) as ScheduleStatus);
  }

  #saveStatus({ schedule, target }: TimerFunction, last: string): void {
    const nowMs = this.#deps.clock.nowMs();
    const next = schedule.nextMs(nowMs);
    const status: ScheduleStatus = {
      Last: last,
      Next: next === undefined ? noTime : isoTime(next),
      LastUpdated: isoTime(nowMs),
    };
    this.#statuses.set(target.metadata.name, status);
    this.#deps.journal.saveValue(statusKey(target.metadata.name), JSON.stringify(status));
    this.#deps.journal.commit();
  }

  /**
   * The time of the occurrence that was missed while the host was stopped, or undefined. Follows
   * ScheduleMonitor.CheckPastDueAsync of webjobs-sdk-extensions.
   */
  #pastDueMs(timer: TimerFunction): number | undefined {
    const status = this.#readStatus(timer.target.metadata.name);
    const sinceMs =
      status === undefined ? undefined : Date.parse(status.Last === noTime ? status.LastUpdated : status.Last);
    const expectedMs = sinceMs === undefined ? undefined : timer.schedule.nextMs(sinceMs);
    // The status does not apply if the schedule has changed since it was written.
    const sameSchedule =
      status !== undefined &&
      expectedMs !== undefined &&
      timer.schedule.nextMs(Date.parse(status.LastUpdated)) === Date.parse(status.Next);
    if (!sameSchedule) {
      this.#saveStatus(timer, noTime);
      return undefined;
    }
    return this.#deps.clock.nowMs() > expectedMs ? expectedMs : undefined;
  }
}
