import { errorFields, type Logger } from '../core/log.ts';
import type { Clock } from '../core/clock.ts';
import type { Deliveries } from './deliveries.ts';
import type { Notice, Notifier } from './notice.ts';
import type { Filter } from './filter.ts';
import { cleanNotice } from './notice-content.ts';
import type { Outbox } from './outbox.ts';
import type { Target } from './target.ts';

export interface OutboxNotifierDeps {
  readonly outbox: Outbox;
  readonly deliveries: Pick<Deliveries, 'deliverDue'>;
  readonly targets: readonly Target[];
  readonly filter: Filter;
  readonly clock: Clock;
  readonly log: Logger;
  /** Runs work that may outlive the current invocation. */
  readonly background: (work: () => void) => void;
}

/** Puts notices into the outbox, and has them delivered at once, unless more follow. */
export class OutboxNotifier implements Notifier {
  readonly #deps: OutboxNotifierDeps;

  constructor(deps: OutboxNotifierDeps) {
    this.#deps = deps;
  }

  /**
   * Stores the notice. While storage does not work, sends it to every target once: that the broker is down must become known.
   * @throws BrokerError storage_unavailable if it could neither be stored nor sent to all.
   */
  async send(notice: Notice, { moreFollow = false }: { readonly moreFollow?: boolean } = {}): Promise<void> {
    const { outbox, deliveries, targets, filter, clock, log, background } = this.#deps;
    const clean = cleanNotice(notice);
    try {
      await outbox.add(
        clean,
        targets.map(({ name }) => name),
        clock.nowMs(),
      );
    } catch (thrown) {
      log.log('warn', 'notice.not_stored', { kind: notice.kind, ...errorFields(thrown) });
      const arrived = targets.map(async (target) => {
        const isWanted = await filter(target.name, clean).catch(() => undefined);
        return isWanted === false || (isWanted === true && (await target.send(clean)).is === 'delivered');
      });
      if ((await Promise.all(arrived)).every(Boolean)) return;
      throw thrown;
    }
    if (!moreFollow) background(() => void deliveries.deliverDue());
  }
}
