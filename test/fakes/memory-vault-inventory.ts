import type { CredentialStore } from '../../src/lib/tokens/credential/credential-store.ts';
import type { ApplicationInventory, VaultInventory } from '../../src/lib/tokens/credential/vault-inventory.ts';
import type { MemoryCredentialStore } from './memory-credential-store.ts';

/** The inventory of a vault in memory. A record of a revocation fails when a list does. */
export class MemoryVaultInventory implements VaultInventory {
  readonly #store: CredentialStore;
  readonly #tags: Pick<MemoryCredentialStore, 'tenantOf'>;
  readonly #nowMs: () => number;
  readonly #revocations = new Map<string, number>();

  /** @param tags the same store, without faults. */
  constructor(store: CredentialStore, tags: Pick<MemoryCredentialStore, 'tenantOf'>, nowMs: () => number) {
    this.#store = store;
    this.#tags = tags;
    this.#nowMs = nowMs;
  }

  applications(): Promise<readonly string[]> {
    return this.#store.listApplications();
  }

  async read(application: string): Promise<ApplicationInventory> {
    const [client, refreshToken] = [
      await this.#store.listClientCredentialVersions(application),
      await this.#store.listRefreshTokenVersions(application),
    ];
    const revokedAtMs = this.#revocations.get(application);
    return {
      client: client.map((each) => ({ ...each, tenantId: this.#tags.tenantOf(application, each.version) })),
      refreshToken,
      readAtMs: this.#nowMs(),
      ...(revokedAtMs === undefined ? {} : { revokedAtMs }),
    };
  }

  async recordRevocation(application: string): Promise<void> {
    await this.#store.listClientCredentialVersions(application);
    this.#revocations.set(application, this.#nowMs());
  }
}
