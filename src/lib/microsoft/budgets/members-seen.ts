import type { StoredLedger } from './ledger-store.ts';

/** The date of a reply is in whole seconds. */
const dateResolutionMs = 1_000;

interface Seen {
  readonly beat: number;
  /** The latest moment at which this beat can have been written, by the clock of this process. */
  readonly atMs: number;
}

/** Finds members that have stopped to write. Compares no clocks of instances: it measures how long a beat stays the same. */
export class MembersSeen {
  readonly #seen = new Map<string, Seen>();

  /** @returns the members whose last beat is at least `afterMs` old. */
  look({ ledger, ageMs }: StoredLedger, nowMs: number, afterMs: number): Set<string> {
    const gone = new Set<string>();
    for (const [id, beat] of Object.entries(ledger.members)) {
      const known = this.#seen.get(id);
      const seen = known?.beat === beat ? known : { beat, atMs: nowMs - Math.max(0, ageMs - dateResolutionMs) };
      this.#seen.set(id, seen);
      if (nowMs - seen.atMs >= afterMs) gone.add(id);
    }
    for (const id of this.#seen.keys()) if (!(id in ledger.members)) this.#seen.delete(id);
    return gone;
  }
}
