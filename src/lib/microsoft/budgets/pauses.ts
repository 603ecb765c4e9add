/** Number of pauses in the ledger. The longest are kept. */
const maxShared = 200;

/**
 * How much later the same pause may end by the ledger of another instance. Each that passes a pause on knows its age in whole
 * seconds only, and all have heard of it after one beat. If smaller differences counted, many instances would make a pause
 * longer and longer.
 */
const driftMs = 5_000;

/** When requests may leave again, by name. The times are of the clock of this process, and only durations are shared. */
export class Pauses {
  readonly #untilMs = new Map<string, number>();

  /** Milliseconds until requests of this name may leave; 0: now. */
  leftMs(name: string, nowMs: number): number {
    return Math.max(0, (this.#untilMs.get(name) ?? 0) - nowMs);
  }

  /** Begins a pause, or makes it longer. @returns false if it was as long already. */
  extend(name: string, untilMs: number): boolean {
    if ((this.#untilMs.get(name) ?? 0) >= untilMs) return false;
    this.#untilMs.set(name, untilMs);
    return true;
  }

  /** Takes over the pauses of a ledger. */
  join(pauses: Readonly<Record<string, number>>, ageMs: number, nowMs: number): void {
    for (const [name, leftMs] of Object.entries(pauses)) {
      const untilMs = nowMs + leftMs - ageMs;
      const knownMs = this.#untilMs.get(name);
      if (knownMs === undefined ? untilMs > nowMs : untilMs - knownMs > driftMs) this.#untilMs.set(name, untilMs);
    }
  }

  /** The pauses for the ledger: milliseconds that are left. Forgets those that are over everywhere. */
  shared(nowMs: number): Record<string, number> {
    for (const [name, untilMs] of this.#untilMs) if (untilMs + driftMs <= nowMs) this.#untilMs.delete(name);
    const left = [...this.#untilMs].filter(([, untilMs]) => untilMs > nowMs);
    const longest = left.toSorted(([, a], [, b]) => b - a).slice(0, maxShared);
    return Object.fromEntries(longest.map(([name, untilMs]) => [name, Math.round(untilMs - nowMs)]));
  }
}
