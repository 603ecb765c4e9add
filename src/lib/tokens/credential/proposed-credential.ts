import { errorOf } from '../../microsoft/token-reply.ts';
import { errorFields } from '../../core/log.ts';
import type { ClientCredentialVersion } from './credential-store.ts';
import { redeemRepeatedly, type UsableClient } from './prove-client-credential.ts';
import { clientVersions, putInUse } from './staged-version.ts';
import type { WorkingClientDeps } from './working-client.ts';

/**
 * Changes an application from a secret or certificate to the managed identity. Only the app has the identity, so setup
 * cannot prove that Entra accepts it. For some minutes after the trust is created, Entra accepts it only now and then
 * (AADSTS70021). Setup therefore stores a disabled version, the proposal, and the daily timer tries it.
 */

/**
 * Whether the vault contains a proposal newer than every version that is or was in use. A later renewal or setup cancels a
 * proposal, also if its version is disabled again. Pure.
 * @param versions newest first.
 */
export function isProposed(versions: readonly ClientCredentialVersion[]): boolean {
  const newerCount = versions.findIndex(({ staged, proposed }) => staged !== true && proposed !== true);
  return versions.slice(0, Math.max(0, newerCount)).some(({ proposed }) => proposed === true);
}

/** Returns the application with the managed identity as its client credential. */
export const federatedClient = ({ clientId, tenantId }: Omit<UsableClient, 'credential'>): UsableClient => ({
  clientId,
  tenantId,
  credential: { kind: 'federated' },
});

/**
 * Starts using the proposed managed identity if Entra accepts it. Otherwise the credential in use stays.
 * @throws BrokerError key_vault_unavailable, credential_missing or client_credential_rejected from the store.
 */
export async function adoptProposed(deps: WorkingClientDeps, application: string): Promise<void> {
  const { client } = await deps.store.load(application);
  if (client.credential.kind === 'federated') return;
  const known = await deps.store.listClientCredentialVersions(application);
  if (!isProposed(known)) return;
  const proposed = federatedClient(client);
  const reply = await redeemRepeatedly(deps, proposed);
  if (reply.ok) {
    const version = await deps.store.stageClientCredential(application, proposed);
    const overtaking = await putInUse(clientVersions(deps.store, application), { version, known });
    if (overtaking !== undefined) return;
    deps.log.log('info', 'credential.identity_in_use', { application });
  } else {
    const failure = errorFields(errorOf(reply.failure));
    deps.log.log('warn', 'credential.identity_not_accepted', { application, ...failure });
  }
}
