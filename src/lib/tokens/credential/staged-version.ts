import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { ClientCredentialVersion, CredentialStore, StoredVersion } from './credential-store.ts';

/**
 * How the broker replaces a version without overruling a person. It stages the new version, which is disabled, then looks
 * at the other versions, and enables it only if nothing has changed since its run began. A version that a person stores
 * before the look is seen; one that is stored after it is newer than the staged one, and so wins.
 */
export interface StagedVersion {
  readonly version: string;
  /** The versions that existed when the run began. */
  readonly known: readonly ListedVersion[];
}

/** A proposal (renew-client-credential.ts) is disabled, but a person has stored it. */
type ListedVersion = StoredVersion & Pick<ClientCredentialVersion, 'proposed'>;

/** A version or proposal that somebody else stored during the run; undefined if there is none. */
type Overtaking = string | undefined;

/**
 * Whether the staged version may be put in use.
 * @param versions newest first, listed after the version was staged.
 * @returns the version that somebody else has put in use since the run began.
 * @throws BrokerError credential_missing if no version that was enabled when the run began still is: a person has
 * stopped the broker.
 */
function overtakingVersion(versions: readonly ListedVersion[], { version: staged, known }: StagedVersion): Overtaking {
  const before = new Set(known.filter(isDecision).map(({ version }) => version));
  const decisions = versions.filter((each) => isDecision(each) && each.version !== staged);
  const overtaking = decisions.find(({ version }) => !before.has(version));
  if (overtaking !== undefined) return overtaking.version;
  const enabled = decisions.filter((each) => each.enabled);
  if (enabled.length > 0) return undefined;
  throw new BrokerError(
    'credential_missing',
    'All versions in Key Vault were disabled in the meantime, so no new version was put in use.',
  );
}

const isDecision = ({ enabled, proposed }: ListedVersion): boolean => enabled || proposed === true;

export interface VersionsInVault {
  list(): Promise<readonly ListedVersion[]>;
  enable(version: string): Promise<void>;
  disable(version: string): Promise<void>;
}

/**
 * Puts a staged version in use, unless somebody else has changed the versions since the run began.
 * @returns the version that somebody else has put in use; undefined if the staged version is in use.
 * @throws BrokerError credential_missing as {@link overtakingVersion}, key_vault_unavailable.
 */
export async function putInUse(vault: VersionsInVault, staged: StagedVersion): Promise<Overtaking> {
  const overtaking = overtakingVersion(await vault.list(), staged);
  if (overtaking !== undefined) return overtaking;
  await vault.enable(staged.version);
  try {
    // A person who disabled all versions between the look and the change did not see this one.
    overtakingVersion(await vault.list(), staged);
  } catch (thrown) {
    // The second look is a precaution. Without it, the staged version stays in use.
    if (toBrokerError(thrown).code !== 'credential_missing') return undefined;
    await disableAgain(vault, staged.version);
    throw thrown;
  }
  return undefined;
}

/** How often a version is disabled that must not stay in use. The SDK retries each request, too. */
const disableAttempts = 3;

/** @throws BrokerError credential_missing that names the version, if it is still enabled. */
async function disableAgain(vault: VersionsInVault, version: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await vault.disable(version);
      return;
    } catch (thrown) {
      if (attempt < disableAttempts) continue;
      throw new BrokerError(
        'credential_missing',
        `All versions in Key Vault were disabled in the meantime, but the new version ${version} could not be disabled: ${toBrokerError(thrown).detail} Disable it in Key Vault.`,
      );
    }
  }
}

export const clientVersions = (store: CredentialStore, application: string): VersionsInVault => ({
  list: () => store.listClientCredentialVersions(application),
  enable: (version) => store.enableClientCredentialVersion(application, version),
  disable: (version) => store.disableClientCredentialVersion(application, version),
});

export const refreshTokenVersions = (store: CredentialStore, application: string): VersionsInVault => ({
  list: () => store.listRefreshTokenVersions(application),
  enable: (version) => store.enableRefreshTokenVersion(application, version),
  disable: (version) => store.disableRefreshTokenVersion(application, version),
});
