import type { ApplicationInventory, InventoryVersion } from '../../lib/tokens/credential/vault-inventory.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import type { KnownAccount, RevocationState, RevokeOptions, TokenOwner, TriedTokens } from './revoke-state.ts';

/**
 * Finds the accounts whose refresh tokens the vault holds or held: by the tags, by the tokens themselves, and by the
 * operator. Pure.
 */
export function accountsIn(
  vault: ApplicationInventory | BrokerError,
  { account }: Pick<RevokeOptions, 'account'>,
  tried: TriedTokens,
): Pick<RevocationState, 'accounts' | 'unnamed'> {
  const versions = vault instanceof BrokerError ? [] : vault.refreshToken;
  const isCovered = (version: InventoryVersion): boolean => isRevoked(vault, version);
  const accounts = withOwners(withNamed(taggedAccounts(versions, tried, isCovered), account), tried);
  // The operator says whose they are.
  if (typeof account === 'string') return { accounts, unnamed: [] };
  const unnamed = versions.filter(
    (version) =>
      idsOf(version).length === 0 && (tried.get(version.version) ?? 'unknown') === 'unknown' && !isCovered(version),
  );
  return { accounts, unnamed: unnamed.map(({ version }) => version) };
}

/** Whether a recorded revocation has proven that the version does not work. What it learned of the account is not kept. */
const isRevoked = (vault: ApplicationInventory | BrokerError, { enabled, createdAtMs }: InventoryVersion): boolean =>
  !(vault instanceof BrokerError) && !enabled && vault.revokedAtMs !== undefined && createdAtMs <= vault.revokedAtMs;

/** Empty for a token that was stored by hand. */
const idsOf = ({ account, accountObjectId }: InventoryVersion): readonly string[] =>
  [accountObjectId, account].flatMap((id) => id ?? []);

/**
 * Only the newest account is expected to exist. If Graph does not know it, its tag may be wrong, unless Entra itself named
 * the owner of each of its refresh tokens or refused the token, in this revocation or in an earlier one.
 */
function taggedAccounts(
  versions: readonly InventoryVersion[],
  tried: TriedTokens,
  isCovered: (version: InventoryVersion) => boolean,
): readonly KnownAccount[] {
  const found = new Map<string, KnownAccount>();
  for (const version of versions) {
    const ids = idsOf(version);
    const [id] = ids;
    if (id === undefined || found.has(id)) continue;
    const own = versions.filter((other) => idsOf(other)[0] === id);
    const known = own.flatMap((other) => tried.get(other.version) ?? []);
    const isKnown = (known.length > 0 && !known.includes('unknown')) || own.every(isCovered);
    found.set(id, { name: version.account ?? id, ids, isExpected: found.size === 0 && !isKnown });
  }
  return [...found.values()];
}

/**
 * The account that the operator names must exist, unless a tag names it too: then the operator confirms that it was
 * deleted. No other one has to exist.
 */
function withNamed(tagged: readonly KnownAccount[], account: RevokeOptions['account']): readonly KnownAccount[] {
  if (account === undefined || account === false) return tagged;
  const isSame = ({ ids }: KnownAccount): boolean => ids.some((id) => id.toLowerCase() === account.toLowerCase());
  const same = tagged.find(isSame);
  const named = { name: account, ids: [...new Set([...(same?.ids ?? []), account])], isExpected: same === undefined };
  return [...tagged.filter((each) => each !== same).map((each) => ({ ...each, isExpected: false })), named];
}

/** Adds the owners of refresh tokens that no tag names. */
function withOwners(known: readonly KnownAccount[], tried: TriedTokens): readonly KnownAccount[] {
  const owners = [...tried.values()].filter((owner): owner is TokenOwner => typeof owner !== 'string');
  return owners.reduce<readonly KnownAccount[]>((accounts, { id, name }) => {
    if (accounts.some(({ ids }) => ids.includes(id))) return accounts;
    // A tag may name this account beside the object id of another one.
    const isTaken = accounts.some((each) => each.name === name);
    return [...accounts, { name: isTaken ? `${name} (${id})` : name, ids: [id], isExpected: true }];
  }, known);
}
