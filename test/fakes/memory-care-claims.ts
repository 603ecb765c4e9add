import { type CareClaims, type ClaimRequest, isClaimed } from '../../src/lib/tokens/credential/maintenance-claims.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';

/** Care claims in memory. test/contract/care-claims.test.ts runs against them and the real ones. */
export class MemoryCareClaims implements CareClaims {
  /** While true every call fails. */
  down = false;
  readonly #claims = new Map<string, { claimedUntilMs: number; endedAtMs?: number }>();

  async lastEndedMs(application: string): Promise<number | undefined> {
    this.#failIfDown();
    return this.#claims.get(application)?.endedAtMs;
  }

  async claim(application: string, request: ClaimRequest): Promise<boolean> {
    this.#failIfDown();
    const found = this.#claims.get(application);
    if (found !== undefined && isClaimed(found, request)) return false;
    this.#claims.set(application, { ...found, claimedUntilMs: request.untilMs });
    return true;
  }

  async end(application: string, atMs: number): Promise<void> {
    this.#failIfDown();
    this.#claims.set(application, { claimedUntilMs: atMs, endedAtMs: atMs });
  }

  #failIfDown(): void {
    if (this.down) throw new BrokerError('storage_unavailable', 'The claims are down.');
  }
}
