import type { Clock } from '../../core/clock.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { checkKeys, type CheckKeysDeps } from './check-keys.ts';
import type { CredentialJournal } from './credential-journal.ts';
import { probeMfa, type MfaProbeDeps } from './mfa-probe.ts';
import { renewClientCredential } from './renew-client-credential.ts';
import { removeFormerCredentials, type RenewalDeps } from './superseded-keys.ts';
import { type Rotation, type RotationDeps, rotateRefreshToken } from './rotate.ts';
import { redeemRefreshToken } from './store-refresh-token.ts';
import { workingClient } from './working-client.ts';

export interface KeepAliveDeps extends RotationDeps, MfaProbeDeps {
  readonly journal: CredentialJournal;
  readonly clock: Clock;
  readonly log: Logger;
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
    await writeToJournal(deps, () =>
      deps.journal.recordFailure(application, { atMs: deps.clock.nowMs(), code, detail }),
    );
  } else if (rotation !== undefined) {
    await removeFormer(deps, application);
    // If Entra accepts each refresh token only once, the probe would use up the stored one.
    if (!rotation.isSingleUse) await probe(deps, application);
  }
  if (deps.renewal !== undefined) await checkKeys({ ...deps, ...deps.renewal }, application);
  return { application, rotation };
}

async function renew(deps: KeepAliveDeps, application: string): Promise<void> {
  try {
    if (deps.renewal === undefined) {
      await disableRejected(deps, application);
      return;
    }
    const renewal = await renewClientCredential({ ...deps, ...deps.renewal }, application, false);
    if (renewal.renewed) {
      const { kind, removed } = renewal;
      deps.log.log('info', 'credential.client_credential_renewed', { application, kind, removed });
    } else if (renewal.refused) {
      const detail = renewal.reason;
      deps.log.log('warn', 'credential.client_credential_not_renewed', { application, detail });
    }
  } catch (thrown) {
    deps.log.log('warn', 'credential.client_credential_not_renewed', { application, ...errorFields(thrown) });
  }
}

/** Without renewal, a version that a person stored by mistake is still replaced by the previous one. */
async function disableRejected(deps: KeepAliveDeps, application: string): Promise<void> {
  const credential = await deps.store.load(application);
  // The rotation fails for the same reason, and reports it.
  await workingClient({ ...deps, graphIdentifier: deps.canaryResource }, application, credential).catch(
    () => undefined,
  );
}

async function rotate(deps: KeepAliveDeps, application: string): Promise<Rotation | BrokerError | undefined> {
  try {
    const { client, refreshToken } = await deps.store.load(application);
    if (refreshToken === undefined) return undefined;
    const rotation = await rotateRefreshToken(deps, application);
    deps.log.log('info', 'credential.rotated', {
      application,
      clientId: client.clientId,
      version: rotation.version,
      disabledVersions: rotation.disabledVersions,
      versions: rotation.versions,
      mfa: rotation.mfa,
    });
    await writeToJournal(deps, () => deps.journal.recordRotation(application, rotation.obtainedAtMs));
    return rotation;
  } catch (thrown) {
    deps.log.log('error', 'credential.rotation_failed', { application, ...errorFields(thrown) });
    return toBrokerError(thrown);
  }
}

/** Removes former secrets and certificates. The rotation has proven that the stored client credential works. */
async function removeFormer(deps: KeepAliveDeps, application: string): Promise<void> {
  if (deps.renewal === undefined) return;
  try {
    const { client } = await deps.store.load(application);
    const removed = await removeFormerCredentials({ ...deps, ...deps.renewal }, application, client);
    if (removed > 0) deps.log.log('info', 'credential.former_credentials_removed', { application, removed });
  } catch (thrown) {
    deps.log.log('warn', 'credential.cleanup_failed', { application, ...errorFields(thrown) });
  }
}

async function probe(deps: KeepAliveDeps, application: string): Promise<void> {
  try {
    const { client, refreshToken } = await deps.store.load(application);
    if (refreshToken === undefined) return;
    const reply = await redeemRefreshToken(
      { ...deps, canaryResource: deps.partnerCenterIdentifier },
      client,
      refreshToken,
    );
    // An application without a permission for Partner Center gets no token, and its MFA does not matter there.
    if (!reply.ok) return;
    const compliant = await probeMfa(deps, reply.token.accessToken);
    if (compliant === undefined) return;
    await deps.journal.recordMfaProbe(application, { atMs: deps.clock.nowMs(), compliant });
    if (!compliant) deps.log.log('warn', 'credential.mfa_missing', { application });
  } catch (thrown) {
    deps.log.log('warn', 'credential.mfa_probe_failed', { application, ...errorFields(thrown) });
  }
}

/** Writes to the journal. A failure is logged and does not stop the maintenance, which does not read the journal. */
async function writeToJournal(deps: KeepAliveDeps, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (thrown) {
    deps.log.log('warn', 'credential.journal_unavailable', errorFields(thrown));
  }
}
