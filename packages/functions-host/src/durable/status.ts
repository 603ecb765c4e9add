import { eventName, parseEvent, type ParsedEvent } from './history.ts';
import { type Instance, type RuntimeStatus, statusNumbers } from './instance.ts';

export interface StatusOptions {
  readonly showInput: boolean;
  readonly showHistoryOutput: boolean;
}

// Whole seconds and a Z, as the extension prints times here.
const wholeSeconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** The JSON text of a status, as the HTTP API answers it. `input` and `output` are always there. */
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
    `"createdTime":"${wholeSeconds(record.createdAtMs)}"`,
    `"lastUpdatedTime":"${wholeSeconds(record.updatedAtMs)}"`,
  ];
  if (history) fields.push(`"historyEvents":${JSON.stringify(shownHistory(history, options))}`);
  return `{${fields.join(',')}}`;
}

const pairs: Readonly<Record<string, string>> = {
  TaskCompleted: 'TaskScheduled',
  TaskFailed: 'TaskScheduled',
  SubOrchestrationInstanceCompleted: 'SubOrchestrationInstanceCreated',
  SubOrchestrationInstanceFailed: 'SubOrchestrationInstanceCreated',
};

/**
 * A history as the HTTP API shows it: names for types, no ids, turns left out, and what was scheduled folded into
 * what came of it (`DurableClient.GetDurableOrchestrationStatusAsync` of the extension).
 */
export function shownHistory(history: readonly string[], options: StatusOptions): Record<string, unknown>[] {
  const events = history.map((text) => parseEvent(text));
  const scheduled = new Map<string, number>();
  const shown: (Record<string, unknown> | undefined)[] = [];
  for (const [index, event] of events.entries()) {
    const name = eventName(event.EventType);
    if (name === undefined || name === 'OrchestratorStarted' || name === 'OrchestratorCompleted') {
      shown.push(undefined);
      continue;
    }
    const view = visibleFields(event, name, options);
    const opener = pairs[name];
    if (name === 'TaskScheduled' || name === 'SubOrchestrationInstanceCreated')
      scheduled.set(`${name} ${event.EventId}`, index);
    if (opener !== undefined) {
      const at = scheduled.get(`${opener} ${String(event['TaskScheduledId'])}`);
      const opened = at === undefined ? undefined : events[at];
      if (at !== undefined && opened) {
        shown[at] = undefined;
        Object.assign(view, { ScheduledTime: opened.Timestamp, FunctionName: opened['Name'] });
        if (options.showInput && opened['Input'] !== undefined) view['Input'] = opened['Input'];
      }
    }
    shown.push(view);
  }
  return shown.filter((view) => view !== undefined);
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
  else if (typeof view['Result'] === 'string') view['Result'] = parsed(view['Result']);
  return view;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
