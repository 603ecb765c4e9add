import { type IdentityTrust, isTrustIn } from '../credential/identity-trust.ts';
import type { ApplicationInventory, InventoryVersion } from '../credential/vault-inventory.ts';
import { minuteMs } from '../model/durations.ts';
import { BrokerError } from '../model/errors.ts';
import { isoTime } from '../runtime/clock.ts';
import { readRevocationState } from './read-revocation-state.ts';
import { longestAccessTokenMs } from './revoke.ts';
import { proveState, proveVault, readValidFromMs } from './revoke-proof.ts';
import {
  type EntraKey,
  type Registration,
  type RevocationState,
  type RevokeDeps,
  type RevokeOptions,
} from './revoke-state.ts';
import { type Proof, RevokedValues } from './revoke-tries.ts';

/** The time in which the revocation itself may have run, after it ended the sessions. */
const runMs = 5 * minuteMs;

export interface VerifyOptions extends RevokeOptions {
  /** The managed identity that the application may trust after the renewal. */
  readonly identity?: IdentityTrust | undefined;
}

/**
 * The second pass of a revocation, after the last access token from before it has expired: such a token may have added a
 * key. Reads and proves, and changes nothing. After the renewal, the new keys of this vault are known.
 * @throws BrokerError as {@link readRevocationState}.
 */
export async function verifyRevocation(
  deps: RevokeDeps,
  options: VerifyOptions,
  signal?: AbortSignal,
): Promise<readonly Proof[]> {
  const state = await readRevocationState(deps, options);
  const { vault } = state;
  const revokedAtMs = await revocationTimeMs(deps, state);
  const renewed = vault instanceof BrokerError ? noVersions : enabledSince(vault, revokedAtMs);
  const isFederated = renewed.client.some(({ kind }) => kind === 'federated');
  const isKnown = ({ id, trust }: EntraKey): boolean =>
    trust === undefined
      ? renewed.client.some(({ keyId }) => keyId === id)
      : isFederated && isTrustIn(options.identity, trust);
  const values = new RevokedValues(deps, signal);
  const former = vault instanceof BrokerError ? vault : enabledBefore(vault, revokedAtMs);
  if (!(former instanceof BrokerError)) await values.read(options.application, former);
  const isRenewed = renewed.client.length > 0;
  return [
    proveTime(deps, revokedAtMs),
    ...(await proveState(deps, { ...state, vault: withoutVersions(vault, renewed) }, isKnown)),
    ...(isRenewed ? [] : state.registrations.map(proveOwnership)),
    { ...proveVault(former), item: 'Versions in Key Vault from before the revocation' },
    ...(await values.prove(false)),
  ];
}

const noVersions: ApplicationInventory = { client: [], refreshToken: [] };

/** A version counts as renewed only if it was created after the sessions ended. */
const select = (
  { client, refreshToken }: ApplicationInventory,
  isSelected: (version: InventoryVersion) => boolean,
): ApplicationInventory => ({ client: client.filter(isSelected), refreshToken: refreshToken.filter(isSelected) });

const enabledSince = (vault: ApplicationInventory, sinceMs: number): ApplicationInventory =>
  select(vault, ({ enabled, createdAtMs }) => enabled && createdAtMs > sinceMs);

const enabledBefore = (vault: ApplicationInventory, sinceMs: number): ApplicationInventory =>
  select(vault, ({ enabled, createdAtMs }) => enabled && createdAtMs <= sinceMs);

/** Leaves out what was stored after the revocation: those refresh tokens are meant to work. */
function withoutVersions(vault: RevocationState['vault'], renewed: ApplicationInventory): RevocationState['vault'] {
  if (vault instanceof BrokerError || renewed.refreshToken.length === 0) return vault;
  const firstMs = Math.min(...renewed.refreshToken.map(({ createdAtMs }) => createdAtMs));
  return select(vault, ({ createdAtMs }) => createdAtMs < firstMs);
}

/** When the sessions ended, which is the first thing that a revocation does. Infinite if it is unknown. */
async function revocationTimeMs(deps: RevokeDeps, { accounts }: RevocationState): Promise<number> {
  const times = await Promise.all(
    accounts.map((account) => readValidFromMs(deps, account).catch(() => Number.POSITIVE_INFINITY)),
  );
  const known = times.filter((time) => typeof time === 'number');
  return known.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...known);
}

function proveTime({ clock }: RevokeDeps, revokedAtMs: number): Proof {
  const item = 'Access tokens from before the revocation';
  if (!Number.isFinite(revokedAtMs)) {
    return { item, proven: false, detail: 'Microsoft Graph does not say when the sessions were revoked.' };
  }
  const endMs = revokedAtMs + longestAccessTokenMs + runMs;
  if (clock.nowMs() >= endMs) return { item, proven: true, detail: `The last one expired at ${isoTime(endMs)}.` };
  const detail = `One may work until ${isoTime(endMs)} and add a key. Run the command again after that time.`;
  return { item, proven: false, detail };
}

function proveOwnership({ clientId, ownReference }: Registration): Proof {
  const item = `Ownership of the application ${clientId}`;
  if (ownReference instanceof BrokerError) return { item, proven: false, detail: ownReference.detail };
  return ownReference === undefined
    ? { item, proven: true, detail: 'The application does not own itself, so its tokens cannot add keys.' }
    : { item, proven: false, detail: 'The application owns itself. Run `ptb revoke` again.' };
}
