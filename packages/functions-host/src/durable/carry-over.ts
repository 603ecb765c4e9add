import type { LeafAction } from './actions.ts';
import { type EventText, eventTypes, parseEvent } from './history.ts';

export interface CarriedEvent {
  readonly name: string;
  /** JSON text. */
  readonly input: string | null;
}

/**
 * The events of a generation that nobody waited for, which the next one gets: those raised beyond the number of waits
 * for their name. Answers of entities are not events of the user.
 */
export function unconsumedEvents(history: readonly EventText[], actions: readonly LeafAction[]): CarriedEvent[] {
  const waits = new Map<string, number>();
  for (const action of actions) {
    if (action.actionType === 6) waits.set(action.externalEventName, (waits.get(action.externalEventName) ?? 0) + 1);
  }
  const answers = new Set<unknown>();
  const left: CarriedEvent[] = [];
  for (const event of history.map((text) => parseEvent(text))) {
    if (event.EventType === eventTypes.EventSent)
      answers.add((JSON.parse(String(event['Input'])) as { id?: unknown }).id);
    if (event.EventType !== eventTypes.EventRaised || answers.has(event['Name'])) continue;
    const name = String(event['Name']);
    const awaited = waits.get(name) ?? 0;
    if (awaited > 0) waits.set(name, awaited - 1);
    else left.push({ name, input: event['Input'] as string | null });
  }
  return left;
}
