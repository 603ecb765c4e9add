/**
 * Holds requests back while a failure that may be the credential's is being checked. Otherwise each free place in the
 * queue would send one more request that fails in the same way.
 */
export class Doubt {
  #holders = 0;
  #gate: { promise: Promise<void>; resolve(): void } | undefined;

  get raised(): boolean {
    return this.#gate !== undefined;
  }

  /** Each call needs one call of {@link settle}. */
  raise(): void {
    this.#holders += 1;
    this.#gate ??= Promise.withResolvers<void>();
  }

  settle(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** Resolves when there is no doubt; at once if there is none. */
  async cleared(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate.promise;
  }
}
