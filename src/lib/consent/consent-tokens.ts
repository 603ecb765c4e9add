import { isAudienceOf } from '../microsoft/audiences.ts';
import { createGraphClient, type GraphClient } from '../microsoft/client.ts';
import type { ExchangeDeps } from '../microsoft/exchange.ts';
import type { CloudEndpoints } from '../core/clouds.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { ResourceRegistry } from '../core/resources.ts';
import type { Secret } from '../core/secret.ts';
import type { AccessToken, Grant, Resource, TokenSource } from '../core/token.ts';

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
    (tenantId === partnerTenantId ? ownTokens : customerTokens).getToken({
      tenantId,
      resource,
      grant,
      application,
      minimumLifetimeSeconds: 60,
      correlationId: newId(),
      ...(purpose === undefined ? {} : { purpose }),
    });
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
