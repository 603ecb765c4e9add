import { applicationPath } from '../../lib/tokens/credential/client-keys.ts';
import { listedTrust } from '../../lib/tokens/credential/registered-keys.ts';
import type { ApplicationInventory } from '../../lib/tokens/credential/vault-inventory.ts';
import type { GraphClient } from '../../lib/microsoft/client.ts';
import { isJsonObject, type JsonObject, textOf } from '../../lib/microsoft/reply.ts';
import { BrokerError, toBrokerError } from '../../lib/core/errors.ts';
import { accountsIn } from './revoke-accounts.ts';
import {
  type EntraKey,
  isMissing,
  type Registration,
  type RevocationState,
  type RevokeDeps,
  type RevokeOptions,
  type TriedTokens,
} from './revoke-state.ts';
import { inOwnTenant } from './revoke-tenant.ts';

/**
 * Reads everything that a revocation concerns. Changes nothing.
 * @param tried what is known about the refresh tokens beside their tags.
 * @throws BrokerError request_invalid for an application that the vault does not know, or that belongs to another tenant;
 * key_vault_unavailable when neither the vault nor the operator names an account or a client id.
 */
export async function readRevocationState(
  deps: RevokeDeps,
  options: RevokeOptions,
  tried: TriedTokens = new Map(),
): Promise<RevocationState> {
  const vault = await deps.inventory.read(options.application).catch(toBrokerError);
  const isNamed = typeof options.account === 'string' || options.clientId !== undefined;
  if (vault instanceof BrokerError && !isNamed) throw vault;
  if (!(vault instanceof BrokerError) && isEmpty(vault)) await expectLost(deps, options);
  const clientIds = [...new Set(namedClientIds(vault, options))];
  const registrations = await Promise.all(
    clientIds.map(async (clientId) => ({
      ...(await inOwnTenant(deps, vault, await readRegistration(deps, clientId))),
      ...(isConfirmed(clientId, vault, options) ? { isConfirmed: true as const } : {}),
    })),
  );
  const isAnyHere = registrations.some(({ keys, isElsewhere }) => !isElsewhere && !isMissing(keys));
  const elsewhere = registrations.find(({ isElsewhere }) => isElsewhere)?.keys;
  if (!isAnyHere && elsewhere instanceof BrokerError) throw elsewhere;
  return { vault, registrations, ...accountsIn(vault, options, tried) };
}

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

/** The client ids that the operator and the versions name, one for each time that one is named. */
function namedClientIds(
  vault: ApplicationInventory | BrokerError,
  { clientId }: Pick<RevokeOptions, 'clientId'>,
): readonly string[] {
  const listed = vault instanceof BrokerError ? [] : [...vault.client, ...vault.refreshToken];
  return [clientId, ...listed.map((version) => version.clientId)].flatMap((id) => id?.toLowerCase() ?? []);
}

/** A single tag may be wrong, and the operator may mistype. */
const isConfirmed = (clientId: string, vault: ApplicationInventory | BrokerError, options: RevokeOptions): boolean =>
  namedClientIds(vault, options).filter((id) => id === clientId).length > 1;

/** Never throws. */
export async function readRegistration({ graph }: Pick<RevokeDeps, 'graph'>, clientId: string): Promise<Registration> {
  const path = applicationPath(clientId);
  const principalPath = `/servicePrincipals(appId='${clientId}')`;
  const keyFields = 'passwordCredentials,keyCredentials';
  try {
    const application = await graph.get(`${path}?$select=id,${keyFields}`);
    const objectPath = `/applications/${textOf(application, 'id')}`;
    // Entra also accepts keys of the service principal, which only scripts add.
    const principal = await graph.find(`${principalPath}?$select=id,${keyFields}`).catch(toBrokerError);
    return {
      clientId,
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
    const failure = isMissing(thrown) ? missing(clientId, thrown) : toBrokerError(thrown);
    return { clientId, keys: failure, federated: failure, ownReference: undefined };
  }
}

const missing = (clientId: string, thrown: unknown): BrokerError =>
  new BrokerError(
    'job_failed',
    `Microsoft Graph does not know the application ${clientId} (404). Check --tenant, and run the command again.`,
    { logFields: toBrokerError(thrown).logFields },
  );

/** @throws BrokerError resource_error for an invalid reply, which must not look like an empty list. */
function keysIn(holder: JsonObject | undefined, path: string): readonly EntraKey[] {
  if (holder === undefined) return [];
  const read = (kind: EntraKey['kind'], field: string): EntraKey[] => {
    const listed = holder[field];
    if (!Array.isArray(listed) || !listed.every(isJsonObject)) {
      throw new BrokerError('resource_error', `Microsoft Graph did not return ${field} of ${path}.`);
    }
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

async function readTrusts(graph: GraphClient, objectPath: string): Promise<readonly EntraKey[]> {
  const trusts: EntraKey[] = [];
  for await (const trust of graph.list(`${objectPath}/federatedIdentityCredentials`)) {
    trusts.push({
      kind: 'federated credential',
      id: textOf(trust, 'id') ?? '',
      name: textOf(trust, 'name') ?? '',
      trust: listedTrust(trust),
      holder: objectPath,
      startsAtMs: Number.NaN,
    });
  }
  return trusts;
}

async function readOwnReference(
  graph: GraphClient,
  objectPath: string,
  principalId: string | undefined,
): Promise<string | undefined> {
  for await (const owner of graph.list(`${objectPath}/owners`)) {
    if (principalId !== undefined && textOf(owner, 'id') === principalId) {
      return `${objectPath}/owners/${principalId}/$ref`;
    }
  }
  return undefined;
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
