import type { TableClient } from '@azure/data-tables';
import type { SecretClient } from '@azure/keyvault-secrets';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import { CachedCredentials } from './cached-credentials.ts';
import { type CareClaims, TableCareClaims } from './maintenance-claims.ts';
import type { CredentialJournal } from './credential-journal.ts';
import type { CredentialStore } from './credential-store.ts';
import { KeyVaultCredentialStore } from './key-vault-credential-store.ts';
import { OverdueCare } from './overdue-care.ts';
import { journalTable, TableCredentialJournal } from './table-credential-journal.ts';

/** The broker's credentials: in Key Vault, in memory, and the record of what happened to them. */
export interface Credentials {
  readonly store: CredentialStore;
  readonly cached: CachedCredentials;
  readonly journal: CredentialJournal;
  readonly claims: CareClaims;
  readonly overdue: OverdueCare;
}

export interface CredentialsDeps {
  readonly vault: SecretClient;
  readonly storage: { table(name: string): Promise<TableClient> };
  readonly clock: Clock;
  readonly log: Logger;
  readonly background: (work: () => void) => void;
}

/** @param rereadSeconds age at which a credential in memory is read from Key Vault again. */
export function createCredentials(deps: CredentialsDeps, rereadSeconds: number): Credentials {
  const store = new KeyVaultCredentialStore(deps.vault);
  const cached = new CachedCredentials({ ...deps, store }, rereadSeconds);
  const table = (): Promise<TableClient> => deps.storage.table(journalTable);
  const claims = new TableCareClaims(table);
  return {
    store,
    cached,
    journal: new TableCredentialJournal(table),
    claims,
    overdue: new OverdueCare({ ...deps, store, cached, claims }),
  };
}
