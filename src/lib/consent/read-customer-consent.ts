import type { BatchReply } from '../microsoft/batch.ts';
import type { GraphClient } from '../microsoft/client.ts';
import { isJsonObject, type JsonObject, objectsIn, textOf } from '../microsoft/reply.ts';
import { defaultApplication } from '../core/secrets.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { type CustomerConsent, mergeScopes, noConsent, type ScopedResource } from './customer-grants.ts';
import { readScopeGrants } from './read-directory-state.ts';

export interface ReadConsentDeps {
  /** Microsoft Graph in a customer tenant, with the token of one of the broker's applications. */
  readonly graph: (application: string, tenantId: TenantId) => GraphClient;
  /** The scopes of a token of an application for a resource in a customer tenant. */
  readonly scopesOfToken: (
    application: string,
    tenantId: TenantId,
    resourceAppId: string,
  ) => Promise<readonly string[]>;
}

export interface ConsentedApplication {
  /** Its name in Key Vault. */
  readonly application: string;
  readonly clientId: string;
}

/** Entra's numbers for an application that is consented, but switched off or restricted by the customer. */
const restrictedByCustomer: ReadonlySet<unknown> = new Set([70001, 7000112, 50105]);

/**
 * Reads the consent to an application in a customer tenant. Before the first consent Entra issues no token for reading it,
 * which counts as no consent. The consent of an application without a permission to read the directory is read with the
 * default one, or else taken from its own tokens.
 * @throws BrokerError of Entra or Microsoft Graph.
 */
export async function readCustomerConsent(
  deps: ReadConsentDeps,
  { application, clientId }: ConsentedApplication,
  wanted: readonly ScopedResource[],
  tenantId: TenantId,
): Promise<CustomerConsent> {
  const readAs = (reader: string) => readConsent(deps.graph(reader, tenantId), clientId, wanted);
  try {
    return await readAs(application);
  } catch (thrown) {
    const failure = toBrokerError(thrown);
    const isAbsent = isConsentAbsent(failure);
    if (!isAbsent && failure.code !== 'access_denied') throw failure;
    if (application !== defaultApplication) {
      const read = await readAs(defaultApplication).catch(() => undefined);
      if (read !== undefined) return read;
    }
    return isAbsent ? noConsent : readTokens(deps, application, wanted, tenantId);
  }
}

/** Whether Entra says that the application has no consent or no service principal in the tenant. */
export const isConsentAbsent = ({ code, logFields }: BrokerError): boolean =>
  code === 'consent_required' && !restrictedByCustomer.has(logFields['aadsts']);

/** The permissions that Entra puts into tokens of the application. */
async function readTokens(
  deps: ReadConsentDeps,
  application: string,
  wanted: readonly ScopedResource[],
  tenantId: TenantId,
): Promise<CustomerConsent> {
  const grants: ScopedResource[] = [];
  const absent = new Set<string>();
  for (const resource of wanted) {
    const { appId } = resource;
    try {
      grants.push({ ...resource, scopes: await deps.scopesOfToken(application, tenantId, appId) });
    } catch (thrown) {
      const failure = toBrokerError(thrown);
      if (failure.code === 'resource_unavailable') absent.add(appId);
      else if (!isConsentAbsent(failure)) throw failure;
    }
  }
  return { grants, absent, isComplete: false };
}

async function readConsent(
  graph: GraphClient,
  clientId: string,
  wanted: readonly ScopedResource[],
): Promise<CustomerConsent> {
  const appIds = [clientId, ...wanted.map(({ appId }) => appId)];
  const principals = new Map<string, JsonObject>();
  const requests = appIds.map((appId) => ({
    id: appId,
    path: `/servicePrincipals?$filter=appId eq '${appId}'&$select=id,appId,displayName`,
  }));
  for (const reply of await graph.batch(requests)) {
    const [found] = objectsIn(valueIn(reply)['value']);
    if (found !== undefined) principals.set(reply.id, found);
  }
  const absent = new Set(wanted.map(({ appId }) => appId).filter((appId) => !principals.has(appId)));
  const principalId = textOf(principals.get(clientId), 'id');
  if (principalId === undefined) return { grants: [], absent, isComplete: true };
  const granted = await readScopeGrants(graph, principalId);
  const known = new Map([...principals.values()].map((principal) => [textOf(principal, 'id'), principal]));
  const others = [...new Set(granted.map(({ resourceId }) => resourceId))].filter((id) => !known.has(id));
  const lookups = others.map((id) => ({ id, path: `/servicePrincipals/${id}?$select=id,appId,displayName` }));
  if (lookups.length > 0) for (const reply of await graph.batch(lookups)) known.set(reply.id, valueIn(reply));
  const nameOf = new Map(wanted.map(({ appId, name }) => [appId, name]));
  const grants = granted.map(({ resourceId, scopes }): ScopedResource => {
    const principal = known.get(resourceId);
    const appId = textOf(principal, 'appId');
    // Without its id the grant could not be given again after a withdrawal.
    if (appId === undefined)
      throw new BrokerError('resource_error', 'Microsoft Graph does not name a consented resource.');
    return { appId, name: nameOf.get(appId) ?? textOf(principal, 'displayName') ?? appId, scopes };
  });
  const merged = grants.reduce<readonly ScopedResource[]>((all, each) => mergeScopes(all, [each]), []);
  return { grants: merged, absent, isComplete: true };
}

function valueIn(reply: BatchReply): JsonObject {
  if (!reply.ok) throw reply.error;
  if (isJsonObject(reply.value)) return reply.value;
  throw new BrokerError('resource_error', 'Microsoft Graph sends a service principal that is not an object.');
}
