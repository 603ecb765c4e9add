import { dayMs } from '../model/durations.ts';
import { errorOf } from '../entra/judge-token-reply.ts';
import { errorFields } from '../runtime/log.ts';
import type { StoredClientCredential } from '../model/credential.ts';
import type { ClientCredentialVersion } from './credential-store.ts';
import { redeemAsApplication, type UsableClient, type WorkingClientDeps } from './prove-client-credential.ts';

/**
 * Going over to the managed identity while a secret or certificate is in use. Only the app itself has the identity, so
 * setup cannot prove that Entra takes it, and right after the trust is made Entra takes it for minutes by chance alone
 * (AADSTS70021). So setup proposes: the version waits in the vault, not enabled, and the daily timer tries it.
 */

/** What ends sooner cannot wait for the daily timer, nor for one that fails once. */
const waitMs = 2 * dayMs;

/** Whether the client credential in use lasts until the timer has surely come by. */
export const mayWait = ({ endsAtMs }: StoredClientCredential, nowMs: number): boolean =>
  endsAtMs === undefined || endsAtMs - nowMs > waitMs;

/**
 * Whether one is proposed after what is in use; a renewal or another setup since makes a proposal void. Pure.
 * @param versions newest first.
 */
export function isProposed(versions: readonly ClientCredentialVersion[], inUse: string): boolean {
  const newerCount = versions.findIndex(({ version }) => version === inUse);
  return versions.slice(0, Math.max(0, newerCount)).some(({ proposed }) => proposed === true);
}

/** The application as the managed identity proves it. */
export const federated = ({ clientId, tenantId }: Omit<UsableClient, 'credential'>): UsableClient => ({
  clientId,
  tenantId,
  credential: { kind: 'federated' },
});

/**
 * Puts what setup proposed into force once Entra takes it; until then what is in use stays.
 * @throws BrokerError key_vault_unavailable, credential_missing.
 */
export async function adoptProposed(deps: WorkingClientDeps, application: string): Promise<void> {
  const { client } = await deps.store.load(application);
  if (client.credential.kind === 'federated') return;
  if (!isProposed(await deps.store.listClientCredentialVersions(application), client.version)) return;
  const proposed = federated(client);
  const reply = await redeemAsApplication(deps, proposed);
  if (reply.ok) {
    await deps.store.saveClientCredential(application, proposed);
    deps.log.log('info', 'credential.identity_in_use', { application });
  } else {
    const failure = errorFields(errorOf(reply.failure));
    deps.log.log('warn', 'credential.identity_not_accepted', { application, ...failure });
  }
}
