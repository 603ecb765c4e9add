/**
 * Holds back the requests of a credential while a failure that may concern the credential is being checked. Otherwise
 * each free place in the queue would send one more request that fails in the same way.
 */
export class CheckGate {
  /** Number of checks in progress. */
  #checks = 0;
  #gate: { promise: Promise<void>; resolve(): void } | undefined;

  get isClosed(): boolean {
    return this.#gate !== undefined;
  }

  /** Closes the gate for one check. Each call needs one call of {@link endCheck}. */
  beginCheck(): void {
    this.#checks += 1;
    this.#gate ??= Promise.withResolvers<void>();
  }

  /** Opens the gate if this was the last check in progress. */
  endCheck(): void {
    this.#checks -= 1;
    if (this.#checks > 0) return;
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** Resolves once no check is in progress, at once if there is none. */
  async opened(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate.promise;
  }
}
