import type { OrchestrationHandler } from 'durable-functions';
import { type Action, actionTypes, eventTypes, type HistoryEvent, replay } from './sdk.ts';

type Raise = (instanceId: string, event: string) => void;

/** How completions reach the orchestrator: one per turn, or all available ones in one turn. */
type Delivery = 'one' | 'batch';

export interface DriverOptions {
  readonly orchestrations: Readonly<Record<string, OrchestrationHandler>>;
  /** A throw fails the activity, like a lost worker. `raise` raises an event for an instance. */
  readonly activities: Readonly<Record<string, (input: unknown, raise: Raise) => unknown>>;
  /** Version of the orchestrations. Undefined: they were started by a host without one. */
  readonly version?: string | undefined;
  readonly delivery?: Delivery;
  /** Chooses which of the pending completions comes next; 0 is the first. */
  readonly pick?: (open: number) => number;
  /** Events raised while a timer is pending. The instance receives them before the timer fires. */
  readonly raiseWhileWaiting?: string[];
}

export interface Finished {
  readonly output: unknown;
  readonly customStatuses: readonly unknown[];
  readonly history: readonly HistoryEvent[];
  /** Durations of the timers that fired, in milliseconds. */
  readonly waitedMs: readonly number[];
}

/** All instances by id. */
export interface Journal {
  readonly instances: Map<string, Finished & { readonly name: string; readonly input: unknown }>;
  /** Events that activities raised and their instances have not received. */
  raised: { readonly instanceId: string; readonly name: string }[];
  nowMs: number;
}

export const newJournal = (): Journal => ({
  instances: new Map(),
  raised: [],
  nowMs: Date.parse('2026-11-24T05:00:00Z'),
});

interface Completion {
  readonly event: HistoryEvent;
  readonly atMs: number;
  /** The platform's own follow-up: the timer of a retry or the next attempt. It takes the next id. */
  readonly follow?: ((id: number) => Promise<Scheduled>) | undefined;
}

interface Scheduled {
  readonly event: HistoryEvent;
  readonly completion: Completion;
}

/**
 * Runs an orchestration to its end on the SDK's executor, as the platform would: numbers the tasks in the order in which
 * they are scheduled, does the work, feeds the results back turn by turn. Time is virtual and jumps to the next timer.
 */
export async function drive(
  options: DriverOptions,
  name: string,
  instanceId: string,
  input: unknown,
  journal: Journal = newJournal(),
): Promise<Finished> {
  const handler = options.orchestrations[name];
  if (handler === undefined) throw new Error(`no orchestration ${name}`);
  const history: HistoryEvent[] = [];
  const waitedMs: number[] = [];
  const customStatuses: unknown[] = [];
  const timers = new Map<number, { atMs: number; place: number }>();
  let open: Completion[] = [];
  let taken: readonly Completion[] = [
    {
      event: event(eventTypes.executionStarted, {
        Name: name,
        Input: JSON.stringify(input),
        ...(options.version === undefined ? {} : { Version: options.version }),
      }),
      atMs: journal.nowMs,
    },
  ];
  let emitted = 0;
  let nextId = 0;
  for (let turn = 0; turn < 10_000; turn += 1) {
    journal.nowMs = Math.max(journal.nowMs, ...taken.map(({ atMs }) => atMs));
    history.push(event(eventTypes.orchestratorStarted, { Timestamp: new Date(journal.nowMs).toISOString() }));
    history.push(...taken.map((completion) => completion.event));
    const result = await replay(handler, instanceId, input, history);
    if (JSON.stringify(result.customStatus) !== JSON.stringify(customStatuses.at(-1)))
      customStatuses.push(result.customStatus);
    const schedule = async (begin: (id: number) => Promise<Scheduled>): Promise<void> => {
      const scheduled = await begin(nextId++);
      history.push(scheduled.event);
      open.push(...raisedFor(instanceId, journal), scheduled.completion);
    };
    for (const { follow } of taken) if (follow !== undefined) await schedule(follow);
    const actions = result.actions.flatMap(flatten);
    for (const [id, timer] of timers) if (actions[timer.place]?.isCanceled === true) timers.delete(id);
    for (const [place, action] of actions.entries()) {
      if (place < emitted || action.actionType === actionTypes.externalEvent) continue;
      if (action.actionType === actionTypes.timer) {
        const id = nextId++;
        timers.set(id, { atMs: Date.parse(action.fireAt ?? ''), place });
        history.push(event(eventTypes.timerCreated, { EventId: id, FireAt: action.fireAt }));
      } else {
        await schedule((id) => begin(options, action, id, journal));
      }
    }
    emitted = actions.length;
    history.push(event(eventTypes.orchestratorCompleted, {}));
    if (result.isDone) {
      if (open.some(({ event: { EventType } }) => EventType !== eventTypes.eventRaised) || timers.size > 0)
        throw new Error('ended with open tasks: the platform would keep the instance alive');
      const finished = { output: result.output, customStatuses, history, waitedMs };
      journal.instances.set(instanceId, { ...finished, name, input });
      return finished;
    }
    if (open.length > 0) {
      taken = take(open, options);
      open = open.filter((completion) => !taken.includes(completion));
      continue;
    }
    const raised = timers.size > 0 ? options.raiseWhileWaiting?.shift() : undefined;
    const [id, timer] = [...timers].toSorted(([, a], [, b]) => a.atMs - b.atMs)[0] ?? [];
    if (raised !== undefined) {
      taken = [eventOf(raised, journal)];
    } else if (id !== undefined && timer !== undefined) {
      timers.delete(id);
      waitedMs.push(timer.atMs - journal.nowMs);
      taken = [
        {
          event: event(eventTypes.timerFired, { TimerId: id, FireAt: new Date(timer.atMs).toISOString() }),
          atMs: timer.atMs,
        },
      ];
    } else {
      throw new Error('the orchestration waits for nothing');
    }
  }
  throw new Error('the orchestration does not end');
}

