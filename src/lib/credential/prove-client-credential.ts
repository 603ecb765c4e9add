import type { Clock } from '../runtime/clock.ts';
import { errorOf, type TokenReply } from '../entra/judge-token-reply.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import type { Logger } from '../runtime/log.ts';
import { retry } from '../runtime/retry.ts';
import type { Secret } from '../model/secret.ts';
import { orphanAgeMs } from './client-keys.ts';
import type { StoredClientCredential } from '../model/credential.ts';
import type { CredentialStore } from './credential-store.ts';
import { versionsKept } from './rotate.ts';

export interface RedeemAsApplicationDeps {
  readonly redeemer: Redeemer;
  readonly newId: () => string;
  /** Identifier of Microsoft Graph in Entra, for example `https://graph.microsoft.com`. */
  readonly graphIdentifier: string;
}

/** The part of a stored client credential that is needed to use it. */
export type UsableClient = Pick<StoredClientCredential, 'clientId' | 'tenantId' | 'credential'>;

export interface ProofOptions {
  /** Called before each pause between attempts. It may repair what the next attempt needs. */
  readonly beforeRetry?: () => Promise<void>;
  /**
   * Whether the application was only just created. Some of Entra's servers may not have it yet, so every failure is
   * retried. Default: false.
   */
  readonly isNewApplication?: boolean;
}

/** Pauses between attempts, 98 seconds in total: a new credential takes time to reach all of Entra's servers. */
const replicationPausesMs = [3_000, 5_000, 10_000, 20_000, 30_000, 30_000] as const;

/**
 * Proves that a client credential works by redeeming a token. Retries for about 100 seconds while the credential may
 * not have reached all of Entra's servers.
 * @throws BrokerError client_credential_rejected, entra_unavailable or throttled after the last attempt. Any other
 * failure is thrown at once, unless the application is new.
 */
export async function proveClientCredential(
  deps: RedeemAsApplicationDeps & { readonly clock: Clock },
  client: UsableClient,
  { beforeRetry, isNewApplication = false }: ProofOptions = {},
): Promise<void> {
  const reply = await retry(() => redeemAsApplication(deps, client), {
    clock: deps.clock,
    attempts: replicationPausesMs.length + 1,
    afterValue: async (last, attempt) => {
      if (last.ok) return undefined;
      const { code, reach } = last.failure;
      const mayPass = isNewApplication || reach === 'transient' || code === 'client_credential_rejected';
      if (!mayPass) return undefined;
      await beforeRetry?.();
      return replicationPausesMs[attempt - 1];
    },
  });
  if (!reply.ok) throw errorOf(reply.failure);
}

/** Redeems a Microsoft Graph token for the application itself in its own tenant. Never throws. */
export function redeemAsApplication(deps: RedeemAsApplicationDeps, client: UsableClient): Promise<TokenReply> {
  return deps.redeemer.redeem({
    tenantId: client.tenantId,
    resourceIdentifier: deps.graphIdentifier,
    clientId: client.clientId,
    clientCredential: client.credential,
    grant: { kind: 'application' },
    correlationId: deps.newId(),
  });
}

/**
 * Whether Entra rejects the client credential. False if Entra is unavailable, or if this machine lacks the managed
 * identity. Never throws.
 */
export async function isRefused(deps: RedeemAsApplicationDeps, client: UsableClient): Promise<boolean> {
  const reply = await redeemAsApplication(deps, client);
  return !reply.ok && reply.failure.code === 'client_credential_rejected';
}

export interface WorkingClientDeps extends RedeemAsApplicationDeps {
  readonly store: CredentialStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface WorkingClient {
  readonly client: StoredClientCredential;
  /** Microsoft Graph access token for the application itself. */
  readonly token: Secret;
}

/**
 * Returns the newest stored client credential that works, with a token for the application itself. If Entra rejects the
 * newest version, an older one is used and the rejected ones are disabled. A version can be wrong because an operator
 * stored it by hand, or because a run was killed while another run removed its certificate from the application.
 * @throws BrokerError client_credential_rejected if none works, key_vault_unavailable, or another failure from Entra.
 */
export async function workingClient(
  deps: WorkingClientDeps,
  application: string,
  newest: StoredClientCredential,
): Promise<WorkingClient> {
  const first = await redeemAsApplication(deps, newest);
  if (first.ok) return { client: newest, token: first.token.accessToken };
  const failure = errorOf(first.failure);
  if (failure.code !== 'client_credential_rejected') throw failure;
  const enabled = (await deps.store.listClientCredentialVersions(application)).filter((each) => each.enabled);
  const rejected = enabled.filter(({ version }) => version === newest.version);
  for (const version of enabled.filter((each) => !rejected.includes(each)).slice(0, versionsKept - 1)) {
    const client = await deps.store.loadClientCredentialVersion(application, version.version);
    if (client?.clientId !== newest.clientId) continue;
    const reply = await redeemAsApplication(deps, client);
    if (!reply.ok) {
      // Any other failure says nothing about this version, so it must not be disabled.
      if (reply.failure.code !== 'client_credential_rejected') throw errorOf(reply.failure);
      rejected.push(version);
      continue;
    }
    const fields = { application, from: newest.version, to: client.version };
    deps.log.log('warn', 'credential.client_credential_fell_back', fields);
    for (const { version: rejectedVersion, createdAtMs } of rejected) {
      // A recent version may belong to another run, and not all of Entra's servers may know it yet.
      if (deps.clock.nowMs() - createdAtMs > orphanAgeMs)
        await deps.store.disableClientCredentialVersion(application, rejectedVersion);
    }
    return { client, token: reply.token.accessToken };
  }
  throw failure;
}
