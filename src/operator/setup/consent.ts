import { type Clock, hourMs, isoTime, minuteMs } from '../../lib/core/clock.ts';
import { SetupError, toBrokerError } from '../../lib/core/errors.ts';
import { type ClientCredential, refreshTokenLifeMs, type StoredClientCredential } from '../../lib/core/secrets.ts';
import { defined } from '../../lib/core/objects.ts';
import type { GraphWriter } from '../../lib/microsoft/graph.ts';
import type { RedeemedToken } from '../../lib/microsoft/token-reply.ts';
import { applicationPath, issueClientSecret, removeClientSecret } from '../../lib/tokens/credential/client-keys.ts';
import { isSameName, lastConsent, type NewRefreshToken } from '../../lib/tokens/credential/credential-store.ts';
import {
  proveClientCredential,
  type RedeemAsApplicationDeps,
} from '../../lib/tokens/credential/prove-client-credential.ts';
import { storeRefreshToken, type StoreRefreshTokenDeps } from '../../lib/tokens/credential/store-refresh-token.ts';
import { signIn, type SignInDeps, type SignInMethod } from './sign-in.ts';

interface ConsentDeps extends StoreRefreshTokenDeps, SignInDeps {}

export interface ConsentOptions {
  /** Name of the application in Key Vault. */
  readonly application: string;
  /** User principal name of the account that must sign in. Absent: any account, see `confirmAccount`. */
  readonly account?: string | undefined;
  /**
   * Asks whether another account may replace the one that consented last. Called only if `account` is absent. Absent: it
   * may not.
   */
  readonly confirmAccount?: ((former: string, account: string) => Promise<boolean>) | undefined;
  readonly method: SignInMethod;
  /** Replaces the stored client credential if that does not work on this machine (see `withTemporarySecret`). */
  readonly clientCredential?: ClientCredential | undefined;
}

/** Describes the stored refresh token, without the token. */
export interface ConsentOutcome {
  readonly application: string;
  readonly account: string;
  readonly mfa: boolean;
  readonly obtainedAt: string;
  readonly expiresAt: string;
  /** Scopes of the access token that proved the refresh token. */
  readonly scopes: readonly string[];
  /** How far this machine's clock is ahead of Entra's, seconds. Absent if both agree within a few minutes. */
  readonly clockAheadSeconds?: number;
}

/**
 * Signs the service account in and stores its refresh token. Checks the token before storing it and proves it afterwards.
 * @throws BrokerError credential_missing before setup, key_vault_unavailable. SetupError sign_in_refused for a wrong
 * account or tenant, or a sign-in without MFA. Nothing is stored then.
 */
export async function obtainConsent(deps: ConsentDeps, options: ConsentOptions): Promise<ConsentOutcome> {
  const { client: stored } = await deps.store.load(options.application);
  const client = { ...stored, credential: options.clientCredential ?? stored.credential };
  const token = await signIn(deps, options.method, {
    tenantId: client.tenantId,
    clientId: client.clientId,
    clientCredential: client.credential,
    // The refresh token serves every resource. The access token shows tenant, account and MFA.
    scopes: [`${deps.canaryResource}/.default`, 'offline_access'],
    account: options.account,
  });
  const checked = checkConsent(token, client, options.account, deps.clock.nowMs());
  if (options.account === undefined) await confirmChange(deps, options, checked);
  const { refreshToken, proof } = await storeRefreshToken(deps, client, options.application, checked);
  if (refreshToken.accountObjectId !== checked.accountObjectId) {
    throw refused(`${refreshToken.account} consented at the same time and is in force. To replace it, consent again.`);
  }
  return defined({
    application: options.application,
    account: refreshToken.account,
    mfa: refreshToken.mfa,
    obtainedAt: isoTime(refreshToken.obtainedAtMs),
    expiresAt: isoTime(refreshToken.expiresAtMs),
    scopes: proof.scopes,
    clockAheadSeconds: clockAheadSeconds(token),
  });
}

/** Entra accepts assertions up to 5 minutes before and after its own time. */
const clockToleranceMs = 4 * minuteMs;

/**
 * How far this machine's clock is ahead of Entra's, seconds; negative if it is behind. Undefined if both agree within four
 * minutes, or if the token does not show it. Pure.
 */
export function clockAheadSeconds({ expiresAtMs, claims }: RedeemedToken): number | undefined {
  const aheadMs = claims.expiresAtMs === undefined ? 0 : expiresAtMs - claims.expiresAtMs;
  return Math.abs(aheadMs) < clockToleranceMs ? undefined : Math.round(aheadMs / 1000);
}

