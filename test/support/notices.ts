import { Deliveries } from '../../src/lib/notices/deliveries.ts';
import type { Filter } from '../../src/lib/notices/filter.ts';
import type { Notice } from '../../src/lib/notices/notice.ts';
import type { Outbox } from '../../src/lib/notices/outbox.ts';
import { OutboxNotifier } from '../../src/lib/notices/open-notices.ts';
import type { Target } from '../../src/lib/notices/target.ts';
import type { Interrupter } from '../fakes/interruption.ts';
import type { MemoryOutbox } from '../fakes/memory-outbox.ts';
import type { Clock } from '../../src/lib/core/clock.ts';
import type { Logger } from '../../src/lib/core/log.ts';

const dashboardUrl = 'https://broker.example/api/dashboard';
export const noticedAtMs = Date.UTC(2026, 10, 24);

export const noticeOf = (key: string, more: Partial<Notice> = {}): Notice => ({
  kind: 'run.failed',
  key,
  severity: 'critical',
  atMs: noticedAtMs,
  title: `${key} failed.`,
  text: 'Look at it.',
  facts: [],
  ...more,
});

/** The outbox as a process sees it that is interrupted. The list is not: only calls that return promises are. */
export const interruptedOutbox = (interrupter: Interrupter, outbox: MemoryOutbox): MemoryOutbox =>
  new Proxy(interrupter.wrap(outbox), {
    get: (whole, name) =>
      name === 'waiting' ? outbox.waiting.bind(outbox) : (Reflect.get(whole, name, whole) as unknown),
  });

interface Parts {
  readonly outbox: Outbox;
  readonly targets: readonly Target[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly filter?: Filter;
}

/** One instance of the app, as far as notices go. */
export function noticesInstance({ filter = async () => true, ...rest }: Parts): {
  readonly notifier: OutboxNotifier;
  readonly deliveries: Deliveries;
} {
  const parts = { ...rest, filter, dashboardUrl };
  const deliveries = new Deliveries(parts);
  return { deliveries, notifier: new OutboxNotifier({ ...parts, deliveries, background: (work) => work() }) };
}
