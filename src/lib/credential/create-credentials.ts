import type { TableClient } from '@azure/data-tables';
import type { SecretClient } from '@azure/keyvault-secrets';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import { CachedCredentials } from './cached-credentials.ts';
import type { CredentialJournal } from './credential-journal.ts';
import type { CredentialStore } from './credential-store.ts';
import { KeyVaultCredentialStore } from './key-vault-credential-store.ts';
import { journalTable, TableCredentialJournal } from './table-credential-journal.ts';

/** The broker's credentials: in Key Vault, in memory, and the record of what happened to them. */
export interface Credentials {
  readonly store: CredentialStore;
  readonly cached: CachedCredentials;
  readonly journal: CredentialJournal;
}

export interface CredentialsDeps {
  readonly vault: SecretClient;
  readonly storage: { table(name: string): Promise<TableClient> };
  readonly clock: Clock;
  readonly log: Logger;
}

/** @param rereadSeconds age at which a credential in memory is read from Key Vault again. */
export function createCredentials(deps: CredentialsDeps, rereadSeconds: number): Credentials {
  const store = new KeyVaultCredentialStore(deps.vault);
  return {
    store,
    cached: new CachedCredentials({ ...deps, store }, rereadSeconds),
    journal: new TableCredentialJournal(() => deps.storage.table(journalTable)),
  };
}
