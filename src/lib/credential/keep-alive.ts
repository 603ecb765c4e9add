import type { Clock } from '../runtime/clock.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { CredentialJournal } from './credential-journal.ts';
import { probeMfa, type MfaProbeDeps } from './mfa-probe.ts';
import { removeFormerCredentials, type RenewalDeps, renewClientCredential } from './renew-client-credential.ts';
import { type Rotation, type RotationDeps, rotateRefreshToken } from './rotate.ts';
import { redeemRefreshToken } from './store-refresh-token.ts';

export interface KeepAliveDeps extends RotationDeps, MfaProbeDeps {
  readonly journal: CredentialJournal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Partner Center's name with Entra. */
  readonly partnerCenterIdentifier: string;
  /** Renews client secrets and certificates; absent where that is switched off. */
  readonly renewal: Pick<RenewalDeps, 'graphOf' | 'createCertificate' | 'graphIdentifier'> | undefined;
}

/** What one day's care did for one application. */
export interface KeepAliveResult {
  readonly application: string;
  readonly rotation: Rotation | BrokerError | undefined;
}

/**
 * The daily care of one application: a fresh client credential where it ends soon, a fresh refresh token, and what Partner
 * Center thinks of its MFA. Each is tried whatever became of the others; failures are logged, not thrown. The
 * journal keeps that of the rotation alone: a client credential that was not renewed shows in health when its end is
 * near, and is tried again every day until then.
 */
export async function keepAlive(deps: KeepAliveDeps, application: string): Promise<KeepAliveResult> {
  // A client credential that is about to end would fail the rotation too, so it goes first.
  await renew(deps, application);
  const rotation = await rotate(deps, application);
  if (rotation instanceof BrokerError) {
    const { code, detail } = rotation;
    await writeToJournal(deps, () =>
      deps.journal.recordFailure(application, { atMs: deps.clock.nowMs(), code, detail }),
    );
  } else if (rotation !== undefined) {
    await removeFormer(deps, application);
    await probe(deps, application);
  }
  return { application, rotation };
}

async function renew(deps: KeepAliveDeps, application: string): Promise<void> {
  if (deps.renewal === undefined) return;
  try {
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

/** An identity or certificate that has just worked makes what was before it superfluous. */
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
    // An application without a permission for Partner Center is none that Partner Center could refuse.
    if (!reply.ok) return;
    const compliant = await probeMfa(deps, reply.token.accessToken);
    if (compliant === undefined) return;
    await deps.journal.recordMfaProbe(application, { atMs: deps.clock.nowMs(), compliant });
    if (!compliant) deps.log.log('warn', 'credential.mfa_missing', { application });
  } catch (thrown) {
    deps.log.log('warn', 'credential.mfa_probe_failed', { application, ...errorFields(thrown) });
  }
}

/** The journal is for people: that it cannot be written must not end the care. */
async function writeToJournal(deps: KeepAliveDeps, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (thrown) {
    deps.log.log('warn', 'credential.journal_unavailable', errorFields(thrown));
  }
}
