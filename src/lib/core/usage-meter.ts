import type { Requester } from './requesters.ts';
import type { Usage } from './share.ts';

interface Running {
  readonly isInteractive: boolean;
  count: number;
}

/** Waiting operations by requester. */
type Waiting = ReadonlyMap<string, { readonly tickets: ReadonlySet<unknown> }>;

/** Counts the operations that run, by requester, and what was needed since the last reading. */
export class UsageMeter {
  readonly #running = new Map<string, Running>();
  #active = { interactive: 0, background: 0 };
  #most = { interactive: 0, background: 0 };
  /** Requesters whose operations have started since the last reading. */
  #started = new Map<string, boolean>();

  get active(): number {
    return this.#active.interactive + this.#active.background;
  }

  activeOf(id: string): number {
    return this.#running.get(id)?.count ?? 0;
  }

  entered({ id, kind }: Requester): void {
    const isInteractive = kind !== 'background';
    const running = this.#running.get(id);
    if (running === undefined) this.#running.set(id, { isInteractive, count: 1 });
    else running.count += 1;
    this.#started.set(id, isInteractive);
    const name = isInteractive ? 'interactive' : 'background';
    this.#active[name] += 1;
    this.#most[name] = Math.max(this.#most[name], this.#active[name]);
  }

  left({ id, kind }: Requester): void {
    this.#active[kind === 'background' ? 'background' : 'interactive'] -= 1;
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.count -= 1;
    if (running.count === 0) this.#running.delete(id);
  }

  /** What was needed since the last reading, and starts the next. */
  read(interactive: Waiting, background: Waiting): Usage {
    const callers = new Set(interactive.keys());
    const runs = new Set(background.keys());
    for (const [id, { isInteractive }] of this.#running) (isInteractive ? callers : runs).add(id);
    for (const [id, isInteractive] of this.#started) (isInteractive ? callers : runs).add(id);
    const most = this.#most;
    this.#most = { ...this.#active };
    this.#started = new Map();
    return {
      interactive: Math.max(most.interactive, this.#active.interactive + sizeOf(interactive)),
      callers: callers.size,
      background: Math.max(most.background, this.#active.background + sizeOf(background)),
      runs: runs.size,
    };
  }
}

function sizeOf(queues: Waiting): number {
  let size = 0;
  for (const { tickets } of queues.values()) size += tickets.size;
  return size;
}
