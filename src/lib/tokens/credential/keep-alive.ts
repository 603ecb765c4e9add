import { type Clock, minuteMs } from '../../core/clock.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { type Fetch, outboundFailure, send } from '../../core/outbound.ts';
import type { Secret } from '../../core/secrets.ts';
import { graphStatus } from '../../microsoft/graph.ts';
import type { CredentialJournal } from './credential-journal.ts';
import type { CredentialStore } from './credential-store.ts';
import type { IdentityTrust } from './identity-trust.ts';
import type { CareClaims } from './maintenance-claims.ts';
import { redeemAsApplication, type RedeemAsApplicationDeps, workingClient } from './prove-client-credential.ts';
import { namesOf, readKeyLists, readKeyMark, unknownKeys } from './registered-keys.ts';
import { renewClientCredential } from './renew-client-credential.ts';
import { rotateRefreshToken, type Rotation, type RotationDeps } from './rotate.ts';
import { redeemRefreshToken } from './store-refresh-token.ts';
import { removeFormerCredentials, type RenewalDeps } from './superseded-keys.ts';

interface MfaProbeDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Base address of Partner Center without a trailing slash. */
  readonly partnerCenterEndpoint: string;
}

const timeoutMs = 30_000;
const maxBodyBytes = 4 * 1024 * 1024;

/**
 * Whether Partner Center finds MFA in a delegated token. The request header `ValidateMfa: true` makes it report this in
 * the response header `isMfaCompliant` ("Mandating MFA for your partner tenant", App+User). Where Partner Center
 * enforces MFA, it answers 401 with code 900421.
 * @returns undefined if the reply does not contain the answer.
 * @throws BrokerError resource_error if Partner Center cannot be reached, throttles, or answers 5xx.
 */
export async function probeMfa(deps: MfaProbeDeps, token: Secret): Promise<boolean | undefined> {
  const reply = await send(deps.fetch, {
    method: 'GET',
    url: `${deps.partnerCenterEndpoint}/v1/customers?size=1`,
    headers: { authorization: `Bearer ${token.reveal()}`, accept: 'application/json', ValidateMfa: 'true' },
    timeoutMs,
    maxBodyBytes,
  }).catch((error: unknown): never => {
    throw outboundFailure(error, 'resource_error', 'Partner Center');
  });
  const compliant = reply.headers.get('ismfacompliant')?.toLowerCase();
  if (compliant === 'true' || compliant === 'false') return compliant === 'true';
  if (reply.status === 401 && reply.body.includes('900421')) return false;
  if (reply.status >= 500 || reply.status === 429) {
    throw new BrokerError('resource_error', `Partner Center answered HTTP ${reply.status}.`);
  }
  return undefined;
}

export interface CheckKeysDeps extends RedeemAsApplicationDeps {
  readonly store: CredentialStore;
  readonly journal: CredentialJournal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly graphOf: RenewalDeps['graphOf'];
  /**
   * The federated credential that the managed identity of this program needs. Undefined if it has none.
   * @throws Error if the identity does not answer.
   */
  readonly identityTrust: () => Promise<IdentityTrust | undefined>;
}

/**
 * Names keys of the application that this vault does not hold: somebody who had an access token may have added one. Warns
 * about a key once, because another broker may keep its key for years. Does nothing if the application may not read itself.
 * Failures are logged.
 */
export async function checkKeys(deps: CheckKeysDeps, application: string): Promise<void> {
  const { store, journal, clock, log } = deps;
  try {
    const { client } = await store.load(application);
    const reply = await redeemAsApplication(deps, client);
    if (!reply.ok) return;
    const { graph } = deps.graphOf(reply.token.accessToken);
    const lists = await readKeyLists(graph, client.clientId);
    const mark = await readKeyMark(store, application);
    const trust = lists.trusts.length === 0 ? undefined : await deps.identityTrust();
    const known = { mark, stored: client, trust };
    const keys = namesOf(unknownKeys(lists, known, clock.nowMs()));
    const before = (await journal.read(application)).unknownKeys ?? '';
    if (keys !== '') log.log(keys === before ? 'info' : 'warn', 'credential.unknown_keys', { application, keys });
    if (keys !== before) await journal.record(application, { unknownKeys: keys });
  } catch (thrown) {
    if (graphStatus(thrown) === 403) return;
    log.log('warn', 'credential.key_check_failed', { application, ...errorFields(thrown) });
  }
}

export interface KeepAliveDeps extends RotationDeps, MfaProbeDeps {
  readonly journal: CredentialJournal;
  /** Identifier of Partner Center in Entra. */
  readonly partnerCenterIdentifier: string;
  /** For the renewal of client secrets and certificates; undefined if `CLIENT_SECRET_RENEWAL` is off. */
  readonly renewal:
    | (Pick<RenewalDeps, 'graphOf' | 'createCertificate' | 'graphIdentifier'> & Pick<CheckKeysDeps, 'identityTrust'>)
    | undefined;
}

/** The outcome of the daily maintenance of one application. */
export interface KeepAliveResult {
  readonly application: string;
  /** The error if the rotation failed; undefined if the application has no refresh token. */
  readonly rotation: Rotation | BrokerError | undefined;
}

/**
 * Daily maintenance of one application. Renews a client credential that expires soon and rotates the refresh token.
 * After a successful rotation, removes former client credentials and probes MFA in Partner Center. At the end, names keys
 * of the application that this vault does not hold. Failures are logged,
 * never thrown, and do not stop the other steps. Only the failure of a rotation is recorded in the journal: a failed
 * renewal is tried again every day, and health warns before the client credential expires.
 */
