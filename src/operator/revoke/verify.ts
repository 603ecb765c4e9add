import { applicationPath } from '../../lib/tokens/credential/client-keys.ts';
import { heldEntries, readValues } from '../../lib/tokens/credential/registered-keys.ts';
import { type IdentityTrust, isTrustIn } from '../../lib/tokens/credential/identity-trust.ts';
import type { ApplicationInventory, InventoryVersion } from '../../lib/tokens/credential/vault-inventory.ts';
import { isoTime, minuteMs } from '../../lib/core/clock.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { accountsIn, noVersions, readState } from './read-state.ts';
import {
  type EntraKey,
  longestAccessTokenMs,
  type Registration,
  type State,
  type RevokeDeps,
  type RevokeOptions,
} from './state.ts';
import { proveState, proveVault } from './proof.ts';
import { type Proof, unread } from './refusals.ts';
import { Values } from './tries.ts';

/** The time in which some of Entra's servers may not have known the revocation yet. */
const replicationMs = 5 * minuteMs;

export interface VerifyOptions extends RevokeOptions {
  /** Looks up the managed identity that the application may trust after the renewal. */
  readonly identity?: () => Promise<IdentityTrust | undefined>;
}

/**
 * The second pass of a revocation, after the last access token from before it has expired: such a token may have added a
 * key. Reads and proves, and changes nothing. After the renewal, the new keys of this vault are known.
 * @throws BrokerError as {@link readState}, key_vault_unavailable, and what `options.identity` throws.
 */
export async function verifyRevocation(
  deps: RevokeDeps,
  options: VerifyOptions,
  signal?: AbortSignal,
): Promise<readonly Proof[]> {
  const state = await readState(deps, options);
  const { vault } = state;
  const revokedAtMs = vault instanceof BrokerError ? undefined : vault.revokedAtMs;
  const renewed = vault instanceof BrokerError ? noVersions : enabledIn(vault, 'after', revokedAtMs);
  const identity = usesIdentity(vault, revokedAtMs) ? await options.identity?.() : undefined;
  const held = await heldKeys(deps, options.application, renewed.client, state.registrations);
  const isKnown = (key: EntraKey): boolean =>
    held.has(key) || (key.trust !== undefined && isTrustIn(identity, key.trust));
  const values = new Values(deps, signal);
  const former = vault instanceof BrokerError ? vault : enabledIn(vault, 'before', revokedAtMs);
  // Without a record, the versions may be in use, and a refresh token may be valid for one redemption only.
  if (!(former instanceof BrokerError) && revokedAtMs !== undefined) await values.read(options, former);
  const proofs = await proveState(deps, stateBefore(state, options), isKnown);
  const isCovered = proofs.every(({ proven }) => proven);
  const isRenewed = renewed.client.length > 0;
  return [
    vault instanceof BrokerError ? unread(timeItem, vault) : proveTime(vault),
    ...proofs,
    ...(isRenewed ? [] : state.registrations.map(proveOwnership)),
    proveFormer(former),
    ...(await values.prove({ certain: state.certain, isCovered, waits: false })),
  ];
}

/** Whether the managed identity is in use or proposed since the revocation. A proposed version is disabled. */
const usesIdentity = (vault: State['vault'], revokedAtMs = Number.POSITIVE_INFINITY): boolean =>
  !(vault instanceof BrokerError) &&
  vault.client.some(
    ({ kind, enabled, proposed, createdAtMs }) =>
      kind === 'federated' && (enabled || proposed === true) && createdAtMs > revokedAtMs,
  );

/** The keys of the applications that these versions hold. No broker adds a key to a service principal. */
async function heldKeys(
  { store, clock }: RevokeDeps,
  application: string,
  client: readonly InventoryVersion[],
  registrations: readonly Registration[],
): Promise<ReadonlySet<EntraKey>> {
  const values = await readValues(store, application, client);
  const held = registrations.flatMap(({ clientId, keys }) => {
    if (keys instanceof BrokerError) return [];
    const versions = client.filter((version) => version.clientId === undefined || version.clientId === clientId);
    return (['client secret', 'certificate'] as const).flatMap((kind) => {
      const own = keys.filter((key) => key.kind === kind && key.holder === applicationPath(clientId));
      const entries = own.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
      const listed = kind === 'certificate' ? kind : 'secret';
      const found = heldEntries(listed, entries, { versions, values }, clock.nowMs());
      return own.filter(({ entry }) => entry !== undefined && found.has(entry));
    });
  });
  return new Set(held);
}

function proveFormer(former: ApplicationInventory | BrokerError): Proof {
  const proof = { ...proveVault(former), item: 'Versions in Key Vault from before the revocation' };
  return proof.proven || former instanceof BrokerError
    ? proof
    : { ...proof, detail: `${proof.detail} Somebody enabled them again. Disable them in Key Vault.` };
}

const select = (
  { client, refreshToken }: ApplicationInventory,
  isSelected: (version: InventoryVersion) => boolean,
): ApplicationInventory => ({ client: client.filter(isSelected), refreshToken: refreshToken.filter(isSelected) });

/**
 * The enabled versions from before or after the revocation. It was recorded when no version was enabled any more. Key Vault
 * has times of whole seconds, so a version of the same second may be older than the record.
 */
const enabledIn = (vault: ApplicationInventory, when: 'before' | 'after', atMs = Number.POSITIVE_INFINITY) =>
  select(vault, ({ enabled, createdAtMs }) => enabled && createdAtMs > atMs === (when === 'after'));

/** Leaves out what was stored after the revocation, enabled or not, and the accounts that only consented then. */
function stateBefore(state: State, options: RevokeOptions): State {
  const { vault } = state;
  if (vault instanceof BrokerError || vault.revokedAtMs === undefined) return state;
  const { revokedAtMs } = vault;
  const before = { ...select(vault, ({ createdAtMs }) => createdAtMs <= revokedAtMs), revokedAtMs };
  return { ...state, vault: before, ...accountsIn(before, options, new Map()) };
}

const timeItem = 'Access tokens from before the revocation';

/** By the clock of the vault alone: that of this machine may be wrong. */
function proveTime({ revokedAtMs, readAtMs }: ApplicationInventory): Proof {
  const item = timeItem;
  if (revokedAtMs === undefined) {
    const detail = 'Key Vault has no record of a revocation. Run `ptb revoke` until it ends with exit code 0.';
    return { item, proven: false, detail };
  }
  const endMs = revokedAtMs + longestAccessTokenMs + replicationMs;
  if (readAtMs === undefined) {
    const detail = 'Key Vault did not say what time it is. Run the command again.';
    return { item, proven: false, detail, inconclusive: true };
  }
  if (readAtMs >= endMs) return { item, proven: true, detail: `The last one expired at ${isoTime(endMs)}.` };
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