/** @throws SetupError sign_in_refused if another account consented last, and may not be replaced. */
export async function confirmChange(
  { store }: Pick<ConsentDeps, 'store'>,
  { application, confirmAccount }: Pick<ConsentOptions, 'application' | 'confirmAccount'>,
  { account, accountObjectId }: NewRefreshToken,
): Promise<void> {
  const former = lastConsent(await store.listRefreshTokenVersions(application));
  if (former.accountObjectId === undefined || former.accountObjectId === accountObjectId) return;
  // A person changed the object id in the tags. It is the same account.
  if (isSameName(former.account, account)) return;
  const formerAccount = former.account ?? former.accountObjectId;
  if (await confirmAccount?.(formerAccount, account)) return;
  throw refused(
    `${account} signed in, but ${formerAccount} consented last. Nothing was stored. To replace it, name the account with --account.`,
  );
}

const refused = (detail: string): SetupError => new SetupError('sign_in_refused', detail);

/**
 * Checks that the tokens of a sign-in may become the credential. Pure.
 * @throws SetupError sign_in_refused with the reason.
 */
export function checkConsent(
  token: RedeemedToken,
  client: Pick<StoredClientCredential, 'clientId' | 'tenantId'>,
  account: string | undefined,
  nowMs: number,
): NewRefreshToken {
  const { claims, refreshToken } = token;
  const { username, objectId, tenantId, authenticationMethods } = claims;
  if (refreshToken === undefined)
    throw refused('Entra issued no refresh token: the application lacks the scope offline_access.');
  if (tenantId !== client.tenantId) {
    const named = tenantId ?? '(unknown)';
    throw refused(`The sign-in was for the tenant ${named}, but the partner tenant is ${client.tenantId}.`);
  }
  if (username === undefined || objectId === undefined)
    throw refused('The token does not name the account that signed in.');
  if (account !== undefined && username.toLowerCase() !== account.toLowerCase())
    throw refused(`${username} signed in, but the account must be ${account}.`);
  if (authenticationMethods?.includes('mfa') !== true) {
    const remedy = 'Register the account for Microsoft MFA.';
    throw refused(`${username} signed in without MFA, which Partner Center enforces since 8 June 2026. ${remedy}`);
  }
  return {
    secret: refreshToken,
    clientId: client.clientId,
    account: username,
    accountObjectId: objectId,
    mfa: true,
    consentedAtMs: nowMs,
    obtainedAtMs: nowMs,
    expiresAtMs: nowMs + refreshTokenLifeMs,
  };
}

interface TemporarySecretDeps extends RedeemAsApplicationDeps {
  readonly clock: Clock;
  /** Not bound to `signal`: Ctrl+C must not prevent the removal, or lose the reply with the id of the new secret. */
  readonly writer: GraphWriter;
  /** Aborts the wait until Entra accepts the secret. The work handles the signal itself. */
  readonly signal: AbortSignal;
  /** Called with a sentence about a secret that could not be removed. */
  readonly warn: (sentence: string) => void;
}

/**
 * Lifetime of the secret. Long enough for any work, even if the clock of the machine is off by minutes. Short, because a
 * killed process leaves the secret behind and the daily timer removes only secrets that its vault holds.
 */
const lifeMs = hourMs;

/**
 * Adds a client secret to the application, runs the work and removes the secret. For a machine without the managed
 * identity, because only the application itself can redeem refresh tokens and authorization codes. The secret is never
 * stored. If the process is killed before the removal, the secret expires within an hour.
 * @throws BrokerError client_credential_rejected when Entra does not accept the secret within about two minutes; what the
 * work throws; the signal's reason. A failed removal is a warning, because the work is done.
 */
export async function withTemporarySecret<T>(
  deps: TemporarySecretDeps,
  client: StoredClientCredential,
  work: (credential: ClientCredential) => Promise<T>,
): Promise<T> {
  const { clock, signal, writer } = deps;
  signal.throwIfAborted();
  const path = applicationPath(client.clientId);
  const { secret, keyId, endsAtMs } = await issueClientSecret(writer, clock, path, { lifeMs });
  try {
    const credential: ClientCredential = { kind: 'secret', secret };
    const untilAborted: Clock = { nowMs: () => clock.nowMs(), sleep: (ms) => clock.sleep(ms, signal) };
    await proveClientCredential({ ...deps, clock: untilAborted }, { ...client, credential });
    signal.throwIfAborted();
    return await work(credential);
  } finally {
    await removeClientSecret(writer, path, keyId).catch((thrown: unknown) => {
      const { detail } = toBrokerError(thrown);
      const expiry = `It expires at ${isoTime(endsAtMs)}.`;
      deps.warn(`The temporary client secret ${keyId} could not be removed from the application: ${detail} ${expiry}`);
    });
  }
}
