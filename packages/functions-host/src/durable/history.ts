import { isoTime } from '../runtime/clock.ts';

/** The event types of DurableTask.Core (`EventType`) that occur in histories. */
export const eventTypes = {
  ExecutionStarted: 0,
  ExecutionCompleted: 1,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventSent: 14,
  EventRaised: 15,
  ContinueAsNew: 16,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

type EventName = keyof typeof eventTypes;

/**
 * The JSON text of an event that orchestrator code has processed. Events are kept as text because a turn joins
 * thousands of them.
 */
export type EventText = string & { readonly __event?: never };

const playedPrefix = '"IsPlayed":true';

/**
 * Creates an event.
 * @param id the task id for events that schedule a task, otherwise -1.
 */
export function historyEvent(
  name: EventName,
  id: number,
  atMs: number,
  fields: Readonly<Record<string, unknown>> = {},
): EventText {
  return JSON.stringify({
    EventType: eventTypes[name],
    EventId: id,
    IsPlayed: true,
    Timestamp: isoTime(atMs),
    ...fields,
  });
}

/** The same event as orchestrator code receives it the first time. `IsPlayed` precedes all text of the app. */
export const unplayed = (event: EventText): string => event.replace(playedPrefix, '"IsPlayed":false');

/** An event as an object. */
export interface ParsedEvent {
  EventType: number;
  EventId: number;
  Timestamp: string;
  [field: string]: unknown;
}

export const parseEvent = (event: EventText): ParsedEvent => JSON.parse(event) as ParsedEvent;

const names = new Map<number, EventName>(Object.entries(eventTypes).map(([name, type]) => [type, name as EventName]));

export const eventName = (type: number): EventName | undefined => names.get(type);
