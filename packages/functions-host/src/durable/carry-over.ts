import type { LeafAction } from './actions.ts';
import { type EventText, eventTypes, parseEvent } from './history.ts';

interface CarriedEvent {
  readonly name: string;
  /** JSON text. */
  readonly input: string | null;
}

/**
 * The external events that an execution received but did not wait for. Continue-as-new passes them to the next
 * execution. An event is left over if more events than waits have its name. Responses of entities are not external
 * events.
 */
export function unconsumedEvents(history: readonly EventText[], actions: readonly LeafAction[]): CarriedEvent[] {
  const waits = new Map<string, number>();
  for (const action of actions) {
    if (action.actionType === 6) waits.set(action.externalEventName, (waits.get(action.externalEventName) ?? 0) + 1);
  }
  const responseNames = new Set<unknown>();
  const unconsumed: CarriedEvent[] = [];
  for (const event of history.map((text) => parseEvent(text))) {
    if (event.EventType === eventTypes.EventSent)
      responseNames.add((JSON.parse(String(event['Input'])) as { id?: unknown }).id);
    if (event.EventType !== eventTypes.EventRaised || responseNames.has(event['Name'])) continue;
    const name = String(event['Name']);
    const openWaits = waits.get(name) ?? 0;
    if (openWaits > 0) waits.set(name, openWaits - 1);
    else unconsumed.push({ name, input: event['Input'] as string | null });
  }
  return unconsumed;
}