/** The events that activities have raised for the instance since the last call. */
function raisedFor(instanceId: string, journal: Journal): readonly Completion[] {
  const events = journal.raised.filter((raised) => raised.instanceId === instanceId);
  journal.raised = journal.raised.filter((raised) => raised.instanceId !== instanceId);
  return events.map(({ name }) => eventOf(name, journal));
}

const eventOf = (name: string, { nowMs }: Journal): Completion => ({
  event: event(eventTypes.eventRaised, { Name: name, Input: '{}' }),
  atMs: nowMs,
});

/** Returns the completions of the next turn. One with a follow-up must be alone, because the follow-up's id comes first. */
function take(open: readonly Completion[], options: DriverOptions): readonly Completion[] {
  if (options.delivery === 'one') return open.slice(options.pick?.(open.length) ?? 0).slice(0, 1);
  const plain = open.filter(({ follow }) => follow === undefined);
  return plain.length > 0 ? plain : open.slice(0, 1);
}

/** Schedules one action and executes it. */
async function begin(options: DriverOptions, action: Action, id: number, journal: Journal): Promise<Scheduled> {
  const { functionName: name = '', input, instanceId = `${id}` } = action;
  if (action.actionType !== actionTypes.sub) return attempt(options, action, id, 1, journal);
  const child = await drive(options, name, instanceId, input, journal);
  return {
    event: event(eventTypes.subCreated, {
      EventId: id,
      Name: name,
      InstanceId: instanceId,
      Input: JSON.stringify(input),
    }),
    completion: {
      event: event(eventTypes.subCompleted, { TaskScheduledId: id, Result: JSON.stringify(child.output ?? null) }),
      atMs: journal.nowMs,
    },
  };
}

/** One attempt of an activity. The platform sets a timer after each failed attempt, including the last. */
async function attempt(
  options: DriverOptions,
  action: Action,
  id: number,
  count: number,
  journal: Journal,
): Promise<Scheduled> {
  const { functionName: name = '', input, retryOptions } = action;
  const activity = options.activities[name];
  if (activity === undefined) throw new Error(`no activity ${name}`);
  // The SDK has already encoded a text input.
  const given: unknown = typeof input === 'string' ? JSON.parse(input) : input;
  const scheduled = event(eventTypes.taskScheduled, { EventId: id, Name: name, Input: JSON.stringify(given) });
  try {
    const raise: Raise = (instanceId, event) => journal.raised.push({ instanceId, name: event });
    const result = await Promise.resolve(activity(given, raise));
    const completed = event(eventTypes.taskCompleted, { TaskScheduledId: id, Result: JSON.stringify(result ?? null) });
    return { event: scheduled, completion: { event: completed, atMs: journal.nowMs } };
  } catch (error) {
    const failed = event(eventTypes.taskFailed, {
      TaskScheduledId: id,
      Reason: `Activity function '${name}' failed:  ${String(error)}`,
      Details: '',
    });
    if (retryOptions === undefined) return { event: scheduled, completion: { event: failed, atMs: journal.nowMs } };
    const last = count >= retryOptions.maxNumberOfAttempts;
    const waitMs = last
      ? 0
      : retryOptions.firstRetryIntervalInMilliseconds * (retryOptions.backoffCoefficient ?? 1) ** (count - 1);
    const fireAt = (): string => new Date(journal.nowMs + waitMs).toISOString();
    const timer = async (timerId: number): Promise<Scheduled> => ({
      event: event(eventTypes.timerCreated, { EventId: timerId, FireAt: fireAt() }),
      completion: {
        event: event(eventTypes.timerFired, { TimerId: timerId, FireAt: fireAt() }),
        atMs: journal.nowMs + waitMs,
        follow: last ? undefined : (nextAttempt) => attempt(options, action, nextAttempt, count + 1, journal),
      },
    });
    return { event: scheduled, completion: { event: failed, atMs: journal.nowMs, follow: timer } };
  }
}

const flatten = (action: Action): Action[] =>
  action.compoundActions === undefined ? [action] : action.compoundActions.flatMap(flatten);

const event = (EventType: number, fields: Record<string, unknown>): HistoryEvent => ({
  EventType,
  EventId: -1,
  IsPlayed: false,
  Timestamp: new Date(0).toISOString(),
  ...fields,
});
