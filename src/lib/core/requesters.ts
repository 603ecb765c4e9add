/** On whose behalf work waits for its turn. */
export interface Requester {
  /** Requesters with the same id share one queue. */
  readonly id: string;
  /**
   * `caller`: a caller of the API. `broker`: the broker itself, for an answer that callers wait for. `background`: a job,
   * or a renewal ahead of time.
   */
  readonly kind: 'caller' | 'broker' | 'background';
}

/** What is called when a requester joins or leaves shared work. */
interface RequestersWatcher {
  joined(requester: Requester): void;
  left(requester: Requester): void;
}

/** The requesters that wait for one piece of shared work. They may join and leave while it waits or runs. */
export class Requesters {
  readonly #present = new Map<string, { readonly requester: Requester; count: number }>();
  readonly #watchers = new Set<RequestersWatcher>();

  constructor(...requesters: readonly Requester[]) {
    for (const requester of requesters) this.add(requester);
  }

  /** Each requester once, in order of arrival. */
  get all(): Requester[] {
    return [...this.#present.values()].map(({ requester }) => requester);
  }

  add(requester: Requester): void {
    const key = keyOf(requester);
    const present = this.#present.get(key);
    if (present !== undefined) {
      present.count += 1;
      return;
    }
    this.#present.set(key, { requester, count: 1 });
    for (const watcher of this.#watchers) watcher.joined(requester);
  }

  /** Undoes one {@link add}. */
  remove(requester: Requester): void {
    const key = keyOf(requester);
    const present = this.#present.get(key);
    if (present === undefined) return;
    present.count -= 1;
    if (present.count > 0) return;
    this.#present.delete(key);
    for (const watcher of this.#watchers) watcher.left(present.requester);
  }

  /** Reports later changes. Call the result to stop. */
  watch(watcher: RequestersWatcher): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }
}

const keyOf = ({ id, kind }: Requester): string => `${kind} ${id}`;
