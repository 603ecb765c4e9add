import { errorOf } from '../entra/judge-token-reply.ts';
import { errorFields } from '../runtime/log.ts';
import type { ClientCredentialVersion } from './credential-store.ts';
import { redeemRepeatedly, type UsableClient, type WorkingClientDeps } from './prove-client-credential.ts';
import { clientVersions, putInUse } from './staged-version.ts';

/**
 * Changes an application from a secret or certificate to the managed identity. Only the app has the identity, so setup
 * cannot prove that Entra accepts it. For some minutes after the trust is created, Entra accepts it only now and then
 * (AADSTS70021). Setup therefore stores a disabled version, the proposal, and the daily timer tries it.
 */

/**
 * Whether the vault contains a proposal newer than the version in use. A later renewal or setup cancels a proposal.
 * Pure.
 * @param versions newest first.
 * @param inUse the version in use.
 */
export function isProposed(versions: readonly ClientCredentialVersion[], inUse: string): boolean {
  const newerCount = versions.findIndex(({ version }) => version === inUse);
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
  if (!isProposed(known, client.version)) return;
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
