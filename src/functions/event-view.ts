import type { EventView } from '../lib/api/answers/tenants.ts';
import { isoTime } from '../lib/core/clock.ts';
import { adviceForEvent, explainEvent } from '../lib/tenant-events/create-tenant-events.ts';
import type { TenantEvent } from '../lib/tenant-events/tenant-event.ts';

/** An event as the API shows it. */
export function viewEvent(event: TenantEvent): EventView {
  const { atMs, endsAtMs, endedAtMs, failure, ...rest } = event;
  const advice = adviceForEvent(event);
  return {
    ...rest,
    at: isoTime(atMs),
    explanation: explainEvent(event),
    ...(advice === undefined ? {} : { advice }),
    ...(failure === undefined ? {} : { code: failure.code }),
    ...(endsAtMs === undefined ? {} : { endsAt: isoTime(endsAtMs) }),
    ...(endedAtMs === undefined ? {} : { endedAt: isoTime(endedAtMs) }),
  };
}
