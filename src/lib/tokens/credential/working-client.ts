import { errorOf } from '../../microsoft/token-reply.ts';
import type { Credential, StoredClientCredential } from '../../core/secrets.ts';
import { toBrokerError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import { isOlderThan, orphanAgeMs } from './client-keys.ts';
import type { CredentialStore, StoredVersion } from './credential-store.ts';
import { isAboutVersion, redeemAsApplication, type RedeemAsApplicationDeps } from './prove-client-credential.ts';

export interface FindClientDeps extends RedeemAsApplicationDeps {
  readonly store: Pick<CredentialStore, 'listClientCredentialVersions' | 'loadClientCredentialVersion'>;
  readonly log: Logger;
}

export interface WorkingClientDeps extends FindClientDeps {
  readonly store: CredentialStore;
  readonly clock: Clock;
}

export interface WorkingClient {
  readonly client: StoredClientCredential;
  /** Microsoft Graph access token for the application itself. */
  readonly token: Secret;
}

interface FoundClient extends WorkingClient {
  /** Newer versions that Entra rejected. */
  readonly rejected: readonly StoredVersion[];
}

type InForce = Pick<Credential, 'client' | 'refreshToken'>;

/**
 * Returns the newest stored client credential that works, with a token for the application itself. If Entra rejects the
 * newest version, an older one is used and the rejected ones are disabled. A version can be wrong because an operator
 * stored it or changed its tags by hand, or because a run was killed while another run removed its certificate from the
 * application.
 * @throws BrokerError as {@link findWorkingClient}.
 */
export async function workingClient(
  deps: WorkingClientDeps,
  application: string,
  inForce: InForce,
): Promise<WorkingClient> {
  const { client, token, rejected } = await findWorkingClient(deps, application, inForce);
  for (const { version, createdAtMs } of rejected) {
    // A recent version may belong to another run, and not all of Entra's servers may know it yet.
    if (isOlderThan(orphanAgeMs, createdAtMs, deps.clock.nowMs()))
      await deps.store.disableClientCredentialVersion(application, version);
  }
  return { client, token };
}

/**
 * Finds the newest stored client credential that works, and changes nothing. Logs a warning if it is not the newest version,
 * and an error if it belongs to another application than that version.
 * @throws BrokerError with the failure of the newest version if none works; key_vault_unavailable, or a transient failure.
 */
export async function findWorkingClient(
  deps: FindClientDeps,
  application: string,
  { client: newest, refreshToken }: InForce,
): Promise<FoundClient> {
  const first = await redeemAsApplication(deps, newest);
  if (first.ok) return { client: newest, token: first.token.accessToken, rejected: [] };
  const failure = errorOf(first.failure);
  if (!isAboutVersion(first.failure)) throw failure;
  // The newest version may name a wrong application or tenant. Only the refresh token shows which application is right.
  const confirmed = refreshToken?.clientId;
  const isAnyAllowed =
    confirmed === undefined || (confirmed !== newest.clientId && failure.code !== 'client_credential_rejected');
  const versions = await deps.store.listClientCredentialVersions(application);
  const rejected: StoredVersion[] = versions.filter(({ version }) => version === newest.version);
  for (const version of versions.filter((each) => each.enabled && each.version !== newest.version)) {
    const client = await readOlder(deps, application, version.version);
    if (client === undefined) continue;
    const isSameApplication = client.clientId === newest.clientId || client.clientId === refreshToken?.clientId;
    if (!isSameApplication && !isAnyAllowed) continue;
    const reply = await redeemAsApplication(deps, client);
    if (reply.ok) {
      logFallBack(deps, application, newest, client);
      return { client, token: reply.token.accessToken, rejected };
    }
    // Any other failure says nothing about this version, so it must not be disabled.
    if (!isAboutVersion(reply.failure)) throw errorOf(reply.failure);
    rejected.push(version);
  }
  throw failure;
}

function logFallBack(
  { log }: FindClientDeps,
  application: string,
  newest: StoredClientCredential,
  client: StoredClientCredential,
): void {
  const isOther = newest.clientId !== client.clientId;
  log.log(isOther ? 'error' : 'warn', 'credential.client_credential_fell_back', {
    application,
    from: newest.version,
    to: client.version,
    ...(isOther ? { fromClientId: newest.clientId, toClientId: client.clientId } : {}),
  });
}

/** Returns an older version; undefined if it cannot be read. */
async function readOlder(
  { store }: FindClientDeps,
  application: string,
  version: string,
): Promise<StoredClientCredential | undefined> {
  try {
    return await store.loadClientCredentialVersion(application, version);
  } catch (thrown) {
    if (toBrokerError(thrown).transient) throw thrown;
    return undefined;
  }
}
