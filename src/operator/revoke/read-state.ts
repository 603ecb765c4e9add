import { applicationTag } from '../../lib/consent/directory-state.ts';
import { BrokerError, toBrokerError } from '../../lib/core/errors.ts';
import { parseGuid } from '../../lib/core/identifiers.ts';
import { clientCredentialName } from '../../lib/core/secrets.ts';
import type { GraphClient } from '../../lib/microsoft/graph.ts';
import { isObject, type JsonObject, textOf, textsIn } from '../../lib/core/objects.ts';
import { applicationPath, keyMark } from '../../lib/tokens/credential/client-keys.ts';
import { isValueOf, listedTrust, readValues } from '../../lib/tokens/credential/registered-keys.ts';
import type { ApplicationInventory, InventoryVersion } from '../../lib/tokens/credential/vault-inventory.ts';
import { isUnknownIn } from './refusals.ts';
import {
  type EntraKey,
  isMissing,
  type KnownAccount,
  type Registration,
  type State,
  type RevokeDeps,
  type RevokeOptions,
  type TokenOwner,
  type TriedTokens,
} from './state.ts';

/**
 * Fails a registration that this tenant does not have, if the vault names another tenant for it and that tenant has it:
 * every answer of this tenant would look as if the application were gone. A tag may be wrong, so Entra decides.
 */
async function inOwnTenant(
  deps: RevokeDeps,
  vault: ApplicationInventory | BrokerError,
  registration: Registration,
): Promise<Registration> {
  const { clientId, keys } = registration;
  if (vault instanceof BrokerError || !isMissing(keys)) return registration;
  const named = vault.client.filter((version) => version.clientId === clientId);
  const tenants = new Set(named.flatMap(({ tenantId }) => tenantId ?? []));
  if (tenants.has(deps.partnerTenantId)) return registration;
  for (const tenantId of tenants) {
    if (await isUnknownIn(deps, clientId, tenantId)) continue;
    const failure = new BrokerError(
      'request_invalid',
      `The vault says that the application ${clientId} belongs to the tenant ${tenantId}, and the tenant ${deps.partnerTenantId} does not have it. Give --partner-tenant ${tenantId}, or correct the tag tenantId in Key Vault.`,
    );
    return { clientId, keys: failure, federated: failure, ownReference: undefined, isElsewhere: true };
  }
  return registration;
}

/**
 * Finds the accounts whose refresh tokens the vault holds or held: by the tags, by the tokens themselves, and by the
 * operator. Pure.
 */
