import type { Notice } from '../../src/lib/notices/notice.ts';
import { type Backlog, type Delivery, noticeId, type Outbox, type TargetState } from '../../src/lib/notices/outbox.ts';
import type { TargetName } from '../../src/lib/notices/target.ts';

const keyOf = ({ target, noticeId: id }: Pick<Delivery, 'target' | 'noticeId'>): string => `${target} ${id}`;

/** The outbox in memory. test/contract/outbox.test.ts shows that a table does the same. */
export class MemoryOutbox implements Outbox {
  readonly notices = new Map<string, { readonly notice: Notice; readonly addedAtMs: number }>();
  readonly deliveries = new Map<string, Delivery>();
  readonly givenUp: { readonly delivery: Delivery; readonly atMs: number }[] = [];
  readonly states = new Map<TargetName, TargetState>();
  #versions = 0;

  add = async (notice: Notice, targets: readonly TargetName[], nowMs: number): Promise<boolean> => {
    const id = noticeId(notice);
    if (this.notices.has(id)) return false;
    this.notices.set(id, { notice, addedAtMs: nowMs });
    const times = { addedAtMs: nowMs, nextAtMs: nowMs, claimedUntilMs: 0 };
    const { kind, severity } = notice;
    for (const target of targets)
      this.#put({ target, noticeId: id, kind, severity, attempts: 0, reason: '', version: '', ...times });
    return true;
  };

  find = async (id: string): Promise<Notice | undefined> => this.notices.get(id)?.notice;

  async *waiting(target: TargetName): AsyncGenerator<Delivery, void, undefined> {
    yield* this.#waiting(target);
  }

  change = async (delivery: Delivery): Promise<Delivery | undefined> =>
    this.#isCurrent(delivery) ? this.#put(delivery) : undefined;

  remove = async (delivery: Delivery): Promise<void> => {
    this.deliveries.delete(keyOf(delivery));
  };

  giveUp = async (delivery: Delivery, atMs: number): Promise<boolean> => {
    if (!this.deliveries.delete(keyOf(delivery))) return false;
    this.givenUp.push({ delivery, atMs });
    return true;
  };

  state = async (target: TargetName): Promise<TargetState | undefined> => this.states.get(target);

  setState = async (target: TargetName, state: TargetState): Promise<void> => {
    this.states.set(target, state);
  };

  backlog = async (target: TargetName, sinceMs: number): Promise<Backlog> => ({
    state: this.states.get(target),
    oldest: this.#waiting(target)[0],
    givenUp: this.givenUp.filter(({ delivery, atMs }) => delivery.target === target && atMs >= sinceMs).length,
  });

  purge = async (beforeMs: number): Promise<void> => {
    for (const [id, { addedAtMs }] of this.notices) if (addedAtMs < beforeMs) this.notices.delete(id);
    for (const [key, { addedAtMs }] of this.deliveries) if (addedAtMs < beforeMs) this.deliveries.delete(key);
    const kept = this.givenUp.filter(({ delivery }) => delivery.addedAtMs >= beforeMs);
    this.givenUp.splice(0, this.givenUp.length, ...kept);
  };

  #waiting(target: TargetName): Delivery[] {
    return [...this.deliveries.values()]
      .filter((delivery) => delivery.target === target)
      .toSorted((one, other) => one.addedAtMs - other.addedAtMs);
  }

  #isCurrent(delivery: Delivery): boolean {
    return this.deliveries.get(keyOf(delivery))?.version === delivery.version;
  }

  #put(delivery: Delivery): Delivery {
    this.#versions += 1;
    const stored = { ...delivery, version: `v${this.#versions}` };
    this.deliveries.set(keyOf(delivery), stored);
    return stored;
  }
}
