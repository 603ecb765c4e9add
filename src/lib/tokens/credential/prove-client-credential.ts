import type { Clock } from '../../core/clock.ts';
import { type EntraFailure, errorOf, type TokenReply } from '../../microsoft/token-reply.ts';
import type { Redeemer } from '../../microsoft/redeemer.ts';
import { retry } from '../../core/retry.ts';
import type { StoredClientCredential } from '../../core/secrets.ts';

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
 * AADSTS700024: the assertion is outside its validity period, so the clock of this machine is wrong. AADSTS7000112: somebody
 * disabled the application.
 */
const notAboutVersion: ReadonlySet<unknown> = new Set([700024, 7000112]);

/**
 * Whether a failure may concern this version of the client credential, and another version may work. It does not if this
 * machine lacks the managed identity (config_invalid), or if a policy blocks the application.
 */
export const isAboutVersion = ({ code, reach, logFields }: EntraFailure): boolean =>
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