export function accountsIn(
  vault: ApplicationInventory | BrokerError,
  { account }: Pick<RevokeOptions, 'account'>,
  tried: TriedTokens,
): Pick<State, 'accounts' | 'unnamed'> {
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
    const [id] = idsOf(version);
    if (id === undefined || found.has(id)) continue;
    const own = versions.filter((other) => idsOf(other)[0] === id);
    const ids = [...new Set(own.flatMap(idsOf))];
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

/**
 * Reads everything that a revocation concerns. Changes nothing.
 * @param tried what is known about the refresh tokens beside their tags.
 * @param known what was certain before keys were removed, see {@link State.certain}.
 * @throws BrokerError request_invalid for an application that the vault does not know, or that belongs to another tenant;
 * key_vault_unavailable when neither the vault nor the operator names an account or a client id.
 */
export async function readState(
  deps: RevokeDeps,
  options: RevokeOptions,
  tried: TriedTokens = new Map(),
  known: State['certain'] = new Set(),
): Promise<State> {
  const vault = await deps.inventory.read(options.application).catch(toBrokerError);
  const isNamed = typeof options.account === 'string' || options.clientId !== undefined;
  if (vault instanceof BrokerError && !isNamed) throw vault;
  if (!(vault instanceof BrokerError) && isEmpty(vault)) await expectLost(deps, options);
  const clientIds = [...new Set(namedClientIds(vault, options))];
  const registrations = await Promise.all(
    clientIds.map(async (clientId) => inOwnTenant(deps, vault, await readRegistration(deps, clientId))),
  );
  const isAnyHere = registrations.some(({ keys, isElsewhere }) => !isElsewhere && !isMissing(keys));
  const elsewhere = registrations.find(({ isElsewhere }) => isElsewhere)?.keys;
  if (!isAnyHere && elsewhere instanceof BrokerError) throw elsewhere;
  const certain = new Set([...known, ...(await certainIn(deps, options, { vault, registrations }))]);
  return { vault, registrations, certain, ...accountsIn(vault, options, tried) };
}

/** See {@link State.certain}. An application with the keys of another broker needs more than a tag. */
async function certainIn(
  { store }: RevokeDeps,
  { application, clientId }: RevokeOptions,
  { vault, registrations }: Pick<State, 'vault' | 'registrations'>,
): Promise<ReadonlySet<string>> {
  const { client, revokedAtMs = 0 } = vault instanceof BrokerError ? noVersions : vault;
  const named = clientId?.toLowerCase();
  const values = await readValues(store, application, client).catch(() => undefined);
  const { name: ownName } = keyMark(store.vault, application, []);
  const isKeyOf = ({ id, entry }: EntraKey, { version, keyId }: InventoryVersion): boolean => {
    const credential = values?.get(version);
    return id === keyId || (entry !== undefined && credential !== undefined && isValueOf(entry, { credential }));
  };
  const isRecorded = ({ createdAtMs }: InventoryVersion): boolean => createdAtMs <= revokedAtMs;
  const keysOf = ({ keys }: Registration): readonly EntraKey[] => (keys instanceof BrokerError ? [] : keys);
  const own = registrations.filter((registration) => {
    const keys = keysOf(registration);
    // The operator may mistype: of one that Graph does not know, the vault must know something.
    const isKnown = !isMissing(registration.keys) || namedClientIds(vault, {}).includes(registration.clientId);
    if ((registration.clientId === named && isKnown) || keys.some(({ name }) => name === ownName)) return true;
    if (client.some((version) => keys.some((key) => isKeyOf(key, version)))) return true;
    const isOfOther = keys.some(({ name }) => name.startsWith(`${clientCredentialName}:`));
    const wasRevoked = client.some((version) => version.clientId === registration.clientId && isRecorded(version));
    return registration.tags?.includes(applicationTag(application)) === true && (wasRevoked || !isOfOther);
  });
  const certain = new Set(own.map((registration) => registration.clientId));
  const keys = own.flatMap(keysOf);
  // The daily renewal removes the key of an older version, which then shows nothing itself.
  const shownByNewer = new Set<string | undefined>();
  for (const version of client) {
    const { clientId: id } = version;
    const credential = values?.get(version.version);
    const isShown =
      (named !== undefined && (id ?? named) === named) ||
      isRecorded(version) ||
      credential?.kind === 'federated' ||
      keys.some((key) => isKeyOf(key, version));
    if (isShown) shownByNewer.add(id);
    // A value that cannot be read is not tried either.
    const isTried = values === undefined || credential !== undefined;
    if (isShown || shownByNewer.has(id) || !isTried) certain.add(version.version);
  }
  return certain;
}

/** A vault that knows nothing of an application. */
export const noVersions: ApplicationInventory = { client: [], refreshToken: [] };

const isEmpty = ({ client, refreshToken }: ApplicationInventory): boolean => client.length + refreshToken.length === 0;

/**
 * Accepts an application of which the vault has nothing only if its client id is given, and no other name has it.
 * @throws BrokerError request_invalid otherwise.
 */
async function expectLost({ inventory, store }: RevokeDeps, { application, clientId }: RevokeOptions): Promise<void> {
  const names = await inventory.applications().catch(toBrokerError);
  const known = names instanceof BrokerError ? [] : names;
  if (clientId !== undefined) {
    for (const name of known) {
      const other = await inventory.read(name).catch(toBrokerError);
      if (!namedClientIds(other, {}).includes(clientId.toLowerCase())) continue;
      throw new BrokerError(
        'request_invalid',
        `The vault ${store.vault} has no application "${application}". It holds ${clientId} as ${name}. Give --application ${name}.`,
      );
    }
    return;
  }
  const hint =
    known.length > 0
      ? `It holds ${known.join(', ')}. Give one of these with --application.`
      : 'It holds no application at all. Check --vault, or give --client-id and --account.';
  throw new BrokerError('request_invalid', `The vault ${store.vault} has no application "${application}". ${hint}`);
}

/** The client ids that the operator and the versions name. */
function namedClientIds(
  vault: ApplicationInventory | BrokerError,
  { clientId }: Pick<RevokeOptions, 'clientId'>,
): readonly string[] {
  const listed = vault instanceof BrokerError ? [] : [...vault.client, ...vault.refreshToken];
  return [clientId, ...listed.map((version) => version.clientId)].flatMap((id) => id?.toLowerCase() ?? []);
}

/** Never throws. */
export async function readRegistration({ graph }: Pick<RevokeDeps, 'graph'>, clientId: string): Promise<Registration> {
  if (parseGuid(clientId) === undefined) {
    const detail = `"${clientId}" is not the id of an application. Correct --client-id, or the tag clientId in Key Vault.`;
    const failure = new BrokerError('request_invalid', detail);
    return { clientId, keys: failure, federated: failure, ownReference: undefined };
  }
  const path = applicationPath(clientId);
  const principalPath = `/servicePrincipals(appId='${clientId}')`;
  const keyFields = 'passwordCredentials,keyCredentials';
  try {
    const application = await graph.get(`${path}?$select=id,tags,${keyFields}`);
    const objectPath = `/applications/${textOf(application, 'id')}`;
    // Entra also accepts keys of the service principal, which only scripts add.
    const principal = await graph.find(`${principalPath}?$select=id,${keyFields}`).catch(toBrokerError);
    return {
      clientId,
      tags: textsIn(application['tags']),
      keys:
        principal instanceof BrokerError
          ? principal
          : [...keysIn(application, path), ...keysIn(principal, principalPath)],
      federated: await readTrusts(graph, objectPath).catch(toBrokerError),
      ownReference:
        principal instanceof BrokerError
          ? principal
          : await readOwnReference(graph, objectPath, textOf(principal, 'id')).catch(toBrokerError),
      otherOwners: await readOtherOwners(
        graph,
        objectPath,
        principal instanceof BrokerError ? undefined : textOf(principal, 'id'),
      ).catch(toBrokerError),
    };
  } catch (thrown) {
    const error = toBrokerError(thrown);
    const detail = `Microsoft Graph does not know the application ${clientId} (404). Check --partner-tenant, and run the command again.`;
    const failure = isMissing(thrown) ? new BrokerError('job_failed', detail, { logFields: error.logFields }) : error;
    return { clientId, keys: failure, federated: failure, ownReference: undefined };
  }
}

/** @throws BrokerError resource_error for an invalid reply, which must not look like an empty list. */
function keysIn(holder: JsonObject | undefined, path: string): readonly EntraKey[] {
  if (holder === undefined) return [];
  const read = (kind: EntraKey['kind'], field: string): EntraKey[] => {
    const listed = holder[field];
    if (!Array.isArray(listed) || !listed.every(isObject))
      throw new BrokerError('resource_error', `Microsoft Graph did not return ${field} of ${path}.`);
    return listed.map((entry) => ({
      kind,
      id: textOf(entry, 'keyId') ?? '',
      name: textOf(entry, 'displayName') ?? '',
      holder: path,
      startsAtMs: Date.parse(textOf(entry, 'startDateTime') ?? ''),
      entry,
    }));
  };
  return [...read('client secret', 'passwordCredentials'), ...read('certificate', 'keyCredentials')];
}

const readTrusts = (graph: GraphClient, objectPath: string): Promise<readonly EntraKey[]> =>
  Array.fromAsync(graph.list(`${objectPath}/federatedIdentityCredentials`), (trust) => ({
    kind: 'federated credential',
    id: textOf(trust, 'id') ?? '',
    name: textOf(trust, 'name') ?? '',
    trust: listedTrust(trust),
    holder: objectPath,
    startsAtMs: Number.NaN,
  }));

async function readOwnReference(
  graph: GraphClient,
  objectPath: string,
  principalId: string | undefined,
): Promise<string | undefined> {
  const owners = await Array.fromAsync(graph.list(`${objectPath}/owners`), (owner) => textOf(owner, 'id'));
  const isOwner = principalId !== undefined && owners.includes(principalId);
  return isOwner ? `${objectPath}/owners/${principalId}/$ref` : undefined;
}

/** Names of the owners of the application and of its service principal, without the service principal itself. */
async function readOtherOwners(
  graph: GraphClient,
  objectPath: string,
  principalId: string | undefined,
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const path of [objectPath, ...(principalId === undefined ? [] : [`/servicePrincipals/${principalId}`])]) {
    for await (const owner of graph.list(`${path}/owners`)) {
      const [id, name] = [textOf(owner, 'id'), textOf(owner, 'userPrincipalName') ?? textOf(owner, 'displayName')];
      if (id !== undefined && id !== principalId) names.add(name ?? id);
    }
  }
  return [...names].toSorted();
}
