import { eventName, parseEvent, type ParsedEvent } from './history.ts';
import { type Instance, type RuntimeStatus, statusNumbers } from './instance.ts';

interface StatusOptions {
  readonly showInput: boolean;
  readonly showHistoryOutput: boolean;
}

// The extension prints these times without fractions of a second.
const isoSeconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** The status of an instance as JSON text, in the format of the HTTP API. `input` and `output` are always present. */
export function statusJson(
  { record }: Instance,
  history: readonly string[] | undefined,
  options: StatusOptions,
): string {
  const fields = [
    `"name":${JSON.stringify(record.name)}`,
    `"instanceId":${JSON.stringify(record.instanceId)}`,
    `"runtimeStatus":${JSON.stringify(record.status)}`,
    `"input":${options.showInput ? record.input : 'null'}`,
    `"customStatus":${record.customStatus ?? 'null'}`,
    `"output":${record.output ?? 'null'}`,
    `"createdTime":"${isoSeconds(record.createdAtMs)}"`,
    `"lastUpdatedTime":"${isoSeconds(record.updatedAtMs)}"`,
  ];
  if (history) fields.push(`"historyEvents":${JSON.stringify(historyView(history, options))}`);
  return `{${fields.join(',')}}`;
}

/** The event that scheduled the task, by the event that ended it. */
const schedulingEvents: Readonly<Record<string, string>> = {
  TaskCompleted: 'TaskScheduled',
  TaskFailed: 'TaskScheduled',
  SubOrchestrationInstanceCompleted: 'SubOrchestrationInstanceCreated',
  SubOrchestrationInstanceFailed: 'SubOrchestrationInstanceCreated',
};

/**
 * A history in the format of the HTTP API: with type names, without ids and turns. A scheduling event is merged into the
 * event that ended its task (`DurableClient.GetDurableOrchestrationStatusAsync` of the extension).
 */
function historyView(history: readonly string[], options: StatusOptions): Record<string, unknown>[] {
  const events = history.map((text) => parseEvent(text));
  const scheduled = new Map<string, number>();
  const views: (Record<string, unknown> | undefined)[] = [];
  for (const [index, event] of events.entries()) {
    const name = eventName(event.EventType);
    if (name === undefined || name === 'OrchestratorStarted' || name === 'OrchestratorCompleted') {
      views.push(undefined);
      continue;
    }
    const view = visibleFields(event, name, options);
    const schedulingEvent = schedulingEvents[name];
    if (name === 'TaskScheduled' || name === 'SubOrchestrationInstanceCreated')
      scheduled.set(`${name} ${event.EventId}`, index);
    if (schedulingEvent !== undefined) {
      const at = scheduled.get(`${schedulingEvent} ${String(event['TaskScheduledId'])}`);
      const opened = at === undefined ? undefined : events[at];
      if (at !== undefined && opened) {
        views[at] = undefined;
        Object.assign(view, { ScheduledTime: opened.Timestamp, FunctionName: opened['Name'] });
        if (options.showInput && opened['Input'] !== undefined) view['Input'] = opened['Input'];
      }
    }
    views.push(view);
  }
  return views.filter((view) => view !== undefined);
}

function visibleFields(event: ParsedEvent, name: string, options: StatusOptions): Record<string, unknown> {
  const {
    EventType: _type,
    EventId: _id,
    IsPlayed: _played,
    TaskScheduledId: _task,
    TimerId: _timer,
    ...rest
  } = event as ParsedEvent & Record<string, unknown>;
  const view: Record<string, unknown> = { EventType: name, ...rest };
  delete view['Version'];
  if (name === 'ExecutionStarted') {
    view['FunctionName'] = view['Name'];
    for (const field of ['Name', 'OrchestrationInstance', 'ParentInstance']) delete view[field];
  }
  if (name === 'ExecutionCompleted') {
    const number = view['OrchestrationStatus'];
    view['OrchestrationStatus'] = (Object.entries(statusNumbers) as [RuntimeStatus, number][]).find(
      ([, value]) => value === number,
    )?.[0];
  }
  if (!options.showInput) delete view['Input'];
  if (!options.showHistoryOutput) delete view['Result'];
  else if (typeof view['Result'] === 'string') view['Result'] = parseOrText(view['Result']);
  return view;
}

/** The value of a JSON text, or the text itself if it is not JSON. */
function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