export async function keepAlive(deps: KeepAliveDeps, application: string): Promise<KeepAliveResult> {
  // An expired client credential would also fail the rotation.
  await renew(deps, application);
  const rotation = await rotate(deps, application);
  if (rotation instanceof BrokerError) {
    const { code, detail } = rotation;
    const failure = { atMs: deps.clock.nowMs(), code, detail };
    await writeToJournal(deps, () => deps.journal.record(application, { failure }));
  } else if (rotation !== undefined) {
    await removeFormer(deps, application);
    // If Entra accepts each refresh token only once, the probe would use up the stored one.
    if (!rotation.isSingleUse) await probe(deps, application);
  }
  if (deps.renewal !== undefined) await checkKeys({ ...deps, ...deps.renewal }, application);
  return { application, rotation };
}

/** Does a part of the maintenance. A failure is logged and does not stop the other parts. */
async function attempt(
  log: Logger,
  event: string,
  fields: { application?: string },
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    log.log('warn', event, { ...fields, ...errorFields(thrown) });
  }
}

const renew = (deps: KeepAliveDeps, application: string): Promise<void> =>
  attempt(deps.log, 'credential.client_credential_not_renewed', { application }, async () => {
    if (deps.renewal === undefined) {
      // A version that a person stored by mistake is still replaced by the previous one.
      const credential = await deps.store.load(application);
      const working = workingClient({ ...deps, graphIdentifier: deps.canaryResource }, application, credential);
      // The rotation fails for the same reason, and reports it.
      await working.catch(() => undefined);
      return;
    }
    const renewal = await renewClientCredential({ ...deps, ...deps.renewal }, application, false);
    const { kind, removed, reason: detail } = renewal;
    if (renewal.renewed) deps.log.log('info', 'credential.client_credential_renewed', { application, kind, removed });
    else if (renewal.refused) deps.log.log('warn', 'credential.client_credential_not_renewed', { application, detail });
  });

async function rotate(deps: KeepAliveDeps, application: string): Promise<Rotation | BrokerError | undefined> {
  try {
    const { client, refreshToken } = await deps.store.load(application);
    if (refreshToken === undefined) return undefined;
    const rotation = await rotateRefreshToken(deps, application);
    const { version, disabledVersions, versions, mfa } = rotation;
    const fields = { application, clientId: client.clientId, version, disabledVersions, versions, mfa };
    deps.log.log('info', 'credential.rotated', fields);
    await writeToJournal(deps, () => deps.journal.record(application, { rotatedAtMs: rotation.obtainedAtMs }));
    return rotation;
  } catch (thrown) {
    deps.log.log('error', 'credential.rotation_failed', { application, ...errorFields(thrown) });
    return toBrokerError(thrown);
  }
}

/** Removes former secrets and certificates. The rotation has proven that the stored client credential works. */
async function removeFormer(deps: KeepAliveDeps, application: string): Promise<void> {
  const { renewal } = deps;
  if (renewal === undefined) return;
  await attempt(deps.log, 'credential.cleanup_failed', { application }, async () => {
    const { client } = await deps.store.load(application);
    const removed = await removeFormerCredentials({ ...deps, ...renewal }, application, client);
    if (removed > 0) deps.log.log('info', 'credential.former_credentials_removed', { application, removed });
  });
}

const probe = (deps: KeepAliveDeps, application: string): Promise<void> =>
  attempt(deps.log, 'credential.mfa_probe_failed', { application }, async () => {
    const { client, refreshToken } = await deps.store.load(application);
    if (refreshToken === undefined) return;
    const probing = { ...deps, canaryResource: deps.partnerCenterIdentifier };
    const reply = await redeemRefreshToken(probing, client, refreshToken);
    // An application without a permission for Partner Center gets no token, and its MFA does not matter there.
    if (!reply.ok) return;
    const compliant = await probeMfa(deps, reply.token.accessToken);
    if (compliant === undefined) return;
    await deps.journal.record(application, { mfaProbe: { atMs: deps.clock.nowMs(), compliant } });
    if (!compliant) deps.log.log('warn', 'credential.mfa_missing', { application });
  });

/** Writes to the journal. The maintenance does not read it. */
const writeToJournal = ({ log }: Pick<KeepAliveDeps, 'log'>, write: () => Promise<void>): Promise<void> =>
  attempt(log, 'credential.journal_unavailable', {}, write);

export interface ClaimedMaintenanceDeps extends KeepAliveDeps {
  readonly claims: CareClaims;
}

/** The default time limit of a function on Flex Consumption. After it, the holder of a claim no longer runs. */
const claimMs = 30 * minuteMs;

/**
 * Runs {@link keepAlive}, unless another instance is running it.
 * @param unlessEndedSinceMs given if a request, not the timer, starts the maintenance: nothing is done if another one
 * ended after this time, or if the claims cannot be read or written. The timer works without claims, too, because two
 * rotations at the same time do no harm.
 * @returns undefined if nothing was done.
 */
export async function claimedMaintenance(
  deps: ClaimedMaintenanceDeps,
  application: string,
  unlessEndedSinceMs?: number,
): Promise<KeepAliveResult | undefined> {
  const atMs = deps.clock.nowMs();
  const request = { atMs, untilMs: atMs + claimMs, unlessEndedSinceMs };
  try {
    if (!(await deps.claims.claim(application, request))) {
      deps.log.log('info', 'credential.care_in_progress', { application });
      return undefined;
    }
  } catch (thrown) {
    deps.log.log('warn', 'credential.journal_unavailable', errorFields(thrown));
    if (unlessEndedSinceMs !== undefined) return undefined;
  }
  const result = await keepAlive(deps, application);
  await writeToJournal(deps, () => deps.claims.end(application, deps.clock.nowMs()));
  return result;
}
