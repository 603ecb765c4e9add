import { SetupError, toBrokerError } from '../core/errors.ts';
import { defaultApplication, type TenantId } from '../core/identifiers.ts';
import { defined } from '../core/objects.ts';
import { type CloudEndpoints, isAudienceOf, type ResourceRegistry } from '../core/resources.ts';
import type { AccessToken, Grant, Resource, Secret, TokenSource } from '../core/secrets.ts';
import type { ExchangeDeps } from '../microsoft/exchange.ts';
import { createGraphClient, type GraphClient } from '../microsoft/graph.ts';
import { readApplicationOf, type RegisteredApplication } from './directory-state.ts';
import type { PermissionProfile } from './permissions.ts';
import { registeredProfile } from './profile-file.ts';

export interface ConsentTokensDeps extends ExchangeDeps {
  /** Issues tokens for the partner tenant. */
  readonly ownTokens: Pick<TokenSource, 'getToken'>;
  /** Issues tokens for customer tenants. */
  readonly customerTokens: Pick<TokenSource, 'getToken'>;
  /** What the tokens are for, in the audit records of `customerTokens`. */
  readonly purpose?: string;
  readonly resources: ResourceRegistry;
  readonly endpoints: Pick<CloudEndpoints, 'graph'>;
  readonly partnerTenantId: TenantId;
  readonly newId: () => string;
}

/** The tokens with which consents are given, read and withdrawn. Every method throws the errors of the token sources. */
export interface ConsentTokens {
  /** For Partner Center, issued to the application that is consented. */
  readonly partnerCenter: (application: string) => Promise<Secret>;
  readonly graph: (application: string, grant: Grant, tenantId: TenantId) => Promise<Secret>;
  /** Microsoft Graph in a tenant, with a token of the application. Nothing interrupts its requests. */
  readonly graphIn: (application: string, grant: Grant, tenantId: TenantId) => GraphClient;
  /** The scopes of a token of the application for a resource in a customer tenant. */
  readonly scopesFor: (application: string, tenantId: TenantId, appId: string) => Promise<readonly string[]>;
}

export function createConsentTokens(deps: ConsentTokensDeps): ConsentTokens {
  const { ownTokens, customerTokens, purpose, resources, endpoints, partnerTenantId, newId } = deps;
  const tokenFor = (resource: Resource, application: string, grant: Grant, tenantId: TenantId): Promise<AccessToken> =>
    (tenantId === partnerTenantId ? ownTokens : customerTokens).getToken(
      defined({ tenantId, resource, grant, application, minimumLifetimeSeconds: 60, correlationId: newId(), purpose }),
    );
  const graph: ConsentTokens['graph'] = async (application, grant, tenantId) =>
    (await tokenFor(resources.get('graph'), application, grant, tenantId)).secret;
  return {
    partnerCenter: async (application) =>
      (await tokenFor(resources.get('partner-center'), application, 'delegated', partnerTenantId)).secret,
    graph,
    graphIn: (application, grant, tenantId) =>
      createGraphClient(deps, {
        baseUrl: endpoints.graph,
        correlationId: newId(),
        token: () => graph(application, grant, tenantId),
      }),
    scopesFor: async (application, tenantId, appId) => {
      const known = resources.list().find(({ identifier }) => isAudienceOf(appId, identifier));
      const resource = known ?? { alias: appId, identifier: appId };
      return (await tokenFor(resource, application, 'delegated', tenantId)).scopes;
    },
  };
}

/**
 * Reads an application in the partner tenant with the default application: another one may lack the permission. The service
 * account reads, or the application itself if its scopes do not suffice (profile legacy).
 * @param profileOf finds the permissions. Default: those that are registered.
 * @throws SetupError setup_refused if there is no such application; errors of Graph and of the token source.
 */
export async function readRegistration(
  tokens: Pick<ConsentTokens, 'graphIn'>,
  { clientId, partnerTenantId }: { readonly clientId: string; readonly partnerTenantId: TenantId },
  profileOf: (graph: GraphClient, registered: RegisteredApplication) => Promise<PermissionProfile> = registeredProfile,
) {
  const readAs = async (grant: Grant) => {
    const graph = tokens.graphIn(defaultApplication, grant, partnerTenantId);
    const registered = await readApplicationOf(graph, clientId);
    if (registered === undefined)
      throw new SetupError('setup_refused', `The partner tenant has no application with the client id ${clientId}.`);
    return { registered, profile: await profileOf(graph, registered) };
  };
  try {
    return await readAs('delegated');
  } catch (thrown) {
    if (thrown instanceof SetupError || toBrokerError(thrown).code !== 'access_denied') throw thrown;
    return readAs('application');
  }
}
