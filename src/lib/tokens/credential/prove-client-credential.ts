import { type Clock, retry } from '../../core/clock.ts';
import { toBrokerError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Credential, Secret, StoredClientCredential } from '../../core/secrets.ts';
import type { Redeemer, Redemption } from '../../microsoft/redeemer.ts';
import { type EntraFailure, errorOf, type TokenReply } from '../../microsoft/token-reply.ts';
import { isOlderThan, orphanAgeMs } from './client-keys.ts';
import type { CredentialStore, StoredVersion } from './credential-store.ts';

export interface RedeemAsApplicationDeps {
  readonly redeemer: Redeemer;
  readonly newId: () => string;
  /** Identifier of Microsoft Graph in Entra, for example `https://graph.microsoft.com`. */
  readonly graphIdentifier: string;
}

/** The part of a stored client credential that is needed to use it. */
export type UsableClient = Pick<StoredClientCredential, 'clientId' | 'tenantId' | 'credential'>;

interface ProofOptions {
  /** Called before each pause between attempts. It may repair what the next attempt needs. */
  readonly beforeRetry?: () => Promise<void>;
  /**
   * Whether the application was only just created. Some of Entra's servers may not have it yet, so every failure is
   * retried. Default: false.
   */
  readonly isNewApplication?: boolean;
}

/** Pauses between attempts, 98 seconds in total: a change of a credential takes time to reach all of Entra's servers. */
export const replicationPausesMs = [3_000, 5_000, 10_000, 20_000, 30_000, 30_000] as const;

/**
 * Number of successes in a row that prove a credential. Each request may reach another of Entra's servers, so while four of
 * five servers lack the credential, a single success occurs in most proofs.
 */
export const provenSuccesses = 5;

/**
 * Proves that a client credential works by redeeming {@link provenSuccesses} tokens in a row. Retries for about 100 seconds
 * while the credential may not have reached all of Entra's servers.
 * @throws BrokerError client_credential_rejected, entra_unavailable or throttled after the last attempt. Any other
 * failure is thrown at once, unless the application is new.
 */
export async function proveClientCredential(
  deps: RedeemAsApplicationDeps & { readonly clock: Clock },
  client: UsableClient,
  { beforeRetry, isNewApplication = false }: ProofOptions = {},
): Promise<void> {
  const reply = await retry(() => redeemRepeatedly(deps, client), {
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

/** Redeems {@link provenSuccesses} tokens. @returns the first failure, or the last reply. Never throws. */
export async function redeemRepeatedly(deps: RedeemAsApplicationDeps, client: UsableClient): Promise<TokenReply> {
  let reply = await redeemAsApplication(deps, client);
  for (let successes = 1; reply.ok && successes < provenSuccesses; successes += 1) {
    reply = await redeemAsApplication(deps, client);
  }
  return reply;
}

/** Redeems a Microsoft Graph token for the application itself in its own tenant. Never throws. */
export const redeemAsApplication = (deps: RedeemAsApplicationDeps, client: UsableClient): Promise<TokenReply> =>
  redeemAtHome(deps, client, { resourceIdentifier: deps.graphIdentifier, grant: { kind: 'application' } });

/** Entra does not know the tenant, or the application in it. */
const unknownParties: ReadonlySet<unknown> = new Set([700016, 90002, 900023]);

/**
 * Redeems a token in the tenant that the tags of the client credential name. A failure that may come from a wrong tag names
 * them. Never throws.
 */
export async function redeemAtHome(
  { redeemer, newId }: Pick<RedeemAsApplicationDeps, 'redeemer' | 'newId'>,
  { tenantId, clientId, credential }: UsableClient,
  wanted: Pick<Redemption, 'resourceIdentifier' | 'grant'>,
): Promise<TokenReply> {
  const redemption = { tenantId, clientId, clientCredential: credential, correlationId: newId(), ...wanted };
  const reply = await redeemer.redeem(redemption);
  if (reply.ok || !unknownParties.has(reply.failure.logFields['aadsts'])) return reply;
  const detail = `${reply.failure.detail} Check the tags of the client credential in Key Vault: tag clientId ${clientId}, tag tenantId ${tenantId}.`;
  return { ok: false, failure: { ...reply.failure, detail } };
}

/**
 * AADSTS700024: the assertion is outside its validity period, so the clock of this machine is wrong. AADSTS7000112: somebody
 * disabled the application.
 */
const notAboutVersion: ReadonlySet<unknown> = new Set([700024, 7000112]);

/**
 * Whether a failure may concern this version of the client credential, and another version may work. It does not if this
 * machine lacks the managed identity (config_invalid), or if a policy blocks the application.
 */
const isAboutVersion = ({ code, reach, logFields }: EntraFailure): boolean =>
  reach !== 'transient' &&
  code !== 'config_invalid' &&
  code !== 'blocked_by_policy' &&
  !notAboutVersion.has(logFields['aadsts']);

/**
 * Whether Entra rejects the client credential. False if Entra is unavailable, or if this machine lacks the managed
 * identity. Never throws.
 */
export async function isRefused(deps: RedeemAsApplicationDeps, client: UsableClient): Promise<boolean> {
  const reply = await redeemAsApplication(deps, client);
  return !reply.ok && isAboutVersion(reply.failure);
}

export interface FindClientDeps extends RedeemAsApplicationDeps {
  readonly store: Pick<CredentialStore, 'listClientCredentialVersions' | 'loadClientCredentialVersion'>;
  readonly log: Logger;
}

export interface WorkingClientDeps extends FindClientDeps {
  readonly store: CredentialStore;
  readonly clock: Clock;
}

interface WorkingClient {
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
    const read = deps.store.loadClientCredentialVersion(application, version.version);
    const client = await read.catch((thrown: unknown) => {
      if (toBrokerError(thrown).transient) throw thrown;
      return undefined;
    });
    // One that cannot be read is passed over.
    if (client === undefined) continue;
    const isSameApplication = client.clientId === newest.clientId || client.clientId === refreshToken?.clientId;
    if (!isSameApplication && !isAnyAllowed) continue;
    const reply = await redeemAsApplication(deps, client);
    if (reply.ok) {
      const isOther = newest.clientId !== client.clientId;
      const clientIds = isOther ? { fromClientId: newest.clientId, toClientId: client.clientId } : {};
      const fields = { application, from: newest.version, to: client.version, ...clientIds };
      deps.log.log(isOther ? 'error' : 'warn', 'credential.client_credential_fell_back', fields);
      return { client, token: reply.token.accessToken, rejected };
    }
    // Any other failure says nothing about this version, so it must not be disabled.
    if (!isAboutVersion(reply.failure)) throw errorOf(reply.failure);
    rejected.push(version);
  }
  throw failure;
}
