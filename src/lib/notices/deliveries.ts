import { TargetDeliveries, type TargetDeliveriesDeps } from './target-deliveries.ts';
import type { Target } from './target.ts';

interface DeliveriesDeps extends TargetDeliveriesDeps {
  readonly targets: readonly Target[];
}

/** Delivers notices from the outbox, to each target on its own: one that is slow delays no other. */
export class Deliveries {
  readonly #targets: readonly TargetDeliveries[];

  constructor({ targets, ...deps }: DeliveriesDeps) {
    this.#targets = targets.map((target) => new TargetDeliveries(deps, target));
  }

  /** Delivers what is due. A call during a pass makes another pass follow. Never throws. */
  async deliverDue(): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.deliverDue()));
  }
}
