/** Number of pauses in the ledger. The longest are kept. */
const maxShared = 200;

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
      // The ages differ by the resolution of the date. Without this, each reading would make the pause longer.
      const untilMs = nowMs + leftMs - ageMs;
      if (untilMs > nowMs && !this.#untilMs.has(name)) this.#untilMs.set(name, untilMs);
      else if (untilMs - (this.#untilMs.get(name) ?? 0) > 1_500) this.extend(name, untilMs);
    }
  }

  /** The pauses for the ledger: milliseconds that are left. Forgets those that are over. */
  shared(nowMs: number): Record<string, number> {
    for (const [name, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(name);
    const longest = [...this.#untilMs].toSorted(([, a], [, b]) => b - a).slice(0, maxShared);
    return Object.fromEntries(longest.map(([name, untilMs]) => [name, Math.round(untilMs - nowMs)]));
  }
}
