import { describeKey } from '../../lib/tokens/credential/registered-keys.ts';
import type { ApplicationInventory } from '../../lib/tokens/credential/vault-inventory.ts';
import { BrokerError, toBrokerError } from '../../lib/core/errors.ts';
import { isoTime, retry } from '../../lib/core/clock.ts';
import {
  allKeys,
  doubtOf,
  type EntraKey,
  isMissing,
  type KnownAccount,
  type Registration,
  type State,
  type RevokeDeps,
} from './state.ts';
import { type MissingAccount, proofOfMissing, readValidFromMs } from './steps.ts';
import { keysItem, type Proof, proveMissing, unread } from './refusals.ts';

/** Pauses until Graph shows what was just written. */
const readBackPausesMs = [1_000, 2_000, 4_000] as const;

/**
 * Proves by reading again that nothing of the credential is left.
 * @param isKnown keys that may be there. None after a revocation.
 */
export async function proveState(
  deps: RevokeDeps,
  state: State,
  isKnown: (key: EntraKey) => boolean = () => false,
): Promise<readonly Proof[]> {
  const keys = await Promise.all(
    state.registrations.map((registration) => proveKeys(deps, state, { registration, isKnown })),
  );
  const accounts = await Promise.all(state.accounts.map((account) => proveSessions(deps, account, state)));
  return [...keys, ...accounts];
}

async function proveKeys(
  deps: RevokeDeps,
  state: State,
  { registration, isKnown }: { readonly registration: Registration; readonly isKnown: (key: EntraKey) => boolean },
): Promise<Proof> {
  const item = keysItem(registration.clientId);
  const doubt = doubtOf(state, registration);
  if (doubt !== undefined) return unread(item, doubt);
  try {
    const left = allKeys(registration).filter((key) => !isKnown(key));
    if (left.length > 0) {
      const named = left.map((key) => `${key.kind} ${describeKey(key)}`).join(', ');
      return { item, proven: false, detail: `Still registered in Entra: ${named}.` };
    }
    const other = allKeys(registration).length === 0 ? '' : 'other ';
    const none = `Entra has no ${other}client secret, certificate or federated credential.`;
    return { item, proven: true, detail: `${none}${ownersText(registration)}` };
  } catch (thrown) {
    if (isMissing(thrown)) return proveMissing(deps, state, registration);
    return unread(item, toBrokerError(thrown));
  }
}

function ownersText({ otherOwners = [] }: Registration): string {
  if (otherOwners instanceof BrokerError) return ` Its other owners could not be listed: ${otherOwners.detail}`;
  return otherOwners.length === 0 ? '' : ` Its other owners can add one: ${otherOwners.join(', ')}.`;
}

/**
 * Entra refuses every refresh token that was issued before `signInSessionsValidFromDateTime` ("user:
 * revokeSignInSessions"). So this also covers the tokens whose values nobody can read any more. A revocation ends the
 * sessions of each account after the last version was stored, whoever that version belongs to. An account that only the
 * operator names, in the second pass, may not have been part of it.
 */
async function proveSessions(deps: RevokeDeps, account: KnownAccount, { vault }: State): Promise<Proof> {
  const item = `Refresh tokens of ${account.name}`;
  const versions = vault instanceof BrokerError ? [] : vault.refreshToken;
  const sinceMs = Math.max(0, ...versions.map(({ createdAtMs }) => createdAtMs));
  try {
    const validFromMs = await retry(() => readValidFromMs(deps, account), {
      clock: deps.clock,
      attempts: readBackPausesMs.length + 1,
      afterValue: (value, attempt) => (isAfter(value, sinceMs) ? undefined : readBackPausesMs[attempt - 1]),
    });
    if (typeof validFromMs === 'object') return { item, ...proofOfMissing(account, validFromMs) };
    if (validFromMs === undefined) return { item, proven: false, detail: 'Graph does not say when they end.' };
    const detail = `Entra refuses those that were issued before ${isoTime(validFromMs)}.`;
    if (isAfter(validFromMs, sinceMs)) return { item, proven: true, detail };
    const newest = `The newest refresh token in the vault is from ${isoTime(sinceMs)}.`;
    return { item, proven: false, detail: `${detail} ${newest} Run \`ptb revoke\` with --account ${account.name}.` };
  } catch (thrown) {
    return unread(item, toBrokerError(thrown));
  }
}

/** Graph and Key Vault have times of whole seconds. */
const isAfter = (validFromMs: number | MissingAccount | undefined, sinceMs: number): boolean =>
  typeof validFromMs === 'number' && validFromMs >= Math.floor(sinceMs / 1000) * 1000;

/** Proves that the vault hands out nothing. */
export function proveVault(vault: ApplicationInventory | BrokerError): Proof {
  const item = 'Versions in Key Vault';
  if (vault instanceof BrokerError) return unread(item, vault);
  const enabled = [...vault.client, ...vault.refreshToken].filter((version) => version.enabled);
  const detail = enabled.length === 0 ? 'None is enabled.' : `${enabled.length} are enabled.`;
  return { item, proven: enabled.length === 0, detail };
}
